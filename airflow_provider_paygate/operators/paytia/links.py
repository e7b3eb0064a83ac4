"""Ask a payer for money: a payment link, or a hosted checkout page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_paygate.operators.context import truth, who_of
from airflow_provider_paygate.operators.paytia.base import PaytiaOperator


class PaytiaPaymentLinkOperator(PaytiaOperator):
    """Make a link that a payer opens. Run again after success it returns the same link and sends nothing.

    A link moves no money: `PaytiaPaymentSensor` on the same reference waits until it has been paid. When an answer is
    lost, a link may exist that nobody knows: Paytia then refuses the reference, and the error asks for a new one.

    :param reference: the business's own name for the payment.
    :param amount: a decimal string, an int or a Decimal.
    :param currency: three letters; the account's when left out.
    :param email: the payer's.
    :param send_email: have Paytia email the link; it may then keep the link to itself.
    :param phone_number: without country code and leading zero.
    :param first_name: the payer's, as is `last_name`.
    :param description: what the payer reads.
    :param webhook_url: where Paytia posts the final state.
    :param checkout: make a hosted checkout page instead of a link.
    :param fields: further fields of the request.
    :param paytia_conn_id: the connection.
    :returns: ``{"reference", "transaction_id", "status", "amount", "url"}``.
    """

    template_fields: Sequence[str] = (
        "reference", "amount", "currency", "email", "send_email", "phone_number", "first_name", "last_name", "description",
        "webhook_url", "checkout", "fields", "paytia_conn_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        reference: str,
        amount: Any,
        currency: str | None = None,
        email: str | None = None,
        send_email: Any = False,
        phone_number: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        description: str | None = None,
        webhook_url: str | None = None,
        checkout: Any = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.amount = amount
        self.currency = currency
        self.email = email
        self.send_email = send_email
        self.phone_number = phone_number
        self.first_name = first_name
        self.last_name = last_name
        self.description = description
        self.webhook_url = webhook_url
        self.checkout = checkout

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the link, or give the one that was made."""
        from airflow_provider_paygate.gateways.paytia.service import checked_amount, checked_reference
        from airflow_provider_paygate.hooks.charges import PaytiaCharges

        hook, page = self.hook(), truth(self.checkout)
        reference = hook.checked(checked_reference, self.reference)
        amount = hook.checked(checked_amount, self.amount)
        payer = ("currency", "email", "phone_number", "first_name", "last_name", "description", "webhook_url")
        fields = {
            **self.further_fields(),
            **{name: getattr(self, name) for name in payer if getattr(self, name) is not None},
        }
        if not page:
            fields["send_email"] = truth(self.send_email)
        make = hook.create_checkout if page else hook.create_payment_link
        made = PaytiaCharges(hook, who_of(context)).made_once(
            "checkout" if page else "link",
            reference,
            {"amount": amount, "currency": self.currency},
            lambda: make(reference=reference, amount=amount, **fields),
        )
        return dict(made)
