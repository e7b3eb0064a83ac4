"""Sent by a worker, waited for in the triggerer, told by a worker: and the triggerer only ever reads."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.triggers.paywize import PaywizePayoutTrigger
from tests.conftest import CANARY_ACCOUNT, calls, moved, payment
from tests.triggers.running import fired


@pytest.fixture
def deferred(sandbox: Sandbox, connect: Any) -> Callable[..., tuple[PaywizePayoutOperator, TaskDeferred]]:
    connect()
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3], "NEFT": [1, 3]})

    def made(**fields: Any) -> tuple[PaywizePayoutOperator, TaskDeferred]:
        operator = PaywizePayoutOperator(
            task_id="pay", deferrable=True, **payment(**{"poll_interval": 0.02, "timeout": 30, **fields})
        )
        with pytest.raises(TaskDeferred) as raised:
            operator.execute({})
        return operator, raised.value

    return made


def test_it_is_sent_before_it_is_deferred_and_told_when_it_is_settled(sandbox: Sandbox, deferred: Any) -> None:
    operator, waiting = deferred()
    assert (moved(sandbox), waiting.method_name) == (1, "execute_complete")
    assert waiting.timeout > timedelta(seconds=30)
    before = calls(sandbox, "initiate")
    sandbox.advance(10)
    event = fired(waiting.trigger)
    assert event == {"reference": "INV-1", "already_paid": False, "status": "done"}
    result = operator.execute_complete({}, event)
    assert (result["status"], result["already_paid"], len(result["utr"])) == ("SUCCESS", False, 12)
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, before)


def test_what_crosses_to_the_triggerer_is_plain_and_tells_no_account(deferred: Any) -> None:
    _, waiting = deferred()
    path, arguments = waiting.trigger.serialize()
    assert path == "airflow_provider_paygate.triggers.paywize.PaywizePayoutTrigger"
    shown = json.dumps(arguments) + repr(waiting.trigger)
    for secret in (CANARY_ACCOUNT, "PAYGATESANDBOX", "Asha"):
        assert secret not in shown
    assert arguments["deadline"] > time.time() + 20


def test_a_failure_is_told_by_the_worker(sandbox: Sandbox, deferred: Any) -> None:
    operator, waiting = deferred(beneficiary_account="9876543210")
    sandbox.advance(5)
    with pytest.raises(errors.PayoutFailed):
        operator.execute_complete({}, fired(waiting.trigger))
    assert moved(sandbox) == 1


def test_not_final_by_the_deadline_is_pending(sandbox: Sandbox, deferred: Any) -> None:
    operator, waiting = deferred(timeout=0.1)
    event = fired(waiting.trigger)
    assert event["status"] == "timeout"
    with pytest.raises(errors.StillPending):
        operator.execute_complete({}, event)
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_a_retry_after_that_defers_again_and_sends_nothing(sandbox: Sandbox, deferred: Any) -> None:
    deferred(timeout=0.1)
    operator, waiting = deferred()
    sandbox.advance(10)
    assert operator.execute_complete({}, fired(waiting.trigger))["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


@pytest.mark.parametrize("fault", ["http_500", "http_502_html", "throttle_429", "reset_after", "empty_body", "undecryptable",
                                   "token_expired", "http_404"])  # fmt: skip
def test_passing_failures_are_waited_out(sandbox: Sandbox, deferred: Any, fault: str) -> None:
    operator, waiting = deferred()
    sandbox.advance(10)
    sandbox.fault("status", fault, times=2 if fault != "token_expired" else 1)
    assert operator.execute_complete({}, fired(waiting.trigger))["status"] == "SUCCESS"


def test_what_waiting_cannot_mend_comes_back_as_what_it_is(sandbox: Sandbox, connect: Any, deferred: Any) -> None:
    operator, waiting = deferred()
    sandbox.merchant("docs-v1", allowed_ips=["10.9.9.9"])
    event = fired(waiting.trigger)
    assert event["status"] == "error"
    with pytest.raises(errors.NotPermitted) as raised:
        operator.execute_complete({}, event)
    assert (raised.value.gateway, raised.value.http_status) == ("paywize", 403)


def test_a_wrong_secret_in_the_triggerer_is_an_authentication_failure(connect: Any, deferred: Any) -> None:
    operator, waiting = deferred()
    connect(password="WRONG00000000000")
    event = fired(waiting.trigger)
    assert "WRONG" not in json.dumps(event)
    with pytest.raises(errors.AuthenticationFailed) as raised:
        operator.execute_complete({}, event)
    assert (raised.value.operation, raised.value.code) == ("auth", "4001")


def test_books_that_are_away_come_back_as_a_retry(deferred: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, waiting = deferred()
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "postgresql://postgres@127.0.0.1:1/none")
    event = fired(waiting.trigger)
    with pytest.raises(errors.NotSent):
        operator.execute_complete({}, event)


def test_a_triggerer_with_other_books_says_so(deferred: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    operator, waiting = deferred()
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", f"sqlite:///{tmp_path}/other.db")
    event = fired(waiting.trigger)
    with pytest.raises(errors.OutcomeUnknown, match="database"):
        operator.execute_complete({}, event)


@pytest.mark.parametrize("event", [None, {}, {"status": "fine"}, {"reference": "INV-1"}])
def test_an_event_that_says_nothing_is_never_a_success(sandbox: Sandbox, deferred: Any, event: Any) -> None:
    operator, _ = deferred()
    with pytest.raises(errors.StillPending):
        operator.execute_complete({}, event)


def test_an_event_is_no_proof(sandbox: Sandbox, deferred: Any) -> None:
    """Whoever could forge one still cannot make a payment look settled: the journal says where it stands."""
    operator, _ = deferred()
    with pytest.raises(errors.StillPending):
        operator.execute_complete({}, {"status": "done", "reference": "INV-1"})


def test_a_trigger_that_runs_twice_does_no_harm(sandbox: Sandbox, deferred: Any) -> None:
    operator, waiting = deferred()
    sandbox.advance(10)
    assert fired(waiting.trigger) == fired(waiting.trigger)
    assert operator.execute_complete({}, fired(waiting.trigger))["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def test_many_triggers_share_one_client_and_one_token(sandbox: Sandbox, connect: Any) -> None:
    connect()
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    for number in range(12):
        PaywizePayoutOperator(task_id="pay", wait_for_completion=False, **payment(f"INV-{number}")).execute({})
    sandbox.advance(10)
    sandbox.advance(301)
    sandbox.reset_counters()

    async def one(number: int) -> Any:
        trigger = PaywizePayoutTrigger("paywize_default", f"INV-{number}", 0.05, time.time() + 20)
        return [event.payload["status"] async for event in trigger.run()]

    async def all_of_them() -> Any:
        return await asyncio.gather(*(one(number) for number in range(12)))

    assert asyncio.run(all_of_them()) == [["done"]] * 12
    assert (calls(sandbox, "auth"), calls(sandbox, "initiate"), moved(sandbox)) == (1, 0, 12)


def test_waiting_in_the_triggerer_is_the_default_where_airflow_is_set_so() -> None:
    from tests.test_imports import in_a_fresh_interpreter

    told = in_a_fresh_interpreter(
        "from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator as Pay\n"
        "from tests.conftest import payment\n"
        "print(Pay(task_id='x', **payment()).deferrable, Pay(task_id='y', deferrable=False, **payment()).deferrable)",
        AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE="True",
    )
    assert told.split() == ["True", "False"]


@pytest.mark.parametrize(("mode", "every"), [("IMPS", 15), ("NEFT", 300)])
def test_it_asks_as_often_as_the_mode_is_quick(sandbox: Sandbox, deferred: Any, mode: str, every: float) -> None:
    _, waiting = deferred(mode=mode, poll_interval=None)
    assert waiting.trigger.serialize()[1]["poll_interval"] == every
