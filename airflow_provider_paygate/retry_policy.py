"""When to try again, from what happened: a retry policy for Airflow 3.3 and newer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy

from airflow_provider_paygate.exceptions import NotSent, OutcomeUnknown, Throttled


class PaygateRetryPolicy(RetryPolicy):
    """Waits as long as waiting is worth something, and no longer.

    * `Throttled`: as long as the gateway asked for.
    * `OutcomeUnknown`: until looking the payment up can prove something: the rest of its visibility window.
    * everything else: as the task says. What retrying cannot mend is an `AirflowFailException`, which fails at once.

    :param visibility_window: seconds, for an `OutcomeUnknown` that does not say how long; 900.
    :param throttled: seconds, for a `Throttled` that does not say how long; 60.
    """

    def __init__(self, visibility_window: float = 900, throttled: float = 60) -> None:
        self.visibility_window = visibility_window
        self.throttled = throttled

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Called in the worker with what the task raised."""
        if isinstance(exception, Throttled):
            return _after(exception.retry_after, self.throttled, "the gateway asked for patience")
        if isinstance(exception, OutcomeUnknown):
            return _after(exception.retry_after, self.visibility_window, "its outcome can be looked up by then")
        if isinstance(exception, NotSent):
            return RetryDecision.retry(reason="nothing was sent")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """For the serialised DAG."""
        return {"visibility_window": self.visibility_window, "throttled": self.throttled}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PaygateRetryPolicy:
        """The same, back."""
        return cls(**data)


def _after(asked: float | None, otherwise: float, reason: str) -> RetryDecision:
    # One second more than asked: clocks and schedulers round.
    return RetryDecision.retry(delay=timedelta(seconds=(otherwise if asked is None else asked) + 1), reason=reason)
