"""One API call, read as far as somebody asks: who calls, with which token, and what the encrypted body says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from airflow_provider_paygate.sandbox import amounts

from .answers import Refusal
from .cipher import Undecryptable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_paygate.sandbox.exchange import Exchange

    from .merchants import Merchant
    from .routes import Route
    from .tokens import Applicant, Session


@dataclass
class Call:
    exchange: Exchange
    route: Route
    path_value: str | None = None
    session: Session | None = None
    applicant: Applicant | None = None  # the token call only
    stale_for: float = 0.0
    _body: Any = None
    _fields: dict[str, Any] | None = None
    _query: dict[str, str] | None = None

    @property
    def merchant(self) -> Merchant | None:
        if self.session is not None:
            return self.session.merchant
        return self.applicant.merchant if self.applicant else None

    @property
    def query(self) -> dict[str, str]:
        if self._query is None:
            self._query = dict(parse_qsl(self.exchange.query.decode("latin-1")))
        return self._query

    def body(self) -> Any:
        """The JSON body, or None when there is none to be read."""
        if self._body is None:
            try:
                self._body = amounts.read_json(self.exchange.body)
            except ValueError:
                return None
        return self._body

    def fields(self, no_payload: Refusal, no_json: Refusal) -> dict[str, Any]:
        """The decrypted request, in the order of §9.5: payload there, decryptable, an object."""
        if self._fields is not None:
            return self._fields
        body = self.body()
        payload = body.get("payload") if isinstance(body, dict) else None
        if not isinstance(payload, str) or not payload:
            raise no_payload
        assert self.merchant is not None  # noqa: S101 - only called behind a good token
        try:
            fields = amounts.read_json(self.merchant.cipher.decrypt(payload))
        except Undecryptable:
            raise Refusal(4014, "Decryption failed. Please check the encryption") from None
        except ValueError:
            raise no_json from None
        if not isinstance(fields, dict):
            raise no_json
        nested = fields.get("beneficiary")
        if isinstance(nested, dict):  # two of the vendor's samples nest it (§1.4)
            fields = {**fields, **nested}
        self._fields = fields
        return fields

    def facts(self) -> Mapping[str, str]:
        """What a fault may match: the merchant, the query and the decrypted fields, as text."""
        known = {**self.query, "gateway": "paywize"}
        if self.merchant is not None:
            known["merchant"] = self.merchant.name
            if self.session is not None and self.exchange.body:
                unread = Refusal(0, "")
                try:
                    fields = self.fields(unread, unread)
                except Refusal:
                    fields = {}
                known.update({name: str(value) for name, value in fields.items()})
        if "senderId" in known:
            known.setdefault("sender_id", known["senderId"])
        return known
