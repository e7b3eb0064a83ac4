"""Operations on what is stored: cards, reserves, subscriptions, bank accounts. No customer is present (§5.2, §5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts

from . import fields
from .answers import Answer, Refusal, failure, invalid, missing, success

if TYPE_CHECKING:
    from collections.abc import Callable

    from .accounts import Account
    from .book import Book
    from .call import Call
    from .records import Payment

Instrument = dict[str, Any]


def charge(book: Book, call: Call, account: Account) -> Answer:
    """`store_payment`: charge a card on file. Declined is HTTP 200 with a failed status (ERR: "inspect `status`")."""
    name, card = _named(call, account, "card")
    pence = fields.amount(call)
    fields.refuse_repeated(book, call, account)
    return _carried_out(book, call, account, "charge", "TOKEN PAYMENT", pence, name, card)


def settle(book: Book, call: Call, account: Account) -> Answer:
    """`reserve_settle`: capture a pre-auth for the amount sent, once."""
    name, reserve = _named(call, account, "reserve")
    pence = fields.amount(call)
    fields.refuse_repeated(book, call, account)
    _check_held(name, reserve)
    if pence > (amounts.minor(reserve["amount"]) or 0):
        raise invalid("amount", f"no more than the {reserve['amount']} that is reserved")
    reserve["state"] = "settled"
    done = {"outcome": "completed"}
    return _carried_out(book, call, account, "settle", "RESERVE SETTLE", pence, name, done, transaction_id=name)


def remove(book: Book, call: Call, account: Account) -> Answer:
    """`remove`: release a pre-auth."""
    name, reserve = _named(call, account, "reserve")
    _check_held(name, reserve)
    reserve["state"] = "released"
    book.save_account(account)
    return success(_echoed(call) | {"transaction_id": name})


def update(book: Book, call: Call, account: Account) -> Answer:
    """`update`: change a subscription's schedule."""
    name, subscription = _subscription(call, account)
    fields.check_schedule(call)
    changes = {one: call.fields[one] for one in _SCHEDULE if call.text(one) is not None}
    subscription.update(changes)
    book.save_account(account)
    return success(_echoed(call) | {"subscription_id": name})


def cancel(book: Book, call: Call, account: Account) -> Answer:
    name, subscription = _subscription(call, account)
    subscription["state"] = "cancelled"
    book.save_account(account)
    return success(_echoed(call) | {"subscription_id": name})


OPERATIONS: dict[str, Callable[[Book, Call, Account], Answer]] = {
    "store_payment": charge,
    "reserve_settle": settle,
    "remove": remove,
    "update": update,
    "cancel": cancel,
}
_SCHEDULE = ("start_date", "end_date", "interval", "intervalcount", "intervalfrequency", "subscription_amount")


def is_bank(call: Call) -> bool:
    """Flag 9, or the marker whose value is `bank`; the marker's field name is cut off on the page (§5.3)."""
    return call.text("transaction_flag") == "9" or "bank" in call.fields.values()


def bank(book: Book, call: Call, account: Account) -> Answer:
    """Pay out to a stored bank account (flag 9), or fetch or delete one. Field names are cut: values are looked for."""
    if call.text("transaction_flag") != "9":
        return _bank_account(book, call, account)
    if call.text("reference_id") is None:
        raise missing("reference_id")
    if "bank" not in call.fields.values():
        raise Refusal(400, "the payment type bank is required")
    pence = fields.amount(call)
    found = _by_value(call, account, "bank")
    if found is None:
        raise Refusal(400, "a stored bank token is required")
    fields.refuse_repeated(book, call, account)
    return _carried_out(book, call, account, "bank", "BANK PAYOUT", pence, *found)


def _bank_account(book: Book, call: Call, account: Account) -> Answer:
    actions = {"create", "retrieve", "remove"} & {str(value) for value in call.fields.values()}
    if not actions:
        raise Refusal(400, "the bank action is required: create, retrieve or remove")
    if actions == {"create"}:
        raise Refusal(400, "create collects bank details on a hosted form; this sandbox has stored accounts only")
    found = _by_value(call, account, "bank")
    if found is None:
        raise Refusal(400, "bank token not found")
    if actions == {"remove"}:
        del account.instruments[found[0]]
        book.save_account(account)
    return success(_echoed(call) | {"bank_token": found[0]})


def _carried_out(
    book: Book,
    call: Call,
    account: Account,
    flow: str,
    kind: str,
    pence: int,
    name: str,
    instrument: Instrument,
    **more: Any,
) -> Answer:
    now = book.shared.clock.now()
    outcome = instrument.get("outcome", "completed")
    if outcome == "failed" and flow == "bank":  # a bank says no later, not at once
        steps = [(now, "pending"), (now + account.charge_after, "failed")]
    elif outcome == "pending":
        steps = [(now, "pending"), (now + account.charge_after, instrument.get("then", "completed"))]
    else:
        steps = [(now, outcome)]
    payment = fields.made(book, call, account, flow, kind, pence, instrument=name, steps=steps, **more)
    return fields.entered(book, account, call, payment, _charged(account, payment))


def _charged(account: Account, payment: Payment) -> Answer:
    """Word: `status` is completed, pending or failed. Envelope: the house's object (§3). No page shows the answer."""
    status = payment.steps[0].status
    message = "Your card was declined" if status == "failed" else "Success"
    told = {
        "reference_id": payment.reference_id,
        "reference_number": payment.reference_number,
        "transaction_id": payment.transaction_id,
        "amount": amounts.text(payment.amount),
        "currency": payment.currency,
    }
    outcome = "declined" if status == "failed" else "200"
    if account.charge_answer == "envelope":
        body = {**told, **failure(400, message)} if status == "failed" else success(told).body
        return Answer(body, outcome=outcome)
    return Answer({"httpStatus": True, **told, "status": status, "message": message}, outcome=outcome)


def _named(call: Call, account: Account, kind: str) -> tuple[str, Instrument]:
    name = call.text("transaction_id")
    if name is None:
        raise missing("transaction_id")
    instrument = account.instruments.get(name)
    if instrument is None or instrument["kind"] != kind:
        raise invalid("transaction_id", f"no {kind} of this account")
    return name, instrument


def _subscription(call: Call, account: Account) -> tuple[str, Instrument]:
    """The field that names it is cut off on the page; its value begins with `sub_` (§5.2)."""
    found = _by_value(call, account, "subscription")
    if found is None:
        raise Refusal(400, "a subscription reference (sub_… or sub_sched_…) is required")
    if found[1].get("state") == "cancelled":
        raise Refusal(400, "the subscription is cancelled")
    return found


def _by_value(call: Call, account: Account, kind: str) -> tuple[str, Instrument] | None:
    for value in call.fields.values():
        instrument = account.instruments.get(value) if isinstance(value, str) else None
        if instrument is not None and instrument["kind"] == kind:
            return value, instrument
    return None


def _check_held(name: str, reserve: Instrument) -> None:
    if reserve.get("state", "held") != "held":
        raise Refusal(400, f"transaction_id {name} is {reserve['state']}")


def _echoed(call: Call) -> dict[str, str]:
    return {name: value for name in ("reference_id", "reference_number") if (value := call.text(name)) is not None}
