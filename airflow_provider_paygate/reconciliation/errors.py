"""What goes wrong before an answer exists."""

from __future__ import annotations


class CannotReconcile(Exception):
    """No answer could be given. `str()` is one line for a person: what is wrong, in which file and line, what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))


class ConnectionLost(CannotReconcile):
    """The database that does the work went away, or never answered. Trying again later may find it."""


class TotalsDoNotTie(AssertionError):
    """The books of the reconciliation itself do not close: a fault in this package, never in the data."""
