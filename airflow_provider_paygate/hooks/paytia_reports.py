"""What the Paytia hook reads: the payment history, call records, and what is said of single calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.gateways.wire import Flow
from airflow_provider_paygate.hooks.gateway import GatewayHook

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.paytia.payment import Call, PaytiaPayment
    from airflow_provider_paygate.gateways.paytia.reads import Reads
    from airflow_provider_paygate.gateways.paytia.reporting import Pages, Seen
    from airflow_provider_paygate.hooks.settings import PaytiaSettings


class PaytiaReports(GatewayHook["PaytiaSettings"]):
    """The reading half of the Paytia hook."""

    def read_settings(self, connection: Any) -> PaytiaSettings:
        """The connection's settings, checked."""
        from airflow_provider_paygate.hooks.settings import paytia_settings

        return paytia_settings(connection)

    @property
    def reads(self) -> Reads:
        """The client, as far as it reads."""
        raise NotImplementedError

    def payments_taken(self, **filters: Any) -> Iterator[PaytiaPayment]:
        """The payment history: pages by itself, in constant memory, each id once. Filters go along under our names
        (`start_date`, `end_date`, `search`, `limit`, …)."""
        from airflow_provider_paygate.gateways.paytia.payment import payment_of

        rows = self.report("payments_taken", filters)
        return (payment_of(row, self.reads.merchant.names) for row in rows)

    def cdr_logs(self, **filters: Any) -> Iterator[Call]:
        """The call records, in the same way."""
        from airflow_provider_paygate.gateways.paytia.payment import call_of

        rows = self.report("cdr_logs", filters)
        return (call_of(row, self.reads.merchant.names) for row in rows)

    def report(self, operation: str, filters: Mapping[str, Any], seen: Seen | None = None) -> Iterator[dict[str, Any]]:
        """The rows of ``payments_taken`` or ``cdr_logs`` as they came. `seen` counts what was met.

        :raises BadReply: rows were in no known place. "None" is only said of an answer that can be read.
        """
        pages = self.checked(self.reads.pages, filters)
        if seen is not None:
            pages.seen = seen
        return self._rows(operation, pages)

    def _rows(self, operation: str, pages: Pages) -> Iterator[dict[str, Any]]:
        while not pages.seen.ended:
            yield from self.run(operation, self.reads.page(operation, pages))
        if not pages.read_whole:
            from airflow_provider_paygate.gateways.paytia.reporting import SAME_PAGE

            self.log.warning("%s: %s", operation, SAME_PAGE)

    def get_payment(self, *, reference: str) -> PaytiaPayment:
        """The payment under a reference, from the payment history. Raises NotFound when that, read to its end, has none."""
        return self.run("payments_taken", self.payment_under(reference))

    def reference_number(self, reference: str) -> str:
        """What a reference is called at Paytia, in its reports and its webhooks: itself, or ``pg-…`` when it does not fit there."""
        from airflow_provider_paygate.gateways.paytia.service import checked_reference, number_of

        return number_of(self.checked(checked_reference, reference))

    async def aget_payment(self, *, reference: str) -> PaytiaPayment:
        """The same on an event loop."""
        await self.aprepare()
        return await self.arun("payments_taken", self.payment_under(reference))

    def cdr(self, cdr_id: str) -> Call:
        """One call's record."""
        return self.run("cdr", self.reads.cdr(cdr_id))

    def cdr_api_details(self, cdr_id: str) -> dict[str, Any]:
        """The API requests and answers of one call."""
        return self.run("cdr_api_details", self.reads.detail("cdr_api_details", cdr_id))

    def webhook_log(self, cdr_id: str) -> dict[str, Any]:
        """What was posted to webhooks for one call, and how it was answered."""
        return self.run("webhook_log", self.reads.detail("webhook_log", cdr_id))

    def payment_under(self, reference: str) -> Flow[PaytiaPayment]:
        """The flow behind :meth:`get_payment`."""
        from airflow_provider_paygate.gateways.paytia.service import checked_reference, number_of

        name = self.checked(checked_reference, reference)
        return replace((yield from self.reads.find(number_of(name))), reference=name)
