"""Answer faults in Paywize's words: what it says that is not so, or not readable (see `sandbox.faults`)."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.exchange import Reply, json_bytes

from .answers import Answer, Refusal, expired, refused
from .payouts import DUPLICATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_paygate.sandbox.faults import Fault

    from .book import Book
    from .call import Call


def plain(status: int, message: str) -> Reply:
    """An error of the server below the API: the framework's JSON, without a code of the gateway's."""
    return Reply(status, json_bytes({"statusCode": status, "message": message}))


def prepare(call: Call, found: list[Fault]) -> None:
    """`stale`: on initiate it hides the payout that is made, on status every payout that is younger."""
    for fault in found:
        if fault.fault == "stale":
            call.stale_for = max(call.stale_for, 60.0 if fault.seconds is None else fault.seconds)


def mark_stale(book: Book, call: Call) -> None:
    if not call.stale_for or call.merchant is None or not call.route.operation.endswith("initiate"):
        return
    sender_id = call.facts().get("sender_id", "")
    for register in (book.by_sender, book.collections_by_sender):
        made = register.get((call.merchant.name, sender_id))
        if made is not None:
            made.visible_from = made.accepted_at + call.stale_for


def answer(book: Book, call: Call, fault: Fault, execute: Callable[[Call], Answer]) -> Answer:
    if fault.fault == "token_expired":
        if call.session is not None:
            book.tokens.revoke(call.session)
        return expired(call.merchant, call.route.product)
    truth = execute(call) if fault.carried_out else None
    match fault.fault:
        case "code_4290":
            return _says(call, fault, Refusal(4290, "Rate limit exceeded"))
        case "unknown_code":
            return _says(call, fault, Refusal(4999, "Unexpected condition"))
        case "duplicate" if call.route.product == "collection":
            return _says(call, fault, Refusal(4012, "senderId already exists"))
        case "duplicate":
            return _says(call, fault, DUPLICATE)
    if truth is None:
        truth = Answer(call.route.product, call.merchant)
    if fault.fault == "wrong_envelope":
        truth.other_envelope = True
    elif fault.fault == "undecryptable":
        # 33 bytes, as in the vendor's own sample: no whole number of blocks for V1, a wrong tag for V2.
        truth.sealed = base64.b64encode(os.urandom(33)).decode()
    elif isinstance(truth.data, dict):
        truth.data = _of_another(truth.data, fault)
    return truth


def _says(call: Call, fault: Fault, usual: Refusal) -> Answer:
    said = Refusal(fault.code or usual.code, fault.message or usual.message, fault.status)
    return refused(said, call.route.product, call.merchant)


def _of_another(data: dict[str, object], fault: Fault) -> dict[str, object]:
    data = dict(data)
    if fault.fault == "other_amount":
        for name in data.keys() & {"amount", "requestAmount"}:
            data[name] = fault.amount or amounts.text((amounts.minor(data[name]) or 0) + 100)
    else:
        for name in data.keys() & {"sender_id", "senderId"}:
            data[name] = fault.sender_id or f"OTHER-{data[name]}"[:36]
        for name in data.keys() & {"transaction_id", "txnId"}:
            data[name] = f"{str(data[name])[:-6]}999999"
    return data
