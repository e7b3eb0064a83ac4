"""What one merchant reads at Paytia: pages of reports, single calls, and the payment under a reference (specs/paytia.md §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_paygate.gateways.facts import RETURNED, redacted
from airflow_provider_paygate.gateways.paytia import reporting
from airflow_provider_paygate.gateways.paytia.cards import refuse_card_data
from airflow_provider_paygate.gateways.paytia.conversation import Conversation, reading
from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.payment import Call, PaytiaPayment, call_of, payment_of
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind


class Reads(Conversation):
    """The Reporting API. Reading moves nothing."""

    def page(self, operation: str, pages: reporting.Pages) -> Flow[list[dict[str, Any]]]:
        """The next page's new rows; none when the report has ended."""
        body = pages.wanted()
        if body is None:
            return []
        try:
            answer = yield from self.read(operation, body)
        except Fault as fault:
            if pages.short and fault.kind is Kind.INVALID_REQUEST:
                pages.past_the_end()
                return []
            raise
        with reading(operation):
            return list(pages.rows(answer))

    def pages(self, filters: Mapping[str, Any]) -> reporting.Pages:
        """A report to be read with :meth:`page`."""
        return reporting.Pages(filters, self.merchant.names)

    def find(self, number: str) -> Flow[PaytiaPayment]:
        """The payment under a `reference_number`, from the payment history.

        Of several rows, what happened last counts: money returned, else taken, else under way. Raises Fault(NOT_FOUND)
        when the history, read to its end, holds none; Fault(BAD_REPLY) when it cannot be told whether that was its end.
        """
        pages = self.pages({"search": number, "reference_number": number})
        best: PaytiaPayment | None = None
        named = True
        while not pages.seen.ended:
            rows = yield from self.page("payments_taken", pages)
            with reading("payments_taken"):
                payments = [payment_of(row, self.merchant.names) for row in rows]
            for payment in payments:
                named = named and payment.reference is not None
                if number in (payment.reference, payment.reference_id) and (
                    best is None or _rank(payment) > _rank(best)
                ):
                    best = payment
        if best is not None:
            return best
        if not named:
            raise Fault(
                Kind.BAD_REPLY,
                "Paytia payment history: rows without a reference; give its name in `field_names` (reference_number)",
                operation="payments_taken",
            )
        if not pages.read_whole:
            raise Fault(Kind.BAD_REPLY, f"Paytia payment history: {reporting.SAME_PAGE}", operation="payments_taken")
        raise Fault(
            Kind.NOT_FOUND, "Paytia payment history: no payment under this reference", operation="payments_taken"
        )

    def detail(self, operation: str, cdr_id: str) -> Flow[dict[str, Any]]:
        """One of the reports on a single call, as it came."""
        if not str(cdr_id).strip():
            raise ValueError("cdr_id is empty")
        refuse_card_data(cdr_id, "cdr_id")
        answer = yield from self.read(operation, self.merchant.names.outgoing({"cdr_id": str(cdr_id).strip()}))
        data = answer.content.get("data", answer.data)
        return dict(redacted(data)) if isinstance(data, Mapping) else {"data": redacted(data)}

    def cdr(self, cdr_id: str) -> Flow[Call]:
        """One call's record."""
        told = yield from self.detail("cdr", cdr_id)
        with reading("cdr"):
            return call_of(told, self.merchant.names)

    def probe(self) -> Flow[Answer]:
        """The smallest read there is: whether keys, token and address are right."""
        return (yield from self.authorised("payments_taken", self.json("payments_taken", {"page": 1, "limit": 1})))


def _rank(payment: PaytiaPayment) -> tuple[int, str]:
    order: tuple[Callable[[PaytiaPayment], bool], ...] = (
        lambda told: told.is_final,
        lambda told: not told.is_final,
        lambda told: told.succeeded,
        lambda told: told.status in RETURNED,
    )
    place = max(at for at, applies in enumerate(order) if applies(payment))
    return place, payment.updated_at.isoformat() if payment.updated_at else ""
