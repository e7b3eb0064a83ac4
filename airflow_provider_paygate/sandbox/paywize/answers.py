"""What Paywize says: codes with their documented texts, two envelope spellings, and an HTTP status that is inferred."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox.exchange import Reply, json_bytes

if TYPE_CHECKING:
    from .merchants import Merchant

# specs/paywize.md §1.2: no page prints the HTTP status of an error. The groups of the tables fit these.
_COMMON = {2000: 200, 4014: 400, 4290: 429, 5000: 500, 5001: 500}
_PAYOUT = {
    **_COMMON,
    **dict.fromkeys((4000, 4022, 4024, 4025, 4101, 4102), 400),
    4001: 401,
    4003: 403,
    **dict.fromkeys((4023, 4041, 4042, 4043, 4044, 4103), 404),
    **dict.fromkeys((4002, 4013), 422),
}
_COLLECTION = {
    **_COMMON,
    **dict.fromkeys((4000, 4001, 4004, 4005, 4006, 4010, 4011, 4103, 4105), 400),
    4008: 401,
    **dict.fromkeys((4013, 4015, 4016, 4107), 403),
    **dict.fromkeys((4007, 4104), 404),
    **dict.fromkeys((4003, 4012), 422),
}
_HTTP = {"payout": _PAYOUT, "cb": _PAYOUT, "collection": _COLLECTION, "token": {**_COMMON, 4001: 401}}
_CAMEL = {"token", "collection"}


class Refusal(Exception):
    """The gateway says no. `http` is given only where the code's usual status does not fit."""

    def __init__(self, code: int, message: str, http: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http


@dataclass(slots=True)
class Answer:
    """An answer before it is encrypted and written. `body` takes the place of the coded envelope altogether."""

    product: str
    merchant: Merchant | None
    code: int = 2000
    message: str = ""
    data: dict[str, Any] | str | None = None
    http: int | None = None
    plain: bool = False  # the balance is the one answer that travels unencrypted (§1.6)
    more: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    other_envelope: bool = False
    sealed: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return str(self.code) if self.body is None else f"http_{self.http}"

    def reply(self) -> Reply:
        if self.body is not None:
            return Reply(self.http or 400, json_bytes(self.body), headers=self.headers)
        camel = self._camel()
        body: dict[str, Any] = {
            "respCode" if camel else "resp_code": self.code,
            "respMessage" if camel else "resp_message": self.message,
        }
        if self.sealed is not None:
            body["data"] = self.sealed
        elif self.data is not None:
            body["data"] = self.data if self.plain else self._encrypted()
        body.update(self.more)
        return Reply(self._status(), json_bytes(body), headers=self.headers)

    def _camel(self) -> bool:
        spelling = self.merchant.envelope if self.merchant else "documented"
        camel = self.product in _CAMEL if spelling == "documented" else spelling == "camel"
        return camel is not self.other_envelope

    def _status(self) -> int:
        if self.code != 2000 and self.merchant is not None and self.merchant.always_200:
            return 200
        return self.http or _HTTP[self.product].get(self.code, 400)

    def _encrypted(self) -> str:
        assert self.merchant is not None  # noqa: S101 - only a merchant's own answers carry data
        text = self.data if isinstance(self.data, str) else json.dumps(self.data, separators=(",", ":"))
        return self.merchant.cipher.encrypt(text)


def refused(refusal: Refusal, product: str, merchant: Merchant | None) -> Answer:
    return Answer(product, merchant, refusal.code, refusal.message, http=refusal.http)


def framework(status: int, message: str | list[str], error: str, merchant: Merchant | None = None) -> Answer:
    """An answer of the web framework below the API, as the live service gives them (§1.2)."""
    body = {"statusCode": status, "message": message, "error": error}
    return Answer("token", merchant, http=status, body=body)


def expired(merchant: Merchant | None, product: str) -> Answer:
    """The token is not good any more: 4001 for payouts, 4008 for collections, under HTTP 401 or 200 (§2.2)."""
    http = merchant.expired_status if merchant else 401
    if product == "collection":
        return Answer(product, merchant, 4008, "Invalid or expired token", http=http)
    return Answer(product, merchant, 4001, "Unauthorized – invalid or expired token", http=http)
