"""What Paytia says of a payment or a call, in an answer, a report row or a webhook (specs/paytia.md §6, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_paygate.gateways.facts import RETURNED, Payment, decimal_of, redacted, time_of
from airflow_provider_paygate.gateways.paytia.paths import Names, plain

# Documented: completed, failed, cancelled, timeout (§7.1); success, failed, pending (§6). A word nobody knows is not final.
SUCCEEDED = frozenset(
    {"COMPLETED", "COMPLETE", "SUCCESS", "SUCCESSFUL", "SUCCEEDED", "APPROVED", "PAID", "CAPTURED", "SETTLED"}
)
FAILED = (
    frozenset({"FAILED", "FAIL", "FAILURE", "CANCELLED", "CANCELED", "TIMEOUT", "DECLINED", "REJECTED", "ERROR"})
    | RETURNED
)
CURRENCY = "GBP"


@dataclass(frozen=True, kw_only=True)
class PaytiaPayment(Payment):
    """A payment as Paytia tells it. Its own fields, under their own names, read like a mapping: ``payment["Card Brand"]``.

    :ivar url: what a payer opens, when the answer carries one.
    :ivar fee: what Paytia keeps of it, when it is told.
    :ivar kind: the kind of transaction.
    """

    currency: str = CURRENCY
    url: str | None = None
    fee: Decimal | None = None
    kind: str | None = None
    cdr_id: str | None = None
    reference_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def succeeded(self) -> bool:
        """The money has been taken."""
        return self.status in SUCCEEDED

    @property
    def is_final(self) -> bool:
        """Nothing more will happen that a pipeline should wait for."""
        return self.succeeded or self.status in FAILED

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A field as Paytia names it."""
        return self.raw.get(name, default)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call detail record (§7.3). Times are aware; `raw` has Paytia's own fields, which also read like a mapping."""

    cdr_id: str | None = None
    state: str | None = None
    agent_id: str | None = None
    originator: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A field as Paytia names it."""
        return self.raw.get(name, default)


def payment_of(row: Mapping[str, Any], names: Names) -> PaytiaPayment:
    """The facts in an answer, a row or a webhook, whatever the spelling of its fields."""
    return PaytiaPayment(**facts_of(row, names))


def facts_of(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The constructor arguments of :class:`PaytiaPayment` that `row` tells; card data must have been scrubbed from it."""
    told = _Told(row, names)
    number = told.text("reference_number", "reference_no", "reference", "ref_no", "invoice_number")
    reference_id = told.text("reference_id", "ref_id")
    return {
        "reference": number or reference_id,
        "sender_id": number or reference_id,
        "reference_id": reference_id,
        "transaction_id": told.text("transaction_id", "txn_id", "gateway_transaction_id", "unique_id", "id"),
        "status": (
            told.text("status", "payment_status", "transaction_status", "txn_status", "outcome") or "UNKNOWN"
        ).upper(),
        "amount": decimal_of(
            _number(told.value("amount", "total_sell_price", "total_amount", "txn_amount", "sell_price"))
        ),
        "currency": (told.text("currency", "currency_code") or CURRENCY).upper(),
        "message": told.text("acquirer_message", "message", "reason", "description"),
        "created_at": moment_of(
            told.value("created_at", "date_time", "txn_date", "transaction_date", "timestamp", "date", "created")
        ),
        "updated_at": moment_of(told.value("updated_at", "modified_at", "timestamp")),
        "url": told.text("linktopay_url", "web_payment_form", "payment_url", "url"),
        "fee": decimal_of(_number(told.value("paytia_fee", "fee"))),
        "kind": told.text("txn_type", "transaction_type", "type"),
        "cdr_id": told.text("cdr_id"),
        "raw": redacted(dict(row)),
    }


def call_of(row: Mapping[str, Any], names: Names) -> Call:
    """The facts of a call detail record; keys in any case (§7.3)."""
    told = _Told(row, names)
    return Call(
        cdr_id=told.text("cdr_id", "id", "unique_id"),
        state=told.text("state", "instate"),
        agent_id=told.text("agent_id", "agentid"),
        originator=told.text("originator"),
        started_at=moment_of(told.value("intimes", "started_at", "date_time", "created_at")),
        answered_at=moment_of(told.value("outtimea", "answered_at")),
        ended_at=moment_of(told.value("intimee", "ended_at")),
        raw=redacted(dict(row)),
    )


def row_id_of(row: Mapping[str, Any], names: Names) -> str | None:
    """What a row is recognised by when it comes twice; None when it has no id."""
    return _Told(row, names).text("unique_id", "id", "transaction_id", "txn_id", "cdr_id")


def moment_of(value: object) -> datetime | None:
    """An aware time from ISO 8601 (UTC when no zone is told; the pages name none) or from UNIX seconds."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 13:
        return datetime.fromtimestamp(int(text[:10]), UTC)
    return time_of(text)


class _Told:
    """A row's values by plain name."""

    def __init__(self, row: Mapping[str, Any], names: Names) -> None:
        self._row = {plain(name): value for name, value in row.items()}
        self._names = names

    def value(self, ours: str, *others: str) -> Any:
        """The first spelling that holds something plain."""
        for name in self._names.spellings(ours, *others):
            value = self._row.get(name)
            if value not in (None, "") and not isinstance(value, Mapping | list):
                return value
        return None

    def text(self, ours: str, *others: str) -> str | None:
        value = self.value(ours, *others)
        return None if value is None or isinstance(value, bool) else str(value).strip() or None


def _number(value: Any) -> Any:
    """``£1,250.00`` and ``1,250.00`` as screens show them."""
    return value.strip().lstrip("£$€").replace(",", "").strip() if isinstance(value, str) else value
