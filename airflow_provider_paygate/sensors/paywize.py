"""Paywize sensors: wait for a payout, a collection or enough money in a wallet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSensorTimeout as SensorTimeout
from airflow.providers.common.compat.sdk import AirflowSkipException, BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_paygate.exceptions import BadReply, NotFound, NotSent, PayoutFailed
from airflow_provider_paygate.operators.context import checked_event

DEFER_SLACK_SECONDS = 120


class _PaywizeSensor(BaseSensorOperator):
    """What the three have in common: look, and if it is not there yet, look again later, here or in the triggerer."""

    subject: ClassVar[str]

    def __init__(
        self,
        *,
        paywize_conn_id: str = "paywize_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.paywize_conn_id = paywize_conn_id
        self.deferrable = deferrable

    def wanted(self) -> dict[str, str | None]:
        """What is waited for, as `PaywizeHook.watched` takes it."""
        raise NotImplementedError

    def told(self, seen: Any) -> dict[str, Any]:
        """What the task returns of what was seen; raises PayoutFailed when it cannot come any more."""
        raise NotImplementedError

    def poke(self, context: Any) -> PokeReturnValue:
        """Look once. A passing failure of the network or the gateway is a "not yet"."""
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        hook = PaywizeHook(self.paywize_conn_id)
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
        from airflow_provider_paygate.triggers.paywize import PaywizeSensorTrigger

        every, wait = _seconds(self.poke_interval), _seconds(self.timeout)
        self.defer(
            trigger=PaywizeSensorTrigger(self.paywize_conn_id, self.subject, self.wanted(), every, time.time() + wait),
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


def _seconds(duration: Any) -> float:
    """A duration as Airflow takes it: seconds, or a timedelta."""
    seconds: float = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return seconds


class _PaymentSensor(_PaywizeSensor):
    """A sensor on something that has a reference and ends."""

    template_fields: Sequence[str] = ("reference", "transaction_id", "paywize_conn_id")

    def __init__(self, *, reference: str | None = None, transaction_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.transaction_id = transaction_id

    def wanted(self) -> dict[str, str | None]:
        return {"reference": self.reference, "transaction_id": self.transaction_id}

    def told(self, seen: Any) -> dict[str, Any]:
        name = self.reference or seen.reference or seen.transaction_id
        if not seen.succeeded:
            raise PayoutFailed(
                f"{name}: the {self.subject} ended {seen.status}{f' ({seen.message})' if seen.message else ''}",
                gateway="paywize",
                operation="status",
            )
        return {
            "reference": self.reference or seen.reference,
            "sender_id": seen.sender_id,
            "transaction_id": seen.transaction_id,
            "status": seen.status,
            "utr": seen.utr,
            "amount": None if seen.amount is None else str(seen.amount),
        }


class PaywizePayoutSensor(_PaymentSensor):
    """Wait until a payout has reached its payee; one that ends otherwise raises `PayoutFailed`.

    :param reference: the payout's reference, or
    :param transaction_id: the gateway's id of it.
    :param paywize_conn_id: the connection.
    :param deferrable: wait in the triggerer.
    :returns: ``{"reference", "sender_id", "transaction_id", "status", "utr", "amount"}``.
    """

    subject = "payout"


class PaywizeCollectionSensor(_PaymentSensor):
    """Wait until a collection has been paid; one that ends otherwise raises `PayoutFailed`.

    Parameters and result as of :class:`PaywizePayoutSensor`.
    """

    subject = "collection"


class PaywizeBalanceSensor(_PaywizeSensor):
    """Wait until a wallet holds enough.

    :param minimum: rupees as a decimal string, an int or a Decimal.
    :param wallet_id: the connection's when left out.
    :param paywize_conn_id: the connection.
    :param deferrable: wait in the triggerer.
    :returns: ``{"wallet_id", "available", "currency"}``, the amount as a decimal string.
    """

    subject = "balance"
    template_fields: Sequence[str] = ("minimum", "wallet_id", "paywize_conn_id")

    def __init__(self, *, minimum: Any, wallet_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum = minimum
        self.wallet_id = wallet_id

    def wanted(self) -> dict[str, str | None]:
        return {"wallet_id": self.wallet_id, "minimum": str(self.minimum)}

    def told(self, seen: Any) -> dict[str, Any]:
        return {"wallet_id": seen.wallet_id, "available": str(seen.available), "currency": seen.currency}
