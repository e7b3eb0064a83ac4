"""Webhooks of the telephone: the IVR's stages, hang-ups and aborts (§7.2), call records (§7.3), transfers (§7.4).

All are urlencoded `key=value` text. No telephone rings: a test says through the control plane what a call did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .accounts import Account
    from .book import Book
    from .records import Payment

# How a call ends: what is posted last, and what becomes of the payment (§7.2; EXC).
ENDINGS: dict[str, tuple[dict[str, str], str]] = {
    "completed": ({}, "completed"),
    "wrong_amount": ({"success": "0"}, "failed"),
    "hangup_customer": ({"success": "0", "callhangup": "customer"}, "failed"),
    "hangup_merchant": ({"success": "0", "callhangup": "merchant"}, "failed"),
    "abort_customer": ({"success": "0", "custabort": "1"}, "cancelled"),
    "abort_agent": ({"success": "0", "agentabort": "1"}, "cancelled"),
}
KINDS = ("ivr", "cdr", "transfer")


def post(book: Book, account: Account, payment: Payment | None, wanted: Mapping[str, Any]) -> int:
    """`kind` ivr (the default; `ending`, `digits`), cdr or transfer, to `url` or the payment's webhook. How many."""
    kind, url = wanted.get("kind", "ivr"), wanted.get("url") or (payment.webhook_url if payment else "")
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    if not url:
        raise ValueError("there is no url, and no payment with a webhook_url and this reference_id")
    reference = payment.reference_id if payment else str(wanted.get("reference_id", ""))
    agent = (payment.agent_id if payment else "") or "100"
    ending = wanted.get("ending", "completed")
    if ending not in ENDINGS:
        raise ValueError(f"ending is one of {', '.join(ENDINGS)}")
    now = book.shared.clock.now()
    match kind:
        case "ivr":
            events = _stages(reference, agent, ending, int(wanted.get("digits", 16)))
        case "cdr":
            events = [{"reference_id": reference, **_call(agent, now)}]
        case _:
            events = [_transfer(agent, now)]
    for event in events:
        name = event.get("payment_stage", kind)
        notices.send(book, account, reference, name, url, urlencode(event).encode(), notices.FORM_TYPE)
    if payment is not None and kind == "ivr":
        payment.call = {**_call(agent, now), "hangOutCause": "Normal clearing"}
        book.move_payment(payment, ENDINGS[ending][1])
    return len(events)


def _stages(reference: str, agent: str, ending: str, digits: int) -> list[dict[str, str]]:
    """In the page's order; where a call ends early the rest is not posted."""
    stages = [{"payment_stage": "agent_id", "agent_id": agent}]
    last = ENDINGS[ending][0]
    if ending != "wrong_amount":
        stages.append({"payment_stage": "amount_verify", "amount_verify": "accepted"})
        stages.append({"payment_stage": "card_number"})
        # One post per digit, masked. A call that is broken off has not come to its last digit.
        shown = digits if ending == "completed" else digits // 2
        stages += [{"payment_stage": "pan_digit", "pan_digit": "X" * number} for number in range(1, shown + 1)]
    if last:
        stages.append(last)
    return [{"reference_id": reference, **stage} for stage in stages]


def _call(agent: str, now: float) -> dict[str, str]:
    began = int(now) - 90
    return {
        "originator": "customer",
        "inddi": "442071234567",
        "incli": "447700900123",
        "instate": "talking",
        "intimes": str(began),
        "intimee": str(int(now)),
        "outddi": "442071234567",
        "outcli": "442079876543",
        "outstate": "talking",
        "outtimes": str(began + 5),
        "outtimee": str(int(now)),
        "outtimea": str(began + 9),
        "state": "talking",
        "statevalue": "payment_result",
        "agent_id": agent,
        "hangFirstDir": "in",
        "hangFirstEnd": "remote",
    }


def _transfer(agent: str, now: float) -> dict[str, str]:
    """`PAYTIA-XFER` is PHP's uniqid(): seconds and microseconds in hex, 13 signs (§7.4)."""
    stamp = f"{int(now):08x}{int(now % 1 * 1_000_000):05x}"
    return {
        "PAYTIA-XFER": stamp,
        "merchant_telephone": "+442071234567",
        "agent_id": agent,
        "tenant_name": "sandbox",
    }
