"""Money on stored instruments, at most once for a reference: charge, settle or release a reservation, pay a bank account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_paygate.operators.context import who_of
from airflow_provider_paygate.operators.paytia.base import PaytiaOperator


class _MoneyOperator(PaytiaOperator):
    """What the three share: one reference, one amount, one instrument, through the journal."""

    def __init__(
        self,
        *,
        reference: str | None = None,
        amount: Any = None,
        currency: str | None = None,
        replaces: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.amount = amount
        self.currency = currency
        self.replaces = replaces

    def paid(self, context: Any, operation: str, instrument: Any) -> dict[str, Any]:
        """Submit it, unless it was submitted before, and where it stands."""
        from airflow_provider_paygate.hooks.charges import PaytiaCharges
        from airflow_provider_paygate.payouts.charge import Charge

        charges = PaytiaCharges(self.hook(), who_of(context))
        charges.begin()
        charge = Charge(
            operation=operation,
            reference=self.reference,  # type: ignore[arg-type] # checked there, as is everything else
            amount=self.amount,
            instrument=instrument,
            currency=self.currency,
            fields=self.further_fields(),
            replaces=self.replaces,
        )
        payment = charges.paid(charge)
        self.log.info("%s: %s %s is %s", payment.reference, payment.amount, payment.currency, payment.status)
        return {
            "reference": payment.reference,
            "transaction_id": payment.transaction_id,
            "status": payment.status,
            "amount": str(payment.amount),
        }


class PaytiaChargeOperator(_MoneyOperator):
    """Charge a stored card, at most once: run again, cleared or backfilled, the money still moves once.

    :param reference: the business's own name for the payment; its identity.
    :param amount: a decimal string, an int or a Decimal.
    :param transaction_id: the stored card at the gateway: ``pm_…`` or ``cus_…``.
    :param currency: three letters; the account's when left out.
    :param fields: further fields of the request.
    :param replaces: the reference of a finally failed charge that this one stands in for.
    :param paytia_conn_id: the connection.
    :returns: ``{"reference", "transaction_id", "status", "amount"}``. A declined charge raises `Refused`.
    """

    template_fields: Sequence[str] = (
        "reference", "amount", "transaction_id", "currency", "fields", "replaces", "paytia_conn_id",
    )  # fmt: skip

    def __init__(self, *, reference: str, amount: Any, transaction_id: str, **kwargs: Any) -> None:
        super().__init__(reference=reference, amount=amount, **kwargs)
        self.transaction_id = transaction_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Charge it, or find that it was charged."""
        return self.paid(context, "charge", self.transaction_id)


class PaytiaReserveOperator(_MoneyOperator):
    """Settle a pre-authorisation, or let it go.

    :param action: ``settle`` takes the money, at most once for a reference; ``release`` moves none.
    :param transaction_id: the gateway's id of the pre-authorisation (``pi_…``).
    :param reference: needed to settle.
    :param amount: needed to settle.
    :param currency: three letters; the account's when left out.
    :param fields: further fields of the request.
    :param replaces: the reference of a finally failed settlement that this one stands in for.
    :param paytia_conn_id: the connection.
    :returns: ``{"reference", "transaction_id", "status", "amount"}``; without an amount after a release.
    """

    template_fields: Sequence[str] = (
        "action", "transaction_id", "reference", "amount", "currency", "fields", "replaces", "paytia_conn_id",
    )  # fmt: skip

    def __init__(self, *, action: str, transaction_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action = action
        self.transaction_id = transaction_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Settle or release it, or find that this was done."""
        from airflow_provider_paygate.exceptions import InvalidRequest
        from airflow_provider_paygate.hooks.charges import PaytiaCharges

        if self.action == "settle":
            return self.paid(context, "settle", self.transaction_id)
        if self.action != "release":
            raise InvalidRequest("action must be settle or release", gateway="paytia", operation="check")
        hook, fields = self.hook(), self.further_fields()
        done = PaytiaCharges(hook, who_of(context)).made_once(
            "release",
            str(self.transaction_id),
            {},
            lambda: hook.release_reserve(transaction_id=self.transaction_id, **fields),
        )
        return {"reference": self.reference, "transaction_id": self.transaction_id, "status": done["status"]}


class PaytiaBankPayoutOperator(_MoneyOperator):
    """Pay a stored bank account (flag 9), at most once. Accepted is not final: `PaytiaPaymentSensor` waits for the end.

    :param reference: the business's own name for the payment; its identity.
    :param amount: a decimal string, an int or a Decimal.
    :param bank_token: the stored bank account.
    :param currency: three letters; the account's when left out.
    :param gateway_customer_id: Stripe and Braintree only.
    :param fields: further fields of the request.
    :param replaces: the reference of a finally failed payout that this one stands in for.
    :param paytia_conn_id: the connection.
    :returns: ``{"reference", "transaction_id", "status", "amount"}``.
    """

    template_fields: Sequence[str] = (
        "reference", "amount", "bank_token", "currency", "gateway_customer_id", "fields", "replaces", "paytia_conn_id",
    )  # fmt: skip

    def __init__(
        self, *, reference: str, amount: Any, bank_token: str, gateway_customer_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(reference=reference, amount=amount, **kwargs)
        self.bank_token = bank_token
        self.gateway_customer_id = gateway_customer_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Pay it, or find that it was paid."""
        return self.paid(context, "bank_payout", self.bank_token)

    def further_fields(self) -> dict[str, Any]:
        more = {"gateway_customer_id": self.gateway_customer_id} if self.gateway_customer_id else {}
        return {**super().further_fields(), **more}
