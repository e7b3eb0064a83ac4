"""`/api/payment_service`: one address for every flow; `type` or `transaction_flag` picks it (specs/paytia.md §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import hosted, stored
from .answers import Answer, Refusal, invalid, missing

if TYPE_CHECKING:
    from .accounts import Account
    from .book import Book
    from .call import Call


def serve(book: Book, call: Call, account: Account) -> Answer:
    if call.encoding != "multipart" and not (call.encoding == "form" and account.urlencoded):
        raise Refusal(400, "send the fields as multipart/form-data")
    kind, flag = call.text("type"), call.text("transaction_flag")
    _check_customer(account, call)
    if kind in stored.OPERATIONS:
        return stored.OPERATIONS[kind](book, call, account)
    if stored.is_bank(call):
        return stored.bank(book, call, account)
    if kind is not None:
        raise invalid("type", f"one of {', '.join(stored.OPERATIONS)}")
    if flag is None:
        raise missing("transaction_flag")
    if flag == "6":
        raise Refusal(400, "transaction_flag 6, bank to bank, is not available yet")
    if flag in ("4", "8"):
        return hosted.page(book, call, account, flag)
    if flag in hosted.PHONE:
        return hosted.phone(book, call, account, flag)
    raise invalid("transaction_flag", "0 to 9")


def _check_customer(account: Account, call: Call) -> None:
    """Braintree's three cases (BT page); its status is nowhere said, 400 is ours."""
    control, customer = call.fields.get("gateway_customer_control"), call.text("gateway_customer_id")
    if account.gateway != "braintree" or control is None:
        return
    if control not in ("0", "1"):
        raise Refusal(400, "gateway_customer_control: unsupported value, expected one of {0,1}")
    if control == "1" and customer is None:
        raise Refusal(400, "gateway_customer_id is required when gateway_customer_control is 1")
    if control == "1" and customer in account.customers:
        raise Refusal(400, "gateway_customer_id already exists at the gateway, choose another one")
