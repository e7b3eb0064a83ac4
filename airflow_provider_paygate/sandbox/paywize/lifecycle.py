"""What becomes of a payout, and when: planned at acceptance, read off the clock afterwards (specs/paywize.md §5)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_paygate.sandbox.clock import in_ist

if TYPE_CHECKING:
    from .merchants import Merchant

SUCCEEDS = "1234567890"
FAILS = "9876543210"
# Remarks that decide a payout's fate, so that a test or a demo can choose it row by row (ours, not Paywize's).
REMARKS = {
    "FAIL": "FAILED",
    "PENDING": "PENDING",
    "PENDINGOK": "PENDING SUCCESS",
    "PENDINGFAIL": "PENDING FAILED",
    "NOUTR": "SUCCESS NOUTR",
    "REVERSED": "SUCCESS REFUNDED",
}
MESSAGES = {
    "INITIATED": "Payment initiated",
    "PROCESSING": "Payment in progress",
    "PENDING": "Processing with bank",
    "SUCCESS": "Payment completed successfully",
    "FAILED": "Payment failed",
    "REFUNDED": "Amount refunded to wallet",
}
FINAL = ("SUCCESS", "FAILED", "REFUNDED")


class Step(NamedTuple):
    at: float
    status: str
    message: str
    utr: str | None = None
    silent: bool = False  # no webhook: INITIATED has none (§4.1)


def plan(merchant: Merchant, mode: str, account: str, remarks: str, sender_id: str, now: float, utr: str) -> list[Step]:
    """Every step with its moment. A failed NEFT or RTGS carries a UTR too, a trap the specification warns of (§5.2)."""
    processing, answered = merchant.durations[mode]
    fate = _fate(merchant, account, remarks, sender_id)
    steps = [_step(now, "INITIATED", silent=True), _step(now + processing, "PROCESSING")]
    at = now + max(processing, answered)
    if fate.startswith("PENDING"):
        steps.append(_step(at, "PENDING"))
        at += merchant.pending_after
    if "SUCCESS" in fate:
        if fate.endswith("NOUTR"):
            steps.append(_step(at, "SUCCESS"))
            steps.append(_step(at + merchant.pending_after, "SUCCESS", utr, silent=True))
        else:
            steps.append(_step(at, "SUCCESS", utr))
        if fate.endswith("REFUNDED"):
            steps.append(_step(at + merchant.refund_after, "REFUNDED", utr))
    elif "FAILED" in fate:
        bank_number = None if mode == "IMPS" else utr
        steps.append(_step(at, "FAILED", bank_number))
        steps.append(_step(at + merchant.refund_after, "REFUNDED", bank_number))
    return steps


def now_at(steps: list[Step], now: float) -> Step:
    for step in reversed(steps):
        if step.at <= now:
            return step
    return steps[0]


def utr_number(now: float, serial: int) -> str:
    """Twelve digits as banks number them: year, day of the year, hour, six of a serial."""
    moment = in_ist(now)
    return f"{moment:%Y}"[-1] + f"{moment:%j%H}{serial % 1_000_000:06d}"


def _fate(merchant: Merchant, account: str, remarks: str, sender_id: str) -> str:
    if account == FAILS:
        return "FAILED"
    if account == SUCCEEDS:
        return "SUCCESS"
    if remarks in REMARKS:
        return REMARKS[remarks]
    # A share of failures that is the same on every run: the id decides, not chance.
    if merchant.failure_rate and zlib.crc32(sender_id.encode()) % 10_000 < merchant.failure_rate * 10_000:
        return "FAILED"
    return merchant.outcome


def _step(at: float, status: str, utr: str | None = None, *, silent: bool = False) -> Step:
    return Step(at, status, MESSAGES[status], utr, silent)
