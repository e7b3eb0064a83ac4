"""Ask for money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_paygate.exceptions import DuplicateReference, OutcomeUnknown

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paywize import PaywizeHook


class PaywizeCollectionOperator(BaseOperator):
    """Ask for money by UPI: makes a payment link that a payer opens.

    Run again under the same reference it makes no second link: it returns where the first one stands. The gateway
    tells a link only once, so `payment_url` and `intent_url` are None then.

    :param reference: the business's own name for the collection.
    :param amount: rupees as a decimal string, an int or a Decimal.
    :param vpa: the merchant's registered UPI address.
    :param channel: ``FINO`` or ``NSDL``.
    :param callback_url: where Paywize posts news; the connection's when left out.
    :param remarks: up to 20 letters and digits.
    :param paywize_conn_id: the connection.
    :returns: ``{"reference", "sender_id", "transaction_id", "status", "amount", "payment_url", "intent_url"}``.
    """

    template_fields: Sequence[str] = (
        "reference",
        "amount",
        "vpa",
        "channel",
        "callback_url",
        "remarks",
        "paywize_conn_id",
    )

    def __init__(
        self,
        *,
        reference: str,
        amount: Any,
        vpa: str,
        channel: str,
        callback_url: str | None = None,
        remarks: str | None = None,
        paywize_conn_id: str = "paywize_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.amount = amount
        self.vpa = vpa
        self.channel = channel
        self.callback_url = callback_url
        self.remarks = remarks
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the link, or find the collection that stands under the reference already."""
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        hook = PaywizeHook(self.paywize_conn_id)
        wanted = {
            "reference": self.reference,
            "amount": self.amount,
            "vpa": self.vpa,
            "channel": self.channel,
            "callback_url": self.callback_url,
            "remarks": self.remarks,
        }
        try:
            collection = hook.initiate_collection(**wanted)
        except (DuplicateReference, OutcomeUnknown) as error:
            collection = self._found(hook, error)
        return {
            "reference": collection.reference,
            "sender_id": collection.sender_id,
            "transaction_id": collection.transaction_id,
            "status": collection.status,
            "amount": str(collection.amount),
            "payment_url": collection.payment_url,
            "intent_url": collection.intent_url,
        }

    def _found(self, hook: PaywizeHook, error: DuplicateReference | OutcomeUnknown) -> Any:
        from airflow_provider_paygate.exceptions import NotFound, ReferenceConflict
        from airflow_provider_paygate.gateways.paywize.payout import checked_amount

        try:
            collection = hook.get_collection(reference=self.reference)
        except NotFound:
            raise error from None
        if collection.amount is not None and collection.amount != checked_amount(self.amount):
            raise ReferenceConflict(
                f"{self.reference}: the gateway has a collection of another amount under this reference; "
                "another collection needs another reference.",
                gateway="paywize",
                operation="collection_status",
            ) from error
        self.log.warning("%s: a link was made before; the gateway does not tell it again", self.reference)
        return collection
