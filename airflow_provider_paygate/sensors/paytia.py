"""Paytia sensors: wait for a payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_paygate.sensors.gateway import GatewaySensor


class PaytiaPaymentSensor(GatewaySensor):
    """Wait until a payment under a reference has been taken: a link that a payer opened, a bank payout that was accepted.

    Reads the payment history. While it holds nothing under the reference, the answer is "not yet"; a payment that ended
    otherwise raises `PayoutFailed`.

    :param reference: the reference that the link or the payout was made under.
    :param paytia_conn_id: the connection.
    :param deferrable: wait in the triggerer.
    :returns: ``{"reference", "transaction_id", "status", "amount", "currency"}``.
    """

    gateway = "paytia"
    subject = "payment"
    template_fields: Sequence[str] = ("reference", "paytia_conn_id")

    def __init__(self, *, reference: str, paytia_conn_id: str = "paytia_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.paytia_conn_id = paytia_conn_id

    def hook(self) -> Any:
        from airflow_provider_paygate.hooks.paytia import PaytiaHook

        return PaytiaHook(self.paytia_conn_id)

    def trigger(self, every: float, deadline: float) -> Any:
        from airflow_provider_paygate.triggers.paytia import PaytiaSensorTrigger

        return PaytiaSensorTrigger(self.paytia_conn_id, self.subject, self.wanted(), every, deadline)

    def wanted(self) -> dict[str, str | None]:
        return {"reference": self.reference}

    def told(self, seen: Any) -> dict[str, Any]:
        self.refuse_failed(seen, self.reference)
        return {
            "reference": self.reference,
            "transaction_id": seen.transaction_id,
            "status": seen.status,
            "amount": None if seen.amount is None else str(seen.amount),
            "currency": seen.currency,
        }
