"""Which webhooks a payout or a collection causes, and what they look like (specs/paywize.md §4)."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox.webhooks import Delivery

from . import views
from .cipher import signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from .book import Book
    from .lifecycle import Step
    from .merchants import Merchant
    from .records import Collection, Payout

COLLECTION_MESSAGES = {
    "INITIATED": "Payment link generated",
    "SUCCESS": "Payment completed successfully",
    "FAILED": "Payment failed",
    "PENDING": "Payment under review",
}


def schedule_payout(book: Book, payout: Payout) -> None:
    if payout.callback_url:
        _schedule(book, payout, lambda step: _payout_delivery(book, payout, step), lambda: book.save_payout(payout))


def schedule_collection(book: Book, collection: Collection) -> None:
    def delivery(step: Step) -> Delivery:
        merchant = book.merchants[collection.merchant]
        return _delivery(
            merchant,
            collection.sender_id,
            step.status,
            collection.callback_url,
            _body(merchant, views.collection(collection, step)),
        )

    _schedule(book, collection, delivery, lambda: book.save_collection(collection))


def _schedule(
    book: Book, payment: Payout | Collection, delivery: Callable[[Step], Delivery], save: Callable[[], None]
) -> None:
    """Post each step that has not been told yet when its moment comes, unless the plan was changed meanwhile."""
    postman = book.shared.postman

    def tell(index: int, step: Step) -> None:
        if payment.told > index or index >= len(payment.steps) or payment.steps[index] is not step:
            return
        payment.told = index + 1
        save()
        switches = book.merchants[payment.merchant].webhooks
        more_to_come = any(not later.silent for later in payment.steps[index + 1 :])
        if switches.reorder and more_to_come and not _held(book, payment):
            book.held_notices[payment.transaction_id] = step
            return
        due = [step]
        if (held := book.held_notices.pop(payment.transaction_id, None)) is not None:
            due.append(held)
        for one in due:
            for _ in range(2 if switches.duplicate else 1):
                post = delivery(one)
                post.state = "lost" if switches.lose else "waiting"
                postman.send(post)

    for index, step in enumerate(payment.steps):
        if index >= payment.told and not step.silent:
            postman.schedule(step.at, partial(tell, index, step))


def _held(book: Book, payment: Payout | Collection) -> bool:
    return payment.transaction_id in book.held_notices


def _payout_delivery(book: Book, payout: Payout, step: Step) -> Delivery:
    merchant = book.merchants[payout.merchant]
    if payout.product == "cb":
        body = _body(merchant, views.bank_payout(payout, step))
        body = {"success": True, "message": "success", **body}
    else:
        body = _body(merchant, views.payout(payout, step, merchant))
    return _delivery(merchant, payout.sender_id, step.status, payout.callback_url or "", body)


def _body(merchant: Merchant, data: dict[str, Any]) -> dict[str, Any]:
    return {merchant.webhooks.outer: merchant.cipher.encrypt(json.dumps(data, separators=(",", ":")))}


def _delivery(merchant: Merchant, reference: str, event: str, url: str, body: dict[str, Any]) -> Delivery:
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "user-agent": "PayWize-Webhook/1.0"}
    if merchant.webhooks.signature != "none":
        sign = signature(merchant.webhook_secret or merchant.secret_key, raw)
        if merchant.webhooks.signature == "bad":
            sign = ("1" if sign[0] == "0" else "0") + sign[1:]
        headers["x-paywize-signature"] = f"sha256={sign}"
    return Delivery(
        gateway="paywize",
        merchant=merchant.name,
        reference=reference,
        event=event,
        url=url,
        body=raw,
        headers=headers,
        retries=list(merchant.webhooks.retries),
        timeout=merchant.webhooks.timeout,
        allow_hosts=list(merchant.webhooks.allow_hosts),
    )
