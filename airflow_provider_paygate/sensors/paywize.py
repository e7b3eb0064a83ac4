"""Paywize sensors: wait for a payout, a collection or enough money in a wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.sensors.gateway import GatewaySensor


class _PaywizeSensor(GatewaySensor):
    """A sensor on a Paywize connection."""

    gateway = "paywize"

    def __init__(self, *, paywize_conn_id: str = "paywize_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paywize_conn_id = paywize_conn_id

    def hook(self) -> Any:
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizeHook(self.paywize_conn_id)

    def trigger(self, every: float, deadline: float) -> Any:
        from airflow_provider_paygate.triggers.paywize import PaywizeSensorTrigger

        return PaywizeSensorTrigger(self.paywize_conn_id, self.subject, self.wanted(), every, deadline)


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
        self.refuse_failed(seen, self.reference or seen.reference or seen.transaction_id)
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
        if isinstance(self.minimum, float):
            raise InvalidRequest("minimum is a float, which cannot hold money exactly", operation="check")
        return {"wallet_id": self.wallet_id, "minimum": str(self.minimum)}

    def told(self, seen: Any) -> dict[str, Any]:
        return {"wallet_id": seen.wallet_id, "available": str(seen.available), "currency": seen.currency}
