"""When to try again follows from what happened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_paygate import exceptions as errors

pytest.importorskip("airflow.sdk.definitions.retry_policy", reason="retry policies came with Airflow 3.3")

from airflow.sdk import RetryPolicy

from airflow_provider_paygate.retry_policy import PaygateRetryPolicy


def told(error: BaseException, policy: PaygateRetryPolicy | None = None) -> tuple[str, timedelta | None]:
    decision = (policy or PaygateRetryPolicy()).evaluate(error, 1, 3, {})
    return decision.action.value, decision.retry_delay


@pytest.mark.parametrize(("error", "seconds"), [
    (errors.Throttled("", retry_after=17), 18),
    (errors.Throttled("", retry_after=0), 1),
    (errors.Throttled(""), 61),
    (errors.OutcomeUnknown("", retry_after=123.5), 124.5),
    (errors.OutcomeUnknown(""), 901),
])  # fmt: skip
def test_it_waits_as_long_as_waiting_is_worth_something(error: errors.PaygateError, seconds: float) -> None:
    assert told(error) == ("retry", timedelta(seconds=seconds))


def test_what_never_left_is_tried_again_at_the_tasks_own_pace() -> None:
    assert told(errors.NotSent("")) == ("retry", None)


@pytest.mark.parametrize("error", [errors.StillPending(""), errors.BadReply(""), ValueError("x")])
def test_everything_else_is_the_tasks_own_business(error: Exception) -> None:
    assert told(error)[0] == "default"


def test_its_figures_can_be_set_and_travel_with_the_dag() -> None:
    policy = PaygateRetryPolicy(visibility_window=5, throttled=7)
    assert isinstance(policy, RetryPolicy)
    again = PaygateRetryPolicy.deserialize(policy.serialize())
    assert told(errors.OutcomeUnknown(""), again) == ("retry", timedelta(seconds=6))
    assert told(errors.Throttled(""), again) == ("retry", timedelta(seconds=8))
