"""Payout initiate, status and balance: the documented checks in their order (specs/paywize.md §1.4–1.6, §9.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import in_ist, iso_seconds

from . import lifecycle, views
from .answers import Answer, Refusal
from .merchants import MODES, Merchant
from .records import Payout

if TYPE_CHECKING:
    from .book import Book
    from .call import Call

_TEXTS = (
    "payment_mode",
    "wallet_id",
    "beneficiary_ifsc",
    "beneficiary_acc_number",
    "beneficiary_name",
    "remarks",
    "sender_id",
)
_IFSC = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}")
_SENDER_ID = re.compile(r"[A-Za-z0-9_-]+")  # which signs make an id "invalid" is nowhere said; ours
_CEILINGS = {"IMPS": 500_000_00, "NEFT": 1_000_000_00, "RTGS": 100_000_000_00}
_RTGS_FLOOR = 200_000_00

DUPLICATE = Refusal(4002, "Invalid or Duplicate Sender ID")
NO_PAYLOAD = Refusal(4000, "please provide payload")
NO_JSON = Refusal(4001, "Invalid request format", http=400)  # §3.1 gives this text for a body that cannot be read


def initiate(book: Book, call: Call, merchant: Merchant) -> Answer:
    fields = call.fields(NO_PAYLOAD, NO_JSON)
    payout = accept(book, merchant, fields, "payout")
    return Answer("payout", merchant, 2000, "Payout request created successfully", views.accepted(payout))


def accept(book: Book, merchant: Merchant, fields: dict[str, Any], product: str) -> Payout:
    """Every check in the order of §9.5, each refusal with its documented text; then debit and record."""
    try:
        amount = check_fields(fields, merchant)
        sender = (merchant.name, fields["sender_id"])
        if merchant.dedupe and (sender in book.by_sender or sender in book.refused_ids):
            raise DUPLICATE
        now = book.shared.clock.now()
        _check_account(book, merchant, fields["wallet_id"], fields["payment_mode"], amount, now)
    except Refusal as refusal:
        if merchant.refused_ids_used_up and refusal is not DUPLICATE:
            book.refused_ids.add((merchant.name, str(fields.get("sender_id"))))
        raise
    serial = book.next_serial()
    bank_prefix = f"CHDE{in_ist(now):%d%m%y}{serial:06d}"
    payout = Payout(
        merchant=merchant.name,
        product=product,
        sender_id=fields["sender_id"],
        transaction_id=bank_prefix if product == "cb" else f"PAY{serial:09d}",
        wallet_id=fields["wallet_id"],
        amount=amount,
        mode=fields["payment_mode"],
        remarks=fields["remarks"],
        name=fields["beneficiary_name"],
        account=fields["beneficiary_acc_number"],
        ifsc=fields["beneficiary_ifsc"],
        callback_url=fields.get("callback_url") or None,
        accepted_at=now,
        steps=lifecycle.plan(
            merchant,
            fields["payment_mode"],
            fields["beneficiary_acc_number"],
            fields["remarks"],
            fields["sender_id"],
            now,
            lifecycle.utr_number(now, serial),
        ),
    )
    book.open_payout(payout)
    return payout


def check_fields(fields: dict[str, Any], merchant: Merchant) -> int:
    """The 4002 rows of the table, field by field; gives the amount in paise."""
    value = fields.get("amount")
    if value is None or value == "":
        raise Refusal(4002, "amount is required")
    amount = amounts.minor(value)
    if amount is None or amount == 0:
        raise Refusal(4002, "amount must be a positive number with at most 2 decimals")
    for name in _TEXTS:
        text = fields.get(name)
        if text is None or text == "":
            raise Refusal(4002, f"{name} is required")
        if not isinstance(text, str):
            raise Refusal(4002, f"{name} must be a string")
    if len(fields["sender_id"]) > merchant.sender_id_limit:
        raise Refusal(4002, f"sender ID must not exceed {merchant.sender_id_limit} characters")
    if not _SENDER_ID.fullmatch(fields["sender_id"]):
        raise DUPLICATE
    if fields["payment_mode"] not in MODES:
        raise Refusal(4002, "payment_mode must be one of IMPS, NEFT, RTGS")
    if not _IFSC.fullmatch(fields["beneficiary_ifsc"]):
        raise Refusal(4002, "beneficiary_ifsc must be a valid IFSC of 11 characters")
    if len(fields["beneficiary_name"]) > 40:
        raise Refusal(4002, "beneficiary_name must not exceed 40 characters")
    if len(fields["remarks"]) > merchant.remarks_limit:
        raise Refusal(4002, f"remarks must not exceed {merchant.remarks_limit} characters")
    if not isinstance(fields.get("callback_url", ""), str | None):
        raise Refusal(4002, "callback_url must be a string")
    return amount


def _check_account(book: Book, merchant: Merchant, wallet_id: str, mode: str, amount: int, now: float) -> None:
    balance = book.balance(merchant, wallet_id)
    if balance is None:
        raise Refusal(4023, "Missing or Invalid Wallet ID")
    if mode not in merchant.commercials:
        raise Refusal(4003, "No commercial configuration for this merchant/payment mode")
    if amount > min(_CEILINGS[mode], merchant.transaction_limit or _CEILINGS[mode]):
        raise Refusal(4003, "Transaction limit exceeded")
    if amount < merchant.minimum:
        raise Refusal(4003, "Transaction amount below the minimum limit")
    if mode == "RTGS" and not merchant.rtgs:
        raise Refusal(4024, "RTGS not supported for this wallet_id")
    if mode == "RTGS" and amount < _RTGS_FLOOR:
        raise Refusal(4025, "RTGS only for ₹2,00,000 and above")
    if merchant.daily_limit is not None and book.paid_today(merchant, now) + amount > merchant.daily_limit:
        raise Refusal(4013, "Daily Limit reached")
    if balance < amount:
        raise Refusal(4000, "Insufficient Balance in the wallet")


def status(book: Book, call: Call, merchant: Merchant) -> Answer:
    payout = find(book, call, merchant, "payout")
    step = payout.step(book.shared.clock.now())
    return Answer("payout", merchant, 2000, "Transaction fetched successfully", views.payout(payout, step, merchant))


def find(book: Book, call: Call, merchant: Merchant, product: str) -> Payout:
    """By `transaction_id` or `sender_id`, exactly one of them (§1.5)."""
    transaction_id, sender_id = call.query.get("transaction_id"), call.query.get("sender_id")
    if not transaction_id and not sender_id:
        raise Refusal(4101, "Either transaction_id or sender_id is required")
    if transaction_id and sender_id:
        raise Refusal(4102, "Provide only one of transaction_id or sender_id")
    found = book.payouts.get(transaction_id) if transaction_id else book.by_sender.get((merchant.name, sender_id or ""))
    now = book.shared.clock.now()
    if (
        found is None
        or found.merchant != merchant.name
        or found.product != product
        or now < max(found.visible_from, found.accepted_at + call.stale_for)
    ):
        raise Refusal(4103, "Transaction not found")
    return found


def balance(book: Book, call: Call, merchant: Merchant) -> Answer:
    """The one answer whose data is a plain object (§1.6)."""
    wallet_id = call.query.get("wallet_id")
    if not wallet_id:
        raise Refusal(4022, "wallet_id is required")
    available = book.balance(merchant, wallet_id)
    if available is None:
        raise Refusal(4044, "Wallet not found")
    data = {"available_balance": amounts.text(available), "updated_at": iso_seconds(book.shared.clock.now())}
    return Answer("payout", merchant, 2000, "Wallet balance fetched successfully", data, plain=True)
