"""Answer faults in Paytia's words: what it says that is not so, or in a shape nobody expects (see `sandbox.faults`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.exchange import Reply

from .answers import TEXT, Answer, Refusal, failure, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_paygate.sandbox.faults import Fault

    from .book import Book
    from .call import Call


def plain(status: int, message: str) -> Reply:
    """A server's error is a plain-text reason (ERR page)."""
    return Reply(status, message.encode(), TEXT)


def prepare(call: Call, found: list[Fault]) -> None:
    """`stale`: on payment_service it hides the payment that is made, on payments_taken every one that is younger."""
    for fault in found:
        if fault.fault == "stale":
            call.stale_for = max(call.stale_for, 60.0 if fault.seconds is None else fault.seconds)


def answer(book: Book, call: Call, fault: Fault, execute: Callable[[Call], Answer]) -> Answer:
    truth = execute(call) if fault.carried_out else None
    reference_id = call.fields.get("reference_id")
    match fault.fault:
        case "token_expired":
            if call.account is not None and call.access_token is not None:
                book.chains[call.account.name].access.pop(call.access_token, None)
                book.save_chain(call.account)
            message = fault.message or "Unauthorized: ACCESS-TOKEN is missing, invalid or expired"
            return refused(Refusal(401, message), call.account, reference_id)
        case "duplicate":
            message = fault.message or "Duplicate reference: reference_number has already been used"
            return refused(Refusal(208, message), call.account, reference_id)
        case "http_status_false":
            status, message = fault.code or 400, fault.message or "The request could not be completed"
            return Answer(failure(status, message, reference_id), fault.status or 200)
        case "unknown_code":
            return Answer(failure(fault.code or 499, fault.message or "Unexpected condition"), fault.status or 400)
        case "plain_error":
            return Answer(fault.message or "amount is required", fault.status or 400)
    if truth is None:
        truth = Answer({"httpStatus": True, "status": {"statusCode": 200, "statusDescription": "Success"}})
    truth.body = _of_another(truth.body, fault)
    return truth


def _of_another(body: Any, fault: Fault) -> Any:
    """The same answer with another amount or other ids in it, rows included."""
    if isinstance(body, list):
        return [_of_another(one, fault) for one in body]
    if not isinstance(body, dict):
        return body
    changed = {name: _of_another(value, fault) for name, value in body.items()}
    if fault.fault == "other_amount":
        for name in changed.keys() & {"amount", "Total Sell Price"}:
            changed[name] = fault.amount or amounts.text((amounts.minor(changed[name]) or 0) + 100)
    else:
        for name in changed.keys() & {"reference_id", "reference_number", "Reference No.", "REF ID"}:
            changed[name] = fault.sender_id or f"OTHER-{changed[name]}"
        for name in changed.keys() & {"transaction_id", "TXN ID"}:
            changed[name] = f"{str(changed[name])[:-3]}999"
    return changed
