"""Connected banking: payouts through the merchant's own bank, as far as its pages show (specs/paywize.md §1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import iso_millis

from . import payouts, views
from .answers import Answer, Refusal

if TYPE_CHECKING:
    from .book import Book
    from .call import Call
    from .merchants import Merchant


def initiate(book: Book, call: Call, merchant: Merchant) -> Answer:
    """The payout's checks, and a `channel` that the merchant must have; its table of codes could not be seen."""
    fields = call.fields(payouts.NO_PAYLOAD, payouts.NO_JSON)
    channel = fields.get("channel")
    if not isinstance(channel, str) or not channel:
        raise Refusal(4002, "channel is required")
    _account(merchant, channel)
    payout = payouts.accept(book, merchant, fields, "cb")
    return Answer("cb", merchant, 2000, "Payment has been initiated Successfully", views.accepted(payout))


def status(book: Book, call: Call, merchant: Merchant) -> Answer:
    """Only the path is known; the shape is the payout status's (ours)."""
    payout = payouts.find(book, call, merchant, "cb")
    step = payout.step(book.shared.clock.now())
    return Answer("cb", merchant, 2000, "Transaction fetched successfully", views.payout(payout, step, merchant))


def wallet_balance(book: Book, call: Call, merchant: Merchant) -> Answer:
    answer = payouts.balance(book, call, merchant)
    answer.product = "cb"
    return answer


def bank_balance(book: Book, call: Call, merchant: Merchant) -> Answer:
    """Encrypted, unlike the wallet's; the balance is a number here. The sandbox shows the first wallet's."""
    channel = call.path_value or ""
    account = _account(merchant, channel)
    if account is None:
        raise Refusal(4043, "Account details not configured")
    first = next(iter(merchant.wallets), "")
    data = {
        "balance": float(amounts.text(book.balance(merchant, first) or 0)),
        "account_number": account,
        "currency": "INR",
        "channel": channel,
        "timestamp": iso_millis(book.shared.clock.now()),
    }
    return Answer("cb", merchant, 2000, "Bank balance fetched successfully", data)


_CHANNELS = frozenset({"SHIVALIK"})  # the one channel the pages name


def _account(merchant: Merchant, channel: str) -> str | None:
    if channel in merchant.bank_accounts:
        return merchant.bank_accounts[channel]
    if channel in _CHANNELS:
        raise Refusal(4042, "Merchant channel not configured")
    raise Refusal(4041, "Channel not supported")
