"""Killed at any step, or two at once: the intent is durable before the first byte, the answer before it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.gateways.paywize.client import Paywize
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, moved
from tests.operators.conftest import Pay
from tests.processes import Child, at_once, die


def killed_after(owner: type, method: str, pay: Pay) -> Callable[[], Any]:
    def act() -> Any:
        original = getattr(owner, method)

        def then_die(*args: Any, **kwargs: Any) -> Any:
            told = original(*args, **kwargs)
            if isinstance(told, Generator):  # a flow: die when it has ended
                return ended(told)
            die()
            return told

        def ended(flow: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            told = yield from flow
            die()
            return told

        setattr(owner, method, then_die)
        return pay()

    return act


# Step after which the worker dies, and how often money has moved by then.
STEPS = [(Journal, "intend", 0), (Journal, "claim", 0), (Paywize, "initiate_payout", 1), (Journal, "observed", 1)]


@pytest.mark.parametrize(("owner", "method", "already"), STEPS)
def test_a_worker_that_is_killed_at_any_step_leaves_books_that_pay_once(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Callable[[float], None], any_books: str, owner: type, method: str,
    already: int,
) -> None:  # fmt: skip
    connect(timeout=0.3, visibility_window=1)
    assert Child(killed_after(owner, method, pay)).result() == "killed"
    assert moved(sandbox) == already
    age(60)
    result = pay()
    assert (result["status"], moved(sandbox)) == ("SUCCESS", 1)
    assert calls(sandbox, "initiate") == 1


def test_while_the_killed_workers_submission_may_be_on_its_way_nobody_sends(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Callable[[float], None]
) -> None:
    connect(timeout=0.1, visibility_window=1000)
    assert Child(killed_after(Journal, "claim", pay)).result() == "killed"
    age(5.4)  # of a lease of 2 calls of 0.3 s and 5 s
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    assert calls(sandbox, "initiate") == 0


def test_workers_with_one_reference_at_once_move_the_money_once(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str
) -> None:
    connect(timeout=5)
    sandbox.merchant("docs-v1", dedupe=False)  # no help from the gateway
    sandbox.fault("initiate", "slow", seconds=0.2, times=None)
    told = at_once([pay] * 4)
    assert {result["transaction_id"] for result in told} == {"PAY000000001"}
    assert (moved(sandbox), calls(sandbox, "initiate"), calls(sandbox, "auth")) == (1, 1, 1)


def test_one_reference_for_two_amounts_at_once_pays_one_of_them(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str
) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "slow", seconds=0.1, times=None)
    told = at_once([lambda: pay(amount="10"), lambda: pay(amount="20")] * 2)
    (line,) = sandbox.ledger()["lines"]
    won = [result for result in told if isinstance(result, dict)]
    assert {result["amount"] for result in won} == {line["amount"]}
    assert {result[1] for result in told if isinstance(result, tuple)} == {"ReferenceConflict"}


def test_workers_share_the_daily_ceiling(sandbox: Sandbox, connect: Any, pay: Pay, any_books: str) -> None:
    connect(max_daily_amount="3000")
    told = at_once([lambda number=number: pay(f"INV-{number}", amount="1000") for number in range(5)])  # type: ignore[misc]
    assert sorted(result[1] for result in told if isinstance(result, tuple)) == ["LimitExceeded"] * 2
    assert moved(sandbox) == 3


def test_books_that_are_away_send_nothing(
    sandbox: Sandbox, connect: Any, pay: Pay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "postgresql://nobody:hunter2secret@127.0.0.1:1/none")
    with pytest.raises(errors.NotSent) as raised:
        pay()
    assert "hunter2secret" not in str(raised.value)
    assert sandbox.counters()["total"] == 0


@pytest.mark.parametrize("setting", ["mysql://h/d", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_books_of_a_wrong_kind_are_refused_before_any_request(
    sandbox: Sandbox, pay: Pay, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", setting)
    with pytest.raises(errors.InvalidRequest, match=r"\[paygate\] database"):
        pay()
    assert sandbox.counters()["total"] == 0


def test_books_may_be_an_airflow_connection(
    sandbox: Sandbox, pay: Pay, monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    from sqlalchemy.engine import make_url

    url = make_url(postgres)
    monkeypatch.setenv("AIRFLOW_CONN_BOOKS", f"postgres://{url.username}@{url.host}:{url.port}/{url.database}"
                       f"?options={url.query['options']}")  # fmt: skip
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "conn:books")
    sandbox.merchant("docs-v1", dedupe=False)
    assert pay()["status"] == "SUCCESS"
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", postgres)
    assert pay()["already_paid"]
    assert moved(sandbox) == 1
