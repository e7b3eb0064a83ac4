"""The words of a reconciliation: columns, classes of breaks, statuses. Fixed names; see docs/reconciliation.md."""

from __future__ import annotations

COLUMNS = (
    "reference",
    "amount",
    "currency",
    "status",
    "transaction_id",
    "utr",
    "beneficiary",
    "created_at",
    "settled_at",
    "fee",
    "settlement_id",
)

# In the order of precedence: a reference has one break, the first of these that applies.
CLASSES = (
    "duplicate",
    "unknown_outcome",
    "timing",
    "missing_at_gateway",
    "missing_in_ledger",
    "currency_mismatch",
    "reversal",
    "fee",
    "amount_mismatch",
    "status_mismatch",
)

SEVERITIES = ("high", "medium", "low", "info")

PASSES = ("reference", "reference_text", "transaction_id", "utr", "settlement_id")

SIDES = ("ledger", "gateway")

BUCKETS = ("input", "matched", "breaks", "timing", "ignored")

# State of a payment -> the words for it. The first word is the one that reports print for all words of its line that
# mean exactly the same; a word that no line has is not final (specs/paywize.md §5.2 reads unknown words as pending).
_SAME_WORD = {
    "SUCCESS": (
        "SUCCESS",
        "SUCCESSFUL",
        "SUCCEEDED",
        "COMPLETED",
        "COMPLETE",
        "PAID",
        "SETTLED",
        "PROCESSED",
        "BOOKED",
    ),
    "FAILED": ("FAILED", "FAILURE", "FAIL"),
    "REFUNDED": ("REFUNDED", "REFUND"),
    "REVERSED": ("REVERSED", "REVERSAL"),
    "CANCELLED": ("CANCELLED", "CANCELED"),
}
_STATES = {
    "success": ("SUCCESS",),
    "failed": ("FAILED", "REJECTED", "REFUSED", "DECLINED", "CANCELLED", "EXPIRED", "TIMEOUT"),
    "returned": ("REFUNDED", "REVERSED", "RETURNED"),
    "unknown": ("UNKNOWN",),
}


def status_words() -> list[tuple[str, str, str]]:
    """Rows of (word as written in upper case, status as reported, state), one per known word."""
    rows = []
    for state, statuses in _STATES.items():
        for status in statuses:
            rows += [(word, status, state) for word in _SAME_WORD.get(status, (status,))]
    return rows
