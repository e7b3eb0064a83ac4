"""The sweep asks after everything that is in doubt, once, within the rate, and never sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import database
from airflow_provider_paygate.operators.paywize import PaywizePayoutSweepOperator
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, moved
from tests.operators.conftest import Pay
from tests.processes import Child, die

Age = Callable[[float], None]


def sweep(**arguments: Any) -> dict[str, Any]:
    told: dict[str, Any] = PaywizePayoutSweepOperator(task_id="sweep", **arguments).execute({})
    return told


def states() -> dict[str, str]:
    with database().read() as connection:
        rows = connection.execute(text("SELECT reference, state FROM paygate_payouts"))
        return {row.reference: row.state for row in rows}


@pytest.fixture
def doubts(sandbox: Sandbox, connect: Any, pay: Pay, any_books: str) -> None:
    """A was executed and its answer lost, B was not, C's worker was killed after it was executed; D waits for its end."""
    connect(timeout=10, visibility_window=100)
    sandbox.merchant("docs-v1", dedupe=False)
    for name, executes in (("A", True), ("B", False)):
        sandbox.fault("initiate", "http_500", executes=executes)
        sandbox.fault("status", "http_500")
        with pytest.raises(errors.OutcomeUnknown):
            pay(name)

    def dies() -> Any:
        Journal.observed = lambda *_: die()  # type: ignore[assignment, method-assign, return-value]
        return pay("C")

    assert Child(dies).result() == "killed"
    pay("D", remarks="PENDINGOK", wait_for_completion=False)
    assert states() == {"A": "unknown", "B": "unknown", "C": "sending", "D": "accepted"}


@pytest.mark.usefixtures("doubts")
def test_it_resolves_what_the_gateway_knows_and_names_the_rest(sandbox: Sandbox, age: Age) -> None:
    sandbox.reset_counters()
    assert sweep() == {"looked_at": 3, "resolved": 2, "unknown": 1, "references": ["B"]}
    assert states() == {"A": "settled", "B": "unknown", "C": "settled", "D": "accepted"}
    assert (calls(sandbox, "status"), calls(sandbox, "initiate")) == (3, 0)
    age(1000)
    for _ in range(3):
        assert sweep()["references"] == ["B"]  # however often: it never sends
    assert calls(sandbox, "initiate") == 0
    with pytest.raises(errors.OutcomeUnknown, match="B"):
        sweep(fail_on_unknown=True)
    sandbox.advance(100)
    assert sweep(everything="true")["resolved"] == 1
    assert states()["D"] == "settled"
    assert moved(sandbox) == 3


@pytest.mark.usefixtures("doubts")
@pytest.mark.parametrize("fault", ["http_500", "undecryptable", "reset_before", "throttle_429", "http_404", "other_id"])
def test_a_look_up_that_fails_changes_nothing(sandbox: Sandbox, fault: str) -> None:
    before = states()
    sandbox.fault("status", fault, times=None)
    assert sweep()["unknown"] == 3
    assert states() == before
    sandbox.clear_faults()
    assert sweep()["unknown"] == 1


@pytest.mark.usefixtures("doubts")
def test_after_a_sweep_the_next_try_needs_fewer_questions_and_still_sends_once(
    sandbox: Sandbox, pay: Pay, age: Age
) -> None:
    age(1000)
    sweep()
    assert pay("B")["status"] == "SUCCESS"
    assert moved(sandbox, "B") == 1
    assert sweep()["looked_at"] == 0


def test_with_nothing_in_doubt_it_asks_nothing(sandbox: Sandbox, pay: Pay) -> None:
    pay()
    sandbox.reset_counters()
    assert sweep() == {"looked_at": 0, "resolved": 0, "unknown": 0, "references": []}
    assert sandbox.counters()["total"] == 0
