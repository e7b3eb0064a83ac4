"""Rows of the reports: what the portal's screens show, under names that are ours or the screens' own (§6, §7.3)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_provider_paygate.sandbox import amounts

from .records import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_provider_paygate.sandbox.webhooks import Delivery

    from .accounts import Account
    from .filters import Filter
    from .records import Payment
    from .seeds import Block

# The labels of the payment history (PH) and the third-party log (TPL), where they have one.
_LABELS = {
    "unique_id": "Unique ID",
    "cdr_id": "CDR ID",
    "txn_type": "Txn Type",
    "reference_number": "Reference No.",
    "reference_id": "REF ID",
    "transaction_id": "TXN ID",
    "account_number": "Account Number",
    "date_time": "DateTime",
    "amount": "Total Sell Price",
    "status": "Status",
    "acquirer_message": "Acquirer Message",
    "gateway_nickname": "Gateway Nickname",
}
_LOG_WORDS = {"completed": "success", "pending": "pending"}  # TPL: success, failed, pending
_CALL = [
    "originator",
    "inddi",
    "incli",
    "instate",
    "intimes",
    "intimee",
    "outddi",
    "outcli",
    "outstate",
    "outtimes",
    "outtimee",
    "outtimea",
    "state",
    "statevalue",
    "agent_id",
    "hangFirstDir",
    "hangFirstEnd",
]


def taken(payments: Iterable[Payment], now: float, stale_for: float) -> list[Payment]:
    """Payments that were taken, or tried: a link that nobody paid is none."""
    return [
        one
        for one in payments
        if now >= max(one.visible_from, one.accepted_at + stale_for) and one.step(now).status != WAITING
    ]


def payment_row(payment: Payment, account: Account, now: float) -> dict[str, Any]:
    step = payment.step(now)
    return _row(
        account,
        unique_id=f"U{payment.number:09d}",
        cdr_id=payment.cdr_id,
        txn_type=payment.kind,
        reference_number=payment.reference_number,
        reference_id=payment.reference_id,
        transaction_id=payment.transaction_id,
        account_number=payment.request.get("account_number", ""),
        at=step.at,
        amount=payment.amount,
        currency=payment.currency,
        status=step.status,
    )


def seeded(block: Block, wanted: Filter) -> Sequence[int]:
    """The places of a block that a filter wants. Dates and references are worked out; the rest is looked through."""
    inside = block.between(wanted.start, wanted.end)
    exact = dict(wanted.exact)
    for reference in filter(None, [*(exact.pop(name, None) for name in ("reference_number", "reference_id"))]):
        place = block.place(reference)
        inside = range(place, place + 1) if place is not None and place in inside else range(0)
    if wanted.search is not None:
        place = block.place(wanted.search) if wanted.search.startswith(block.prefix.casefold()) else None
        place = block.place(block.prefix + wanted.search[len(block.prefix) :]) if place is None else place
        inside = range(place, place + 1) if place is not None and place in inside else range(0)
    if not exact:
        return inside
    return [n for n in inside if all(_seeded_facts(block, n).get(name) == value for name, value in exact.items())]


def seeded_row(block: Block, account: Account) -> Callable[[int], dict[str, Any]]:
    def row(n: int) -> dict[str, Any]:
        return _row(
            account, at=block.at(n), amount=block.amount(n), currency=account.currency, **_seeded_facts(block, n)
        )

    return row


def _seeded_facts(block: Block, n: int) -> dict[str, str]:
    reference = block.reference(n)
    return {
        "unique_id": f"U{block.first_id + n:09d}",
        "cdr_id": str(block.first_id + n),
        "txn_type": "TOKEN PAYMENT",
        "reference_number": reference,
        "reference_id": reference,
        "transaction_id": f"PYT{block.first_id + n:09d}",
        "account_number": "",
        "status": block.status(n),
    }


def _row(account: Account, *, at: float, amount: int, currency: str, status: str, **facts: str) -> dict[str, Any]:
    if account.status_words == "log":
        status = _LOG_WORDS.get(status, "failed")
    moment = datetime.fromtimestamp(at, ZoneInfo(account.zone)).strftime("%Y-%m-%d %H:%M:%S")
    row: dict[str, Any] = {
        **facts,
        "date_time": moment,
        "amount": amounts.text(amount),
        "currency": currency,
        "card_brand": "VISA",
        "status": status,
        "acquirer_message": "Approved" if status in ("completed", "success") else "",
        "gateway_nickname": account.gateway,
    }
    if account.rows_without_ids:
        row = {name: value for name, value in row.items() if name not in ("unique_id", "cdr_id", "transaction_id")}
    if account.row_names == "portal":
        row = {_LABELS.get(name, name.replace("_", " ").title()): value for name, value in row.items()}
    return row


def cdr_row(payment: Payment, now: float) -> dict[str, Any]:
    """§7.3's fields; for a payment without a telephone call most are empty."""
    call = {name: payment.call.get(name, "") for name in _CALL}
    call["agent_id"] = payment.agent_id
    call["state"] = call["state"] or "payment initiated"
    facts = {"cdr_id": payment.cdr_id, "reference_id": payment.reference_id}
    return {**facts, "reference_number": payment.reference_number, **call, "payment_status": payment.step(now).status}


def seeded_cdr(block: Block) -> Callable[[int], dict[str, Any]]:
    def row(n: int) -> dict[str, Any]:
        facts = _seeded_facts(block, n)
        call: dict[str, Any] = dict.fromkeys(_CALL, "")
        call |= {"originator": "customer", "state": "payment initiated", "agent_id": "100"}
        call |= {"intimes": int(block.at(n)), "intimee": int(block.at(n)) + 60}
        named = {name: facts[name] for name in ("cdr_id", "reference_id", "reference_number")}
        return {**named, **call, "payment_status": facts["status"]}

    return row


def trace(payment: Payment, account: Account) -> dict[str, Any]:
    """URI, method, parameters, response (API-V)."""
    moment = datetime.fromtimestamp(payment.accepted_at, ZoneInfo(account.zone)).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "uri": "/api/payment_service",
        "method": "POST",
        "request_params": payment.request,
        "response": json.dumps(payment.response),
        "actual_response": payment.response,
        "time": moment,
    }


def webhook_rows(deliveries: Iterable[Delivery]) -> list[dict[str, Any]]:
    tried = [(delivery, attempt) for delivery in deliveries for attempt in delivery.attempts]
    return [
        {
            "id": number,
            "webhook_response": delivery.body.decode("utf-8", "replace"),
            "http_code": attempt.get("status", 0),
            "description": attempt.get("error", "Webhook sent"),
            "status": "success" if 200 <= attempt.get("status", 0) < 300 else "fail",
            "time": attempt["at"],
        }
        for number, (delivery, attempt) in enumerate(tried, 1)
    ]
