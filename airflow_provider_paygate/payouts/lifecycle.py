"""The life of a payment in the journal, as a table. The picture in the docs is drawn from it."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a payment stands."""

    PLANNED = "planned"  # intended; nothing has been sent, or what was sent provably never took effect
    SENDING = "sending"  # a submission may be on the wire now
    ACCEPTED = "accepted"  # the gateway has it; not final
    REFUSED = "refused"  # the gateway said no; nothing moved, and a corrected one may be sent
    UNKNOWN = "unknown"  # it may have moved; only the gateway, or the bank, can tell
    SETTLED = "settled"  # the payee has it
    FAILED = "failed"  # final for the payee; the wallet may still wait for its money
    REFUNDED = "refunded"  # the money is back


class Event(StrEnum):
    """What moves it."""

    SEND = "send"
    NOT_SENT = "not_sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"
    ABSENT = "absent"
    SETTLED = "settled"
    FAILED = "failed"
    REFUNDED = "refunded"


FINAL = frozenset({State.SETTLED, State.FAILED, State.REFUNDED})
OPEN = frozenset(State) - FINAL - {State.REFUSED}

MOVES: dict[tuple[State, Event], State] = {
    (State.PLANNED, Event.SEND): State.SENDING,
    (State.REFUSED, Event.SEND): State.SENDING,
    (State.UNKNOWN, Event.SEND): State.SENDING,  # once more, when absence is proven
    (State.SENDING, Event.NOT_SENT): State.PLANNED,
    (State.SENDING, Event.REFUSED): State.REFUSED,
    (State.SENDING, Event.LOST): State.UNKNOWN,
    (State.PLANNED, Event.LOST): State.UNKNOWN,  # a worker that lost its journal finds the reference used
    (State.UNKNOWN, Event.LOST): State.UNKNOWN,
    (State.UNKNOWN, Event.ABSENT): State.UNKNOWN,
    (State.FAILED, Event.REFUNDED): State.REFUNDED,
    (State.SETTLED, Event.SETTLED): State.SETTLED,  # the bank's reference may come after the money
    (State.SETTLED, Event.REFUNDED): State.REFUNDED,  # no page says so; a bank may still return it
    **{
        (state, Event.ACCEPTED): State.ACCEPTED
        for state in (State.PLANNED, State.SENDING, State.UNKNOWN, State.ACCEPTED)
    },
    **{
        (state, event): end
        for state in (State.PLANNED, State.SENDING, State.UNKNOWN, State.ACCEPTED)
        for event, end in (
            (Event.SETTLED, State.SETTLED),
            (Event.FAILED, State.FAILED),
            (Event.REFUNDED, State.REFUNDED),
        )
    },
}


class IllegalMove(Exception):
    """A move that the table does not have: a bug, or a database that was edited by hand."""


def moved(state: State, event: Event) -> State:
    """Where `event` leads from `state`. Raises IllegalMove."""
    try:
        return MOVES[(state, event)]
    except KeyError:
        raise IllegalMove(f"a payment that is {state.value} cannot be moved by {event.value!r}") from None
