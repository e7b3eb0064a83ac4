"""What the sensors of all gateways share: look, and if it is not there yet, look again later, here or in the triggerer."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSensorTimeout as SensorTimeout
from airflow.providers.common.compat.sdk import AirflowSkipException, BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_paygate.exceptions import BadReply, NotFound, NotSent, PayoutFailed
from airflow_provider_paygate.operators.context import checked_event

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.facts import Payment
    from airflow_provider_paygate.triggers.gateway import GatewayTrigger

DEFER_SLACK_SECONDS = 120


class GatewaySensor(BaseSensorOperator):
    """A sensor on what a gateway's hook can watch."""

    gateway: ClassVar[str]
    subject: ClassVar[str]

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    def hook(self) -> Any:
        """The gateway's hook on the sensor's connection."""
        raise NotImplementedError

    def trigger(self, every: float, deadline: float) -> GatewayTrigger:
        """What waits instead of a worker."""
        raise NotImplementedError

    def wanted(self) -> dict[str, str | None]:
        """What is waited for, as the hook's `watched` takes it."""
        raise NotImplementedError

    def told(self, seen: Any) -> dict[str, Any]:
        """What the task returns of what was seen; raises PayoutFailed when it cannot come any more."""
        raise NotImplementedError

    def poke(self, context: Any) -> PokeReturnValue:
        """Look once. A passing failure of the network or the gateway is a "not yet"."""
        hook = self.hook()
        read, done = hook.watched(self.subject, self.wanted())
        try:
            seen = hook.run("status", read())
        except (NotFound, NotSent) as error:
            self.log.info("not yet: %s", error)
            return PokeReturnValue(is_done=False)
        except BadReply as error:
            if (error.http_status or 0) < 500:
                raise
            self.log.warning("not yet: %s", error)
            return PokeReturnValue(is_done=False)
        return (
            PokeReturnValue(is_done=True, xcom_value=self.told(seen)) if done(seen) else PokeReturnValue(is_done=False)
        )

    def execute(self, context: Any) -> Any:
        """Look; then wait as `mode` or `deferrable` says."""
        if not self.deferrable:
            return super().execute(context)
        look = self.poke(context)
        return look.xcom_value if look.is_done else self._deferred()

    def _deferred(self) -> None:
        every, wait = _seconds(self.poke_interval), _seconds(self.timeout)
        self.defer(
            trigger=self.trigger(every, time.time() + wait),
            method_name="execute_complete",
            timeout=timedelta(seconds=wait + DEFER_SLACK_SECONDS),
        )

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> Any:
        """The trigger says it is there: read it."""
        if checked_event(event)["status"] == "timeout":
            late = f"{self.subject} was not there after {self.timeout} s of waiting"
            raise AirflowSkipException(late) if self.soft_fail else SensorTimeout(late)
        look = self.poke(context)
        if not look.is_done:
            raise NotSent(f"{self.subject} was there a moment ago and now is not; a retry looks again")
        return look.xcom_value

    def refuse_failed(self, seen: Payment, name: str | None) -> None:
        """Raise PayoutFailed when what was waited for ended otherwise."""
        if not seen.succeeded:
            raise PayoutFailed(
                f"{name}: the {self.subject} ended {seen.status}{f' ({seen.message})' if seen.message else ''}",
                gateway=self.gateway,
                operation="status",
            )


def _seconds(duration: Any) -> float:
    """A duration as Airflow takes it: seconds, or a timedelta."""
    seconds: float = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return seconds
