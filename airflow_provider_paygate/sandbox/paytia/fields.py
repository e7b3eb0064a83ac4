"""What every flow reads from its fields, and how an accepted one becomes a payment (specs/paytia.md §3, §5)."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts

from .answers import Answer, Refusal, invalid, missing
from .records import Payment, Step

if TYPE_CHECKING:
    from .accounts import Account
    from .book import Book
    from .call import Call

_AMOUNT = re.compile(r"\d{1,10}\.\d{2}")  # "10.00", never "10" (PS)
INTERVALS = ("daily", "weekly", "monthly", "month")  # one sentence says `month` (§9 row 12)


def amount(call: Call, name: str = "amount", zero: bool = False) -> int:
    """Pence of a required amount: two decimals, always; zero only where the flow wants it (flag 1)."""
    value = call.text(name)
    if value is None:
        raise missing(name)
    pence = amounts.minor(value) if _AMOUNT.fullmatch(value) else None
    if pence is None or (pence == 0) is not zero:
        raise invalid(name, "0.00" if zero else "a decimal with two places above zero, like 10.00")
    return pence


def currency(call: Call, account: Account) -> str:
    value = call.text("currency")
    if value is not None and not re.fullmatch(r"[A-Z]{3}", value):
        raise invalid("currency", "three letters, like GBP")
    return value or account.currency


def refuse_repeated(book: Book, call: Call, account: Account) -> None:
    """208: the reference was used before (ERR page). By `reference_number`, unless the account is set otherwise."""
    used = book.used_before(account, {name: call.text(name) or "" for name in account.dedupe})
    if used is not None:
        raise Refusal(208, f"Duplicate reference: {used} has already been used")


def made(book: Book, call: Call, account: Account, flow: str, kind: str, pence: int, **more: Any) -> Payment:
    """A payment of this call, not yet in the books."""
    number, now = book.next_serial(), book.shared.clock.now()
    return Payment(
        account=account.name,
        number=number,
        flow=flow,
        kind=kind,
        reference_id=call.text("reference_id") or "",
        reference_number=call.text("reference_number") or "",
        transaction_id=more.pop("transaction_id", f"{more.pop('prefix', 'PYT')}{number:09d}"),
        amount=pence,
        currency=currency(call, account),
        instrument=more.pop("instrument", ""),
        accepted_at=now,
        steps=[Step(*step) for step in more.pop("steps")],
        webhook_url=call.text("webhook_url") or "",
        webhook_url_transaction=call.text("webhook_url_transaction") or "",
        agent_id=call.text("agent_id") or call.text("agentid") or "",
        request={name: str(value) for name, value in call.fields.items()},
        visible_from=now + call.stale_for if call.stale_for else 0.0,
        **more,
    )


def entered(book: Book, account: Account, call: Call, payment: Payment, answer: Answer) -> Answer:
    """Into the books, with the answer it was given (the API trace shows it); a new Braintree customer is one now."""
    if isinstance(answer.body, dict):
        payment.response = answer.body
    changed = payment.flow == "settle"
    if call.fields.get("gateway_customer_control") == "1" and (customer := call.text("gateway_customer_id")):
        account.customers = [*account.customers, customer]
        changed = True
    book.open_payment(payment, account if changed else None)
    return answer


def check_schedule(call: Call) -> None:
    """§5.2: dates, an interval, and either an end date or a multiplier."""
    for name in ("start_date", "end_date"):
        if (day := call.text(name)) is not None and not _is_date(day):
            raise invalid(name, "YYYY-MM-DD")
    if call.text("intervalfrequency") is not None and call.text("end_date") is not None:
        raise Refusal(400, "intervalfrequency and end_date cannot be used together")
    if (interval := call.text("interval")) is not None and interval not in INTERVALS:
        raise invalid("interval", "daily, weekly or monthly")
    for name in ("intervalcount", "intervalfrequency"):
        if (number := call.text(name)) is not None and not (number.isdecimal() and int(number) > 0):
            raise invalid(name, "a whole number")
    if call.text("subscription_amount") is not None:
        amount(call, "subscription_amount")


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False
