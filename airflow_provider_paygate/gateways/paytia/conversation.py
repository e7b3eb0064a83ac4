"""How one merchant talks to Paytia: whose keys travel, when a token is replaced, and when a read is repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from airflow_provider_paygate.gateways import wire
from airflow_provider_paygate.gateways.paytia import outcomes
from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.paths import READS, Names
from airflow_provider_paygate.gateways.paytia.webhook import SIGNATURE_HEADER
from airflow_provider_paygate.gateways.wire import Exchange, Fault, Flow, Kind, Pause, Reply, Request, Undelivered

# A read is repeated after an outage that passes, at these seconds (§3's own schedule, cut short).
READ_PAUSES = (1.0, 2.0, 4.0)
ACCEPT = {"Accept": "application/json"}
JSON = {"Content-Type": "application/json", **ACCEPT}


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


class Conversation:
    """One merchant's keys and tokens at work. Flows raise :class:`Fault`.

    :param tokens: None when calls carry the API key alone.
    """

    def __init__(self, merchant: Merchant, tokens: Tokens | None) -> None:
        self.merchant = merchant
        self.tokens = tokens

    def read(self, operation: str, body: Mapping[str, Any]) -> Flow[Answer]:
        """A report, asked for again after an outage that passes: reading moves nothing."""
        for pause in (*READ_PAUSES, None):
            try:
                return (yield from self.authorised(operation, self.json(operation, body)))
            except Fault as fault:
                passing = fault.kind is Kind.NOT_SENT or (fault.http_status or 0) >= 500
                if pause is None or not passing or fault.operation not in READS:
                    raise
            yield Pause(pause)
        raise AssertionError("the last turn returns or raises")

    def authorised(self, operation: str, request: Request, not_after: float | None = None) -> Flow[Answer]:
        """Send with the keys; an access token that is refused is replaced, and the same bytes go once more."""
        if self.tokens is None:
            reply = yield from exchanged(operation, self._keyed(request, None), not_after)
            with reading(operation):
                return outcomes.checked(operation, reply)
        token = yield from self.tokens.current()
        reply = yield from exchanged(operation, self._keyed(request, token), not_after)
        with reading(operation):
            refused = outcomes.token_refused(reply)
        if refused:
            token = yield from self.tokens.instead_of(token)
            reply = yield from exchanged(operation, self._keyed(request, token), not_after)
        with reading(operation):
            return outcomes.checked(operation, reply)

    def _keyed(self, request: Request, token: str | None) -> Request:
        """`X-API-KEY`, `ACCESS-TOKEN`, or both (§9 no. 2)."""
        api_key = self.merchant.api_key if token is None or self.merchant.send_both_headers else None
        return replace(request, headers={**request.headers, **headers_of(api_key, token)})

    def json(self, operation: str, body: Mapping[str, Any]) -> Request:
        return Request("POST", self.url(operation), JSON, body=bytes_of(body))

    def url(self, operation: str) -> str:
        return self.merchant.base_url + self.merchant.paths[operation]


def headers_of(api_key: str | None, access: str | None) -> dict[str, str]:
    headers = {"X-API-KEY": api_key, "ACCESS-TOKEN": access}
    return {name: value for name, value in headers.items() if value}


def exchanged(operation: str, request: Request, not_after: float | None) -> Flow[Reply]:
    try:
        reply: Reply = yield Exchange(request, not_after)
    except Undelivered as error:
        raise outcomes.undelivered(operation, error) from error
    return reply


def reading(operation: str) -> AbstractContextManager[None]:
    """Reading the answer to an operation."""
    return wire.reading(outcomes.unreadable(operation))


def bytes_of(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, default=_json_default, separators=(",", ":")).encode()


def _json_default(value: object) -> str:
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
