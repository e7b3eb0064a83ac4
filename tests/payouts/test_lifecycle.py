"""The life cycle is a table: its moves are legal, every other one is refused, and an end is an end."""

from __future__ import annotations

from itertools import product

import pytest

from airflow_provider_paygate.payouts.lifecycle import FINAL, OPEN, Event, IllegalMove, State, moved

# Written down once more, by hand: state → event → state.
LEGAL = {
    "planned": {
        "send": "sending", "lost": "unknown", "accepted": "accepted", "settled": "settled", "failed": "failed",
        "refunded": "refunded",
    },
    "sending": {
        "not_sent": "planned", "refused": "refused", "lost": "unknown", "accepted": "accepted", "settled": "settled",
        "failed": "failed", "refunded": "refunded",
    },
    "accepted": {"accepted": "accepted", "settled": "settled", "failed": "failed", "refunded": "refunded"},
    "refused": {"send": "sending"},
    "unknown": {
        "send": "sending", "lost": "unknown", "absent": "unknown", "accepted": "accepted", "settled": "settled",
        "failed": "failed", "refunded": "refunded",
    },
    "settled": {"settled": "settled", "refunded": "refunded"},
    "failed": {"refunded": "refunded"},
    "refunded": {},
}  # fmt: skip


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_move_is_in_the_table_or_refused(state: State, event: Event) -> None:
    end = LEGAL[state.value].get(event.value)
    if end is None:
        with pytest.raises(IllegalMove, match=f"{state.value}.*{event.value}"):
            moved(state, event)
    else:
        assert moved(state, event) is State(end)


def test_an_end_is_left_for_a_refund_alone() -> None:
    assert {State.SETTLED, State.FAILED, State.REFUNDED} == FINAL
    for state, event in product(FINAL, Event):
        if event.value in LEGAL[state.value]:
            assert moved(state, event) in {state, State.REFUNDED}


def test_what_is_neither_final_nor_refused_is_open() -> None:
    assert {State.PLANNED, State.SENDING, State.ACCEPTED, State.UNKNOWN} == OPEN
    assert not FINAL & OPEN


def test_only_what_provably_moved_nothing_is_sent_without_asking() -> None:
    """An unknown one is sent again too, but only from behind two look-ups: see `payouts.submission`."""
    assert {state for state in State if LEGAL[state.value].get("send")} == {
        State.PLANNED, State.REFUSED, State.UNKNOWN,
    }  # fmt: skip


def test_the_gateway_saying_no_is_believed_only_while_it_is_being_asked() -> None:
    assert {state for state in State if LEGAL[state.value].get("refused")} == {State.SENDING}
    assert {state for state in State if LEGAL[state.value].get("not_sent")} == {State.SENDING}
