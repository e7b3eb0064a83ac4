"""What becomes of a payment when something is learned about it: pure, so that the journal only has to write it down.

A decision is a function of the entry as it is now and the database's clock; None means that nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_paygate.gateways.facts import RETURNED, Payment
from airflow_provider_paygate.payouts.entry import Entry
from airflow_provider_paygate.payouts.lifecycle import FINAL, MOVES, Event, State, moved


@dataclass(frozen=True)
class Move:
    """What becomes of an entry: the event for its history, the values of its row, and what the history adds."""

    event: str
    values: dict[str, Any]
    detail: dict[str, Any]


Decision = Callable[[Entry, float], Move | None]


def answered(lease_owner: str | None, event: Event, code: str | None, message: str | None) -> Decision:
    """What became of the submission that `lease_owner` sent: NOT_SENT, REFUSED or LOST."""

    def decided(entry: Entry, now: float) -> Move | None:
        if entry.lease_owner != lease_owner or (entry.state, event) not in MOVES:
            return None
        # A repeat that moved nothing says nothing of the try before it: still unknown, and the repeat is given back.
        given_back = event is not Event.LOST and entry.resends > 0
        known = Event.LOST if given_back else event
        values = {
            "state": moved(entry.state, known),
            "code": _short(code),
            "message": _short(message, 1000),
            "resends": entry.resends - given_back,
            "lease_owner": None,
            # The connection is closed: from here on, only what the gateway already has can still happen.
            "deadline_at": now,
            "reserved_day": entry.reserved_day if known is Event.LOST else None,
        }
        return Move(known, values, {"code": code, "message": message})

    return decided


def expired(entry: Entry, now: float) -> Move | None:
    """A submission whose worker never came back is unknown, once its deadline has passed."""
    if entry.state is not State.SENDING or (entry.deadline_at or 0) > now:
        return None
    return Move(Event.LOST, {"state": State.UNKNOWN, "lease_owner": None}, {"message": "its worker never came back"})


def doubted(entry: Entry, now: float) -> Move | None:
    """A payment that this journal has never sent is unknown when another journal may have."""
    if entry.state is not State.PLANNED or entry.tries:
        return None
    values = {"state": moved(entry.state, Event.LOST), "deadline_at": now}
    return Move(Event.LOST, values, {"message": "an earlier try may have sent it"})


def observed(payment: Payment) -> Decision:
    """What the gateway says of the payment. Never moves back from a final state."""
    event = event_of(payment)

    def decided(entry: Entry, now: float) -> Move | None:
        if (entry.state, event) not in MOVES:
            return None
        state = moved(entry.state, event)
        told = {
            "transaction_id": _short(payment.transaction_id) or entry.transaction_id,
            "utr": _short(payment.utr) or entry.utr,
            "status": _short(payment.status),
            "message": _short(payment.message, 1000),
            "code": None,
        }
        if state is entry.state and all(getattr(entry, name) == value for name, value in told.items()):
            return None
        came_back = state in {State.FAILED, State.REFUNDED}
        values = {
            **told,
            "state": state,
            "lease_owner": None,
            "absences": 0,
            "final_at": (entry.final_at or now) if state in FINAL else None,
            "reserved_day": None if came_back else entry.reserved_day,
        }
        return Move(event, values, {"status": payment.status, "message": payment.message})

    return decided


def decided_by_hand(event: Event, why: str) -> Decision:
    """What a person found out at the bank about an unknown payment: SETTLED or FAILED, and why, for good."""

    def decided(entry: Entry, now: float) -> Move | None:
        if entry.state is not State.UNKNOWN:
            return None
        state = moved(entry.state, event)
        values = {
            "state": state,
            "status": "SUCCESS" if state is State.SETTLED else "FAILED",
            "message": f"decided by hand: {why}",
            "final_at": now,
            "reserved_day": entry.reserved_day if state is State.SETTLED else None,
        }
        return Move(event, values, {"why": why, "by_hand": True})

    return decided


def event_of(payment: Payment) -> Event:
    """What the gateway's word for a payment's status moves."""
    if payment.succeeded:
        return Event.SETTLED
    if payment.status in RETURNED:
        return Event.REFUNDED
    return Event.FAILED if payment.is_final else Event.ACCEPTED


def _short(words: str | None, longest: int = 255) -> str | None:
    """What a gateway says may be long, or hold what no database takes (NUL, half a surrogate pair)."""
    return words and words.encode(errors="replace").decode().replace("\0", "?")[:longest]
