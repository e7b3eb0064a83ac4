"""UPI collections: payment links and their status, in camelCase and with codes of their own (specs/paywize.md §6)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import in_ist, iso_millis

from . import views
from .answers import Answer, Refusal
from .lifecycle import Step, utr_number
from .notices import COLLECTION_MESSAGES
from .records import Collection

if TYPE_CHECKING:
    from .book import Book
    from .call import Call
    from .merchants import Merchant

_REMARKS = re.compile(r"[A-Za-z0-9]{0,20}")
_AMOUNT = re.compile(r"\d{1,12}\.\d{2}")
_TRANSACTION_ID = re.compile(r"[A-Z]{4}\d{12}")
_UNREADABLE = Refusal(4001, "Invalid request format")
# Remarks that decide what the payer does; UNPAID leaves the link open (ours).
FATES = {"FAIL": "FAILED", "PENDING": "PENDING", "UNPAID": "INITIATED"}


def initiate(book: Book, call: Call, merchant: Merchant) -> Answer:
    fields = call.fields(_UNREADABLE, _UNREADABLE)
    amount = _check_fields(fields)
    _check_account(book, merchant, fields, amount)
    now = book.shared.clock.now()
    serial = book.next_serial()
    collection = Collection(
        merchant=merchant.name,
        sender_id=fields["senderId"],
        transaction_id=f"CFCE{in_ist(now):%d%m%y}{serial:06d}",
        amount=amount,
        vpa=fields["vpa"],
        channel=fields["channel"],
        remarks=fields.get("remarks") or "",
        callback_url=fields["callbackUrl"],
        accepted_at=now,
        steps=_plan(merchant, fields.get("remarks") or "", now, utr_number(now, serial)),
    )
    book.open_collection(collection)
    page = f"http://{call.exchange.header(b'host')}/paywize/api/collection/v1/payment/payment/{secrets.token_hex(16)}"
    data = {
        "senderId": collection.sender_id,
        "txnId": collection.transaction_id,
        # "catagory" is the vendor's own spelling (§6.1)
        "intentUrl": f"upi://pay?pa={collection.vpa}&orgid=000000&purpose=00&catagory=&sign=",
        "paymentUrl": page,
        "status": "INITIATED",
        "statusMessage": COLLECTION_MESSAGES["INITIATED"],
        "createdAt": iso_millis(now),
        "updatedAt": iso_millis(now),
    }
    return Answer("collection", merchant, 2000, "Payment link generated", data)


def _check_fields(fields: dict[str, Any]) -> int:
    sender_id = fields.get("senderId")
    if not isinstance(sender_id, str) or not 1 <= len(sender_id) <= 36:
        raise Refusal(4003, "Invalid senderId")
    amount = fields.get("requestAmount")
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount) or not amounts.minor(amount):
        raise Refusal(4004, "requestAmount is missing or invalid")
    if fields.get("txnType") != "INTENT":
        raise Refusal(4005, "txnType is missing or invalid")
    callback = fields.get("callbackUrl")
    if not isinstance(callback, str) or not callback.startswith(("http://", "https://")):
        raise Refusal(4006, "callbackUrl is missing or invalid")
    remarks = fields.get("remarks", "")
    if not isinstance(remarks, str) or not _REMARKS.fullmatch(remarks):
        raise _UNREADABLE
    return amounts.minor(amount) or 0


def _check_account(book: Book, merchant: Merchant, fields: dict[str, Any], amount: int) -> None:
    if merchant.dedupe and (merchant.name, fields["senderId"]) in book.collections_by_sender:
        raise Refusal(4012, "senderId already exists")
    channels = merchant.vpas.get(str(fields.get("vpa")))
    if channels is None:
        raise Refusal(4007, "VPA not registered")
    if not merchant.collections_active or fields.get("channel") not in channels:
        raise Refusal(4015, "Commercials are not active, or channel and vpa do not match")
    if not merchant.settlement_account:
        raise Refusal(4016, "No active settlement account")
    if merchant.transaction_limit is not None and amount > merchant.transaction_limit:
        raise Refusal(4010, "Amount is above the maximum limit")
    if amount < merchant.minimum:
        raise Refusal(4011, "Amount is below the minimum limit")
    if merchant.daily_limit is not None and book.collected_today(merchant) + amount > merchant.daily_limit:
        raise Refusal(4013, "Daily limit reached")


def _plan(merchant: Merchant, remarks: str, now: float, utr: str) -> list[Step]:
    steps = [Step(now, "INITIATED", COLLECTION_MESSAGES["INITIATED"])]
    fate = FATES.get(remarks, merchant.collection_outcome)
    if fate != "INITIATED":
        paid = utr if fate == "SUCCESS" else None
        steps.append(Step(now + merchant.collection_after, fate, COLLECTION_MESSAGES[fate], paid))
    return steps


def status(book: Book, call: Call, merchant: Merchant) -> Answer:
    """Here 4103 means "both ids given" and 4104 "not found" (§6.2); on payouts 4103 means "not found"."""
    transaction_id, sender_id = call.query.get("txnId"), call.query.get("senderId")
    if not transaction_id and not sender_id:
        raise Refusal(4000, "Either txnId or senderId is required")
    if transaction_id and sender_id:
        raise Refusal(4103, "Provide only one of txnId or senderId")
    if transaction_id:
        if not _TRANSACTION_ID.fullmatch(transaction_id):
            raise Refusal(4105, "Invalid txnId format")
        found = book.collections.get(transaction_id)
    else:
        found = book.collections_by_sender.get((merchant.name, sender_id or ""))
    now = book.shared.clock.now()
    if found is None or now < max(found.visible_from, found.accepted_at + call.stale_for):
        raise Refusal(4104, "Transaction not found")
    if found.merchant != merchant.name:
        raise Refusal(4107, "Transaction does not belong to this merchant")
    message = "Transaction status fetched successfully"
    return Answer("collection", merchant, 2000, message, views.collection(found, found.step(now)))
