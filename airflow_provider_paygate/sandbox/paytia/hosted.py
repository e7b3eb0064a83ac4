"""Flows that a customer finishes: links and checkouts on a hosted page, and telephone payments (specs/paytia.md §5.1)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from . import fields
from .answers import Answer, Refusal, invalid, missing, success
from .records import WAITING

if TYPE_CHECKING:
    from .accounts import Account
    from .book import Book
    from .call import Call

FATES = {"PAID": "completed", "FAIL": "failed", "CANCEL": "cancelled", "TIMEOUT": "timeout", "UNPAID": "unpaid"}
PHONE = {
    "0": "MOTO",
    "1": "CAPTURE",
    "2": "RESERVE AND CHARGE",
    "3": "RESERVE",
    "5": "RECURRING",
    "7": "ROLLING RESERVE",
}
_STORES = {"1": "pm_", "2": "pi_", "3": "pi_"}  # what the call leaves behind is named as Stripe names it (§5.4)


def page(book: Book, call: Call, account: Account, flag: str) -> Answer:
    """A link to pay (4) or a checkout (8): nothing moves until the customer pays on the page."""
    pence = fields.amount(call)
    for name in ("reference_id", "reference_number"):
        if call.text(name) is None:
            raise missing(name)
    fields.refuse_repeated(book, call, account)
    # Ours: a description that is exactly one of these words decides what the customer does.
    fate = FATES.get(call.text("description") or "", account.link_outcome)
    now = book.shared.clock.now()
    steps = [(now, WAITING)] + ([(now + account.link_after, fate)] if fate != "unpaid" else [])
    flow, kind = ("link", "LINK TO PAY") if flag == "4" else ("checkout", "CHECKOUT")
    payment = fields.made(book, call, account, flow, kind, pence, steps=steps)
    url = f"{call.base}/pay/{payment.number}"
    told = {"reference_id": payment.reference_id}
    # URL-basic: with an email, and send_email not 0, Paytia sends the link itself and withholds the form.
    emailed = call.text("email") is not None and call.text("send_email") != "0"
    if not emailed or account.emailed_link_returned:
        told["linktopay_url"] = url
    if not emailed:
        told["web_payment_form"] = url
    return fields.entered(book, account, call, payment, success(told))


def phone(book: Book, call: Call, account: Account, flag: str) -> Answer:
    """The agent's frame. The call itself is made through the control plane (`telephony`)."""
    reference_id = call.text("reference_id")
    if reference_id is None:
        raise missing("reference_id")
    pence = _phone_amount(call, flag)
    agent = call.text("agent_id") or call.text("agentid")
    if agent is None:
        raise missing("agent_id")
    if not agent.isdecimal() or len(agent) > 6 or agent not in account.agents:
        raise invalid("agent_id", "the number of an activated agent")
    if flag not in account.agents[agent]:
        # The one error that EXC prints.
        raise Refusal(400, f"The agent does not have the right to the transaction type {flag}", "envelope")
    if flag == "7" and account.gateway != "stripe":
        raise Refusal(400, "a rolling reserve needs Stripe")
    if flag == "5":
        fields.check_schedule(call)
    fields.refuse_repeated(book, call, account)
    now = book.shared.clock.now()
    steps, prefix = [(now, WAITING)], _STORES.get(flag, "PYT")
    payment = fields.made(book, call, account, "phone", PHONE[flag], pence, steps=steps, prefix=prefix)
    parts = (_base64(str(298_800 + payment.number)), _base64(reference_id))  # the spelling is theirs
    told = {"reference_id": reference_id, "url": f"{call.base}/thirdparty/embededurl/{parts[0]}/{parts[1]}"}
    return fields.entered(book, account, call, payment, success(told))


def _phone_amount(call: Call, flag: str) -> int:
    if flag == "3":
        return fields.amount(call, "reserve_amount")
    if flag == "2":
        fields.amount(call, "reserve_amount")
    return fields.amount(call, zero=flag == "1")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
