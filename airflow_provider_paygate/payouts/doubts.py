"""What is said of a payment in doubt: which one, that its money may have moved, and what a retry does about it."""

from __future__ import annotations

from airflow_provider_paygate.exceptions import OutcomeUnknown, PaygateError, ReferenceConflict
from airflow_provider_paygate.payouts.entry import Entry
from airflow_provider_paygate.payouts.lifecycle import State


def may_have_moved(entry: Entry) -> str:
    """The payment, and that its money may be gone."""
    return f"{entry.reference}: {entry.amount} {entry.currency} to {entry.account_last_four} may have moved"


def not_told(entry: Entry, error: PaygateError) -> OutcomeUnknown:
    """The gateway was asked and could not say."""
    return _because(
        error,
        f"{may_have_moved(entry)}, and asking the gateway failed ({error}). "
        "A retry asks again; nothing is sent before it answers.",
    )


def raise_if_unknown(entry: Entry, error: PaygateError) -> None:
    """A repeat that did not take effect says nothing of the try before it."""
    if entry.state is State.UNKNOWN:
        raise _because(
            error,
            f"{may_have_moved(entry)}: sending it once more did not take effect ({error}), which says nothing of the first "
            "try. A retry asks the gateway again.",
        ) from error


def raise_if_in_doubt(entry: Entry, error: PaygateError) -> None:
    """What could not be done now (the database is locked, the day is full) says nothing of what was sent before."""
    if entry.state in {State.SENDING, State.UNKNOWN}:
        raise _because(
            error,
            f"{may_have_moved(entry)}, and more could not be found out now ({error}). A retry asks the gateway again.",
        ) from error


def conflict(entry: Entry, why: str) -> ReferenceConflict:
    """The reference belongs to another payment."""
    return ReferenceConflict(
        f"{entry.reference}: {why}; nothing was sent. Another payment needs another reference.", operation="look-up"
    )


def _because(error: PaygateError, text: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        text, gateway=error.gateway, operation=error.operation, code=error.code, http_status=error.http_status
    )
