"""One API call: who calls, with which key and token, and its fields however they were encoded."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from . import forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_paygate.sandbox.exchange import Exchange

    from .accounts import Account
    from .book import Book


class Call:
    """`account` is whom the client id, the key or the token belongs to, proven or not."""

    def __init__(self, exchange: Exchange, operation: str, book: Book) -> None:
        self.exchange = exchange
        self.operation = operation
        self.api_key = exchange.header(b"x-api-key")
        self.access_token = exchange.header(b"access-token")
        self.stale_for = 0.0
        self.encoding, self.fields = forms.read(exchange)
        self._book = book

    @cached_property
    def account(self) -> Account | None:
        accounts = self._book.accounts.values()
        if self.operation in ("authorize", "refresh"):
            wanted = self.fields.get("client_id")
            return next((one for one in accounts if one.client_id == wanted), None)
        if self.api_key is not None:
            return next((one for one in accounts if one.api_key == self.api_key), None)
        if self.access_token is not None:
            return next((one for one in accounts if self.access_token in self._book.chains[one.name].access), None)
        return None

    def text(self, name: str) -> str | None:
        """A field's text; an empty one is none."""
        value = self.fields.get(name)
        return value.strip() or None if isinstance(value, str) else None

    @property
    def base(self) -> str:
        """Where this sandbox's Paytia is, as the client wrote it: links point there."""
        host = self.exchange.header(b"host") or ""
        return f"http://{host}{self.exchange.scope.get('root_path', '')}"

    def facts(self) -> Mapping[str, str]:
        """What a fault may match: the account and the fields, as text."""
        known = {name: str(value) for name, value in self.fields.items()}
        known["gateway"] = "paytia"
        if self.account is not None:
            known["account"] = known["merchant"] = self.account.name
        return known
