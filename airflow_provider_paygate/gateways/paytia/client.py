"""One merchant's conversation with Paytia, as flows: what to send, and what the answers came to."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

from airflow_provider_paygate.gateways.facts import RETURNED, redacted
from airflow_provider_paygate.gateways.paytia import auth, outcomes, reporting, service
from airflow_provider_paygate.gateways.paytia.cards import refuse_card_data
from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.paths import READS, Names
from airflow_provider_paygate.gateways.paytia.payment import Call, PaytiaPayment, call_of, facts_of, payment_of
from airflow_provider_paygate.gateways.paytia.webhook import SIGNATURE_HEADER, PaytiaEvent, event_of
from airflow_provider_paygate.gateways.wire import Exchange, Fault, Flow, Kind, Pause, Reply, Request, Undelivered

# A read is repeated after an outage that passes, at these seconds (§3's own schedule, cut short).
READ_PAUSES = (1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Merchant:
    """What a connection says of one merchant, checked. Secrets are kept out of the repr.

    :ivar enhanced: whether calls carry an access token; then client id and client secret are there.
    """

    base_url: str
    api_key: str = field(repr=False)
    client_id: str | None
    client_secret: str | None = field(repr=False)
    enhanced: bool
    send_both_headers: bool
    authorize_encoding: str
    paths: Mapping[str, str]
    names: Names = field(default_factory=Names)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_signature: str = "off"
    webhook_signature_header: str = SIGNATURE_HEADER


class Tokens(Protocol):
    """Where the client gets its access token: shared, and renewed once for everybody."""

    def current(self) -> Flow[str]:
        """A token to use now."""

    def instead_of(self, refused: str) -> Flow[str]:
        """A token to use after the gateway refused this one."""


class Paytia:
    """Every documented operation of one merchant that needs no telephone. Methods return flows.

    Flows raise :class:`Fault`; bad arguments raise ValueError before anything is sent.

    :param tokens: None when calls carry the API key alone.
    """

    def __init__(self, merchant: Merchant, tokens: Tokens | None) -> None:
        self.merchant = merchant
        self.tokens = tokens

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
            self._url(operation),
            merchant.authorize_encoding,
            merchant.names.outgoing(fields),
            _headers(merchant.api_key, access),
        )
        reply = yield from _exchanged(operation, request, not_after)
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
        request = Request("POST", self._url("payment_service"), {"Accept": "application/json"}, multipart=sent)
        answer = yield from self._authorised(operation, request, not_after)
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

    # Reports

    def page(self, operation: str, pages: reporting.Pages) -> Flow[list[dict[str, Any]]]:
        """The next page's new rows; none when the report has ended."""
        body = pages.wanted()
        if body is None:
            return []
        try:
            answer = yield from self._read(operation, body)
        except Fault as fault:
            if pages.short and fault.kind is Kind.INVALID_REQUEST:
                pages.past_the_end()
                return []
            raise
        return list(pages.rows(answer))

    def pages(self, filters: Mapping[str, Any]) -> reporting.Pages:
        """A report to be read with :meth:`page`."""
        return reporting.Pages(filters, self.merchant.names)

    def find(self, number: str) -> Flow[PaytiaPayment]:
        """The payment under a `reference_number`, from the payment history.

        Of several rows, what happened last counts: money returned, else taken, else under way. Raises Fault(NOT_FOUND)
        when the history, read to its end, holds none.
        """
        pages = self.pages({"search": number, "reference_number": number})
        best: PaytiaPayment | None = None
        named = True
        while not pages.seen.ended:
            for row in (yield from self.page("payments_taken", pages)):
                payment = payment_of(row, self.merchant.names)
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
        raise Fault(
            Kind.NOT_FOUND, "Paytia payment history: no payment under this reference", operation="payments_taken"
        )

    def detail(self, operation: str, cdr_id: str) -> Flow[dict[str, Any]]:
        """One of the reports on a single call, as it came."""
        if not str(cdr_id).strip():
            raise ValueError("cdr_id is empty")
        answer = yield from self._read(operation, self.merchant.names.outgoing({"cdr_id": str(cdr_id).strip()}))
        data = answer.content.get("data", answer.data)
        return dict(redacted(data)) if isinstance(data, Mapping) else {"data": redacted(data)}

    def cdr(self, cdr_id: str) -> Flow[Call]:
        """One call's record."""
        return call_of((yield from self.detail("cdr", cdr_id)), self.merchant.names)

    def probe(self) -> Flow[Answer]:
        """The smallest read there is: whether keys, token and address are right."""
        return (yield from self._authorised("payments_taken", self._json("payments_taken", {"page": 1, "limit": 1})))

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
        if path == self.merchant.paths["payment_service"] and data is not None:
            fields = service.checked_fields(data)
            operation = service.operation_of(fields)
            request = Request(method.upper(), url, _ACCEPT, query, multipart=self.merchant.names.outgoing(fields))
        elif data is None:
            request = Request(method.upper(), url, _ACCEPT, query)
        else:
            refuse_card_data(data)
            request = Request(method.upper(), url, _JSON, query, _bytes(data))
        answer = yield from self._authorised(operation, request)
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
        return known.get(path, "cdr" if method.upper() in {"GET", "HEAD"} else "call")

    def _read(self, operation: str, body: Mapping[str, Any]) -> Flow[Answer]:
        """A report, asked for again after an outage that passes: reading moves nothing."""
        for pause in (*READ_PAUSES, None):
            try:
                return (yield from self._authorised(operation, self._json(operation, body)))
            except Fault as fault:
                passing = fault.kind is Kind.NOT_SENT or (fault.http_status or 0) >= 500
                if pause is None or not passing or fault.operation not in READS:
                    raise
            yield Pause(pause)
        raise AssertionError("the last turn returns or raises")

    def _authorised(self, operation: str, request: Request, not_after: float | None = None) -> Flow[Answer]:
        """Send with the keys; an access token that is refused is replaced, and the same bytes go once more."""
        if self.tokens is None:
            reply = yield from _exchanged(operation, self._keyed(request, None), not_after)
            return outcomes.checked(operation, reply)
        token = yield from self.tokens.current()
        reply = yield from _exchanged(operation, self._keyed(request, token), not_after)
        if outcomes.token_refused(reply):
            token = yield from self.tokens.instead_of(token)
            reply = yield from _exchanged(operation, self._keyed(request, token), not_after)
        return outcomes.checked(operation, reply)

    def _keyed(self, request: Request, token: str | None) -> Request:
        """`X-API-KEY`, `ACCESS-TOKEN`, or both (§9 no. 2)."""
        api_key = self.merchant.api_key if token is None or self.merchant.send_both_headers else None
        return replace(request, headers={**request.headers, **_headers(api_key, token)})

    def _json(self, operation: str, body: Mapping[str, Any]) -> Request:
        return Request("POST", self._url(operation), _JSON, body=_bytes(body))

    def _url(self, operation: str) -> str:
        return self.merchant.base_url + self.merchant.paths[operation]


_ACCEPT = {"Accept": "application/json"}
_JSON = {"Content-Type": "application/json", **_ACCEPT}
# What a success means when its `status` is the envelope's and no word of its own (§5.2). A bank payout has only been accepted.
_DONE = {
    "charge": "COMPLETED",
    "settle": "COMPLETED",
    "link": "CREATED",
    "release": "RELEASED",
    "bank_payout": "PENDING",
}


def _headers(api_key: str | None, access: str | None) -> dict[str, str]:
    headers = {"X-API-KEY": api_key, "ACCESS-TOKEN": access}
    return {name: value for name, value in headers.items() if value}


def _exchanged(operation: str, request: Request, not_after: float | None) -> Flow[Reply]:
    try:
        reply: Reply = yield Exchange(request, not_after)
    except Undelivered as error:
        raise outcomes.undelivered(operation, error) from error
    return reply


def _rank(payment: PaytiaPayment) -> tuple[int, str]:
    order: tuple[Callable[[PaytiaPayment], bool], ...] = (
        lambda told: told.is_final,
        lambda told: not told.is_final,
        lambda told: told.succeeded,
        lambda told: told.status in RETURNED,
    )
    place = max(at for at, applies in enumerate(order) if applies(payment))
    return place, payment.updated_at.isoformat() if payment.updated_at else ""


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, default=_json_default, separators=(",", ":")).encode()


def _json_default(value: object) -> str:
    if isinstance(value, Decimal) or re.fullmatch("date|datetime", type(value).__name__):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
