"""One merchant's conversation with Paytia, as flows: what to send, and what the answers came to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_paygate.gateways.paytia import auth, outcomes, service
from airflow_provider_paygate.gateways.paytia.cards import refuse_card_data
from airflow_provider_paygate.gateways.paytia.conversation import (
    ACCEPT,
    JSON,
    bytes_of,
    exchanged,
    headers_of,
    reading,
)
from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.paths import READS
from airflow_provider_paygate.gateways.paytia.payment import PaytiaPayment, facts_of
from airflow_provider_paygate.gateways.paytia.reads import Reads
from airflow_provider_paygate.gateways.paytia.webhook import PaytiaEvent, event_of
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Request


class Paytia(Reads):
    """Every documented operation of one merchant that needs no telephone. Methods return flows.

    Flows raise :class:`Fault`; bad arguments raise ValueError before anything is sent.

    """

    # Tokens

    def authorize(self, access: str | None, not_after: float | None = None) -> Flow[auth.Issued]:
        """Exchange client id and secret for a pair; with the live access token when there is one (§4.2). Sent once."""
        return (yield from self._issued("authorize", {}, access, not_after))

    def refresh(self, refresh: str, not_after: float | None = None) -> Flow[auth.Issued]:
        """Exchange a refresh token for a pair (§4.3). Sent once: the old token may be dead from here on."""
        return (yield from self._issued("refresh", {"refresh_token": refresh}, None, not_after))

    def _issued(
        self, operation: str, more: Mapping[str, str], access: str | None, not_after: float | None
    ) -> Flow[auth.Issued]:
        merchant = self.merchant
        fields = {"client_id": merchant.client_id or "", "client_secret": merchant.client_secret or "", **more}
        request = auth.token_request(
            self.url(operation),
            merchant.authorize_encoding,
            merchant.names.outgoing(fields),
            headers_of(merchant.api_key, access),
        )
        reply = yield from exchanged(operation, request, not_after)
        with reading(operation):
            answer = outcomes.checked(operation, reply)
            return auth.issued_of(operation, answer, merchant.names, reply.headers.get("date"), time.time())

    # Payment service

    def payment_service(self, fields: Mapping[str, Any], not_after: float | None = None) -> Flow[PaytiaPayment]:
        """One request to the Payment Service, multipart, sent once; an expired token is renewed and the same bytes repeated.

        :raises ValueError: before anything is sent, naming the field.
        """
        checked = service.checked_fields(fields)
        operation = service.operation_of(checked)
        sent = {name: str(value) for name, value in self.merchant.names.outgoing(checked).items()}
        request = Request("POST", self.url("payment_service"), {"Accept": "application/json"}, multipart=sent)
        answer = yield from self.authorised(operation, request, not_after)
        with reading(operation):
            return self._told(operation, checked, answer)

    def _told(self, operation: str, sent: Mapping[str, str], answer: Answer) -> PaytiaPayment:
        """What a successful answer says; it counts as unknown when it is about something else."""
        told = facts_of(answer.content, self.merchant.names)
        amount = Decimal(sent["amount"]) if "amount" in sent else None
        number = sent.get("reference_number")
        if operation in outcomes.MONEY:
            named = told["reference"]
            other = named is not None and number is not None and named not in (number, sent.get("reference_id"))
            if other or (amount is not None and told["amount"] not in (None, amount)):
                raise Fault(
                    Kind.UNKNOWN,
                    f"Paytia {operation}: the answer names another reference or amount",
                    operation=operation,
                    code=str(answer.code),
                    http_status=answer.http_status,
                )
        status = told["status"]
        payment = PaytiaPayment(
            **{
                **told,
                "reference": number or told["reference"],
                "sender_id": number or told["sender_id"],
                "amount": told["amount"] or amount,
                "status": _DONE.get(operation, "ACCEPTED") if status == "UNKNOWN" else status,
                "currency": sent.get("currency", told["currency"]),
                "message": told["message"] or answer.message or None,
            }
        )
        if operation in ("charge", "settle", "bank_payout") and payment.is_final and not payment.succeeded:
            raise Fault(
                Kind.REFUSED,
                f"Paytia {operation}: {payment.status}: {payment.message or 'declined'}",
                operation=operation,
                code=str(answer.code),
                http_status=answer.http_status,
            )
        return payment

    # Everything else

    def call(
        self, method: str, path: str, data: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> Flow[dict[str, Any]]:
        """Any authorised call: `data` goes as JSON, to the payment service as multipart fields."""
        if not path.startswith("/"):
            raise ValueError("path must begin with a slash; it is added to the connection's host")
        refuse_card_data(path, "path")
        refuse_card_data(dict(params or {}), "params")
        operation = self._operation_at(path, method)
        url, query = self.merchant.base_url + path, dict(params or {})
        if path.partition("?")[0] == self.merchant.paths["payment_service"] and data is not None:
            fields = service.checked_fields(data)
            operation = service.operation_of(fields)
            request = Request(method.upper(), url, ACCEPT, query, multipart=self.merchant.names.outgoing(fields))
        elif data is None:
            request = Request(method.upper(), url, ACCEPT, query)
        else:
            refuse_card_data(data)
            request = Request(method.upper(), url, JSON, query, bytes_of(data))
        answer = yield from self.authorised(operation, request)
        return dict(answer.data) if isinstance(answer.data, Mapping) else {"data": answer.data}

    def webhook(self, body: bytes, headers: Mapping[str, str]) -> PaytiaEvent:
        """The event in a webhook's bytes. Raises ValueError saying why it cannot be trusted."""
        merchant = self.merchant
        return event_of(
            body,
            headers,
            names=merchant.names,
            secret=merchant.webhook_secret,
            policy=merchant.webhook_signature,
            header=merchant.webhook_signature_header,
        )

    def _operation_at(self, path: str, method: str) -> str:
        known = {self.merchant.paths[operation]: operation for operation in READS}
        return known.get(path.partition("?")[0], "cdr" if method.upper() in {"GET", "HEAD"} else "call")


# What a success means when its `status` is the envelope's and no word of its own (§5.2). A bank payout has only been accepted.
_DONE = {
    "charge": "COMPLETED",
    "settle": "COMPLETED",
    "link": "CREATED",
    "release": "RELEASED",
    "bank_payout": "PENDING",
}
