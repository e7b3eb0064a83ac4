"""The gateway's per-minute limits, kept by all workers together; and its call for patience, heard by all of them."""

from __future__ import annotations

import json
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import database
from airflow_provider_paygate.gateways.wire import Pause, Task
from airflow_provider_paygate.payouts.rates import Rates
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.transport import awaiting, blocking
from tests.conftest import calls, moved, payment
from tests.operators.conftest import Pay, PayBatch
from tests.processes import Child, at_once


class Waits(Exception):
    """What a worker would have waited for, in seconds."""


def now() -> float:
    with database().read() as connection:
        return database().now(connection)


def moment(rates: Rates, operation: str = "initiate") -> float:
    """When the next request may leave; nobody waits for it."""
    flow, wait = rates.place(operation), 0.0
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                wait = step.seconds
                step = flow.send(None)
            else:
                assert isinstance(step, Task)
                step = flow.send(step.run())
    except StopIteration:
        return now() + wait


@pytest.mark.parametrize("limit", [1, 7])
def test_in_no_minute_do_all_processes_together_ask_more_often_than_allowed(any_books: str, limit: int) -> None:
    rates = Rates(database(), "account", {"initiate": limit})
    moment(rates)

    def worker() -> list[float]:
        mine = Rates(database(), "account", {"initiate": limit})
        return [moment(mine) for _ in range(8)]

    moments = sorted(chain.from_iterable(at_once([worker] * 4)))
    begun = moments[0]
    for first, last in zip(moments, moments[limit:], strict=False):
        assert last - first > 60
    # And no more slowly than that: 33 requests need 33 / limit minutes.
    assert moments[-1] - begun < (33 // limit + 1) * 63


def test_accounts_and_operations_do_not_wait_for_each_other(any_books: str) -> None:
    limits = {"initiate": 1, "status": 1, "balance": 0}
    rates, other = Rates(database(), "account", limits), Rates(database(), "other", limits)
    assert moment(rates) - now() < 1
    assert moment(rates, "status") - now() < 1
    assert moment(other) - now() < 1
    assert moment(rates) - now() > 60
    for operation in ("balance", "collection_initiate"):
        assert [moment(rates, operation) - now() < 1 for _ in range(3)] == [True] * 3


def test_a_batch_keeps_the_rate_of_a_gateway_that_counts(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway refuses the sixth request of any minute. Waiting is time that passes there and in the database."""
    connect(rate_limits={"auth": 0, "initiate": 5, "status": 6, "balance": 0})
    sandbox.merchant("docs-v1", enforce_rates=True, rates={"initiate": 5, "status": 6})
    waited: list[float] = []

    def passed(seconds: float) -> None:
        waited.append(seconds)
        sandbox.advance(seconds)
        with database().begin() as connection:
            row = connection.execute(text("SELECT sends FROM paygate_rates WHERE operation = 'initiate'")).one()
            earlier = json.dumps([moment - seconds for moment in json.loads(row.sends)])
            connection.execute(
                text("UPDATE paygate_rates SET sends = :sends WHERE operation = 'initiate'"), {"sends": earlier}
            )

    async def performed(step: Any, *rest: Any) -> Any:
        return passed(step.seconds) if isinstance(step, Pause) else await original(step, *rest)

    original = awaiting._performed
    monkeypatch.setattr(awaiting, "_performed", performed)
    summary = pay_batch(payouts=[payment(f"INV-{number}") for number in range(13)], max_concurrency=1,
                        wait_for_completion=False)  # fmt: skip
    assert summary["pending"] == moved(sandbox) == 13
    assert sandbox.counters()["rejected"] == 0
    assert 100 < sum(waited) < 130  # thirteen at five a minute begin in the third minute


@pytest.mark.parametrize(("fault", "asked", "seconds"), [("throttle_429", 30, 30), ("code_4290", None, 10),
                                                        ("throttle_429", 0, 10)])  # fmt: skip
def test_when_the_gateway_asks_for_patience_everybody_waits_and_waiting_costs_no_request(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str, fault: str, asked: int | None, seconds: float
) -> None:
    connect(rate_limits={"auth": 0, "initiate": 1000, "status": 0, "balance": 0})
    sandbox.fault("initiate", fault, **({} if asked is None else {"retry_after": asked}))
    with pytest.raises(errors.Throttled) as raised:
        pay("INV-1")
    assert raised.value.retry_after == asked

    def another() -> Any:
        def waits(seconds: float) -> None:
            raise Waits(seconds)

        blocking.time = SimpleNamespace(sleep=waits, monotonic=blocking.time.monotonic)  # type: ignore[assignment]
        return pay("INV-2")

    for kind, name, wait in at_once([another] * 3):
        assert (kind, name) == ("raised", "Waits")
        assert seconds - 5 < float(wait) <= seconds
    assert (calls(sandbox, "initiate"), moved(sandbox)) == (1, 0)
    with database().begin() as connection:
        connection.execute(
            text("UPDATE paygate_rates SET not_before = not_before - :by, sends = '[]'"), {"by": seconds}
        )
    assert Child(lambda: pay("INV-1")).result()["status"] == "SUCCESS"


def test_a_look_up_that_is_throttled_holds_the_status_rate_only(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    connect(rate_limits={"auth": 0, "initiate": 100, "status": 100, "balance": 0})
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", "throttle_429", retry_after=30)
    with pytest.raises(errors.OutcomeUnknown):
        pay("INV-1")
    with database().read() as connection:
        rows = connection.execute(text("SELECT operation, not_before FROM paygate_rates")).fetchall()
    assert {row.operation: row.not_before > now() + 20 for row in rows} == {"initiate": False, "status": True}
