"""The decrypted shapes of Paywize's answers and webhooks (specs/paywize.md §1.4, §1.5, §1.8, §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import in_ist, iso_millis, iso_seconds

if TYPE_CHECKING:
    from .lifecycle import Step
    from .merchants import Merchant
    from .records import Collection, Payout


def accepted(payout: Payout) -> dict[str, Any]:
    """The answer to initiate: INITIATED, whatever the clock says, and no UTR yet."""
    return _payout(payout, payout.steps[0], payout.steps[0].status)


def payout(payout: Payout, step: Step, merchant: Merchant) -> dict[str, Any]:
    """The status answer, and the webhook: the documentation shows them equal."""
    status = step.status.capitalize() if merchant.status_spelling == "mixed" else step.status
    return {**_payout(payout, step, status), "utr_number": step.utr}


def _payout(payout: Payout, step: Step, status: str) -> dict[str, Any]:
    return {
        "transaction_id": payout.transaction_id,
        "sender_id": payout.sender_id,
        "wallet_id": payout.wallet_id,
        "amount": amounts.text(payout.amount),
        "payment_mode": payout.mode,
        "remarks": payout.remarks,
        "status": status,
        "status_message": step.message,
        "beneficiary": {
            "beneficiary_name": payout.name,
            "beneficiary_acc_number": payout.account,
            "beneficiary_ifsc": payout.ifsc,
        },
        "timestamps": {"created_at": iso_seconds(payout.accepted_at), "updated_at": iso_seconds(step.at)},
    }


def bank_payout(payout: Payout, step: Step) -> dict[str, Any]:
    """A connected-banking webhook: flat, `paymentMode`, `Success`, and a time in India without a zone (§1.8)."""
    return {
        "transaction_id": payout.transaction_id,
        "sender_id": payout.sender_id,
        "amount": amounts.text(payout.amount),
        "paymentMode": payout.mode,
        "status": step.status.capitalize(),
        "beneficiary_name": payout.name,
        "beneficiary_acc_number": payout.account,
        "beneficiary_ifsc": payout.ifsc,
        "utr_number": step.utr,
        "remarks": payout.remarks,
        "created_at": in_ist(payout.accepted_at).strftime("%d %b %Y %I:%M:%S %p"),
        "scheduled_at": None,
    }


def collection(collection: Collection, step: Step) -> dict[str, Any]:
    return {
        "senderId": collection.sender_id,
        "txnId": collection.transaction_id,
        "requestAmount": amounts.text(collection.amount),
        "paymentMode": "Intent",
        "utr": step.utr,
        "remarks": collection.remarks,
        "status": step.status,
        "statusMessage": step.message,
        "createdAt": iso_millis(collection.accepted_at),
        "updatedAt": iso_millis(step.at),
    }
