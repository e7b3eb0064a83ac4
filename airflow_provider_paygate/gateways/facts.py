"""What a gateway says of a payment, under one vocabulary for all gateways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, cast

# Documented and observed words (specs/paywize.md §5.1). Any other word means: not final yet.
SUCCEEDED = frozenset({"SUCCESS", "COMPLETED"})
RETURNED = frozenset({"REFUNDED", "REVERSED"})
FAILED = frozenset({"FAILED", "REJECTED"}) | RETURNED


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment as the gateway tells it.

    :ivar reference: the business's own name for it, when known.
    :ivar sender_id: the id under which it was submitted.
    :ivar transaction_id: the gateway's id.
    :ivar status: the gateway's word in upper case; a word nobody knows is not final.
    :ivar utr: the bank's reference, once there is one.
    :ivar amount: in the unit of `currency`, never a float.
    :ivar created_at: aware; as is `updated_at`.
    :ivar raw: the decrypted answer with secrets and account numbers redacted.
    """

    reference: str | None = None
    sender_id: str | None = None
    transaction_id: str | None = None
    status: str
    utr: str | None = None
    amount: Decimal | None = None
    currency: str = "INR"
    message: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def succeeded(self) -> bool:
        """The money has reached the payee."""
        return self.status in SUCCEEDED

    @property
    def is_final(self) -> bool:
        """Nothing more will happen that a pipeline should wait for."""
        return self.succeeded or self.status in FAILED


@dataclass(frozen=True, kw_only=True)
class Collection(Payment):
    """A collection, with the links a payer opens (only the answer to its creation carries them)."""

    payment_url: str | None = None
    intent_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookEvent(Payment):
    """A payment as a webhook tells it: a reason to look it up, never a proof."""

    event: str | None = None
    reference_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What a wallet holds: `available` in the unit of `currency`."""

    available: Decimal
    currency: str = "INR"
    wallet_id: str | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Beneficiary:
    """Who the gateway says was paid: compared, never shown. Either may be missing or masked in an answer."""

    account: str | None = field(default=None, repr=False)
    ifsc: str | None = field(default=None, repr=False)


def decimal_of(value: object) -> Decimal | None:
    """An amount in an answer, which may be a JSON number or a string; None when it is neither."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def json_number(text: str) -> Decimal | str:
    """A JSON number, exactly; text where no Decimal holds it (``1e99999999999999999999``). For `json.loads(parse_float=…)`."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def time_of(value: object, zone: str = "UTC") -> datetime | None:
    """An aware time from ISO 8601, or from connected banking's ``21 Jan 2026 03:23:02 PM``; None when unreadable.

    `zone` is where a time without a zone was told (specs/paywize.md §1.8: India, for connected banking).
    """
    import pendulum

    text = str(value or "").strip()
    try:
        if text.endswith("Z"):
            return datetime.fromisoformat(text)  # what nearly every answer carries
        if re.match(r"\d{4}-\d\d-\d\d[T ]\d", text):
            return cast("datetime", pendulum.parse(text, tz=zone))
        if re.match(r"\d{1,2} [A-Z][a-z]{2} \d{4} ", text):
            return pendulum.from_format(text, "D MMM YYYY hh:mm:ss A", tz="Asia/Kolkata")
    except ValueError:
        return None
    return None


_SECRET_NAME = re.compile(r"token|secret|password|api_?key|authorization|\bpan\b|card_?number|cvv|cvc", re.I)
_ACCOUNT_NAME = re.compile(r"acc(oun)?t?_?(number|no)\b|account$|bank_token", re.I)


def redacted(value: Any, name: str = "") -> Any:
    """`value` with secrets replaced by ``***`` and account numbers by their last four digits, at any depth."""
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, name) for item in value]
    if value is None or isinstance(value, bool):
        return value
    named = _told_by(name)
    if named == "secret":
        return "***"
    return last_four(str(value)) if named == "account" else value


@lru_cache(maxsize=1024)  # the same few names come with every answer
def _told_by(name: str) -> str:
    """What the name of a field says it holds: ``secret``, ``account`` or ``fact``."""
    if _SECRET_NAME.search(name):
        return "secret"
    return "account" if _ACCOUNT_NAME.search(name) else "fact"


def without(value: Any, account: str | None) -> Any:
    """`value` with `account` as its last four digits wherever a text quotes it, at any depth."""
    if not account or len(account) < 5:
        return value
    if isinstance(value, Mapping):
        return {key: without(item, account) for key, item in value.items()}
    if isinstance(value, list):
        return [without(item, account) for item in value]
    return value.replace(account, last_four(account)) if isinstance(value, str) else value


def last_four(account: str) -> str:
    """``****6789``: what of an account number may be shown and stored."""
    return "****" + account[-4:] if len(account) > 4 else "****"
