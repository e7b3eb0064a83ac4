"""Waiting for what a gateway will say: one flow for workers and for the triggerer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Pause

T = TypeVar("T")

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.facts import Payment
    from airflow_provider_paygate.payouts.entry import Entry

POLL_SECONDS = {"IMPS": 15.0, "NEFT": 300.0, "RTGS": 300.0}
WAIT_SECONDS = 4 * 3600.0
JITTER = 0.2
# An outage passes; an answer that cannot be read this often in a row is a wrong setting.
UNREADABLE_IN_A_ROW = 10
_PASSING = frozenset({Kind.NOT_FOUND, Kind.NOT_SENT, Kind.THROTTLED, Kind.BAD_REPLY})


def until(read: Callable[[], Flow[T]], done: Callable[[T], bool], every: float, deadline: float) -> Flow[T | None]:
    """Read until `done` says so of what was read; None when that is not by `deadline` (seconds since 1970).

    "Not found" right after acceptance is "not yet" (specs/paywize.md §5.3). Passing failures are waited out; what
    waiting cannot mend (keys, address, settings) is raised.
    """
    unreadable = 0
    while True:
        pause = every
        try:
            told = yield from read()
        except Fault as fault:
            unreadable = unreadable + 1 if fault.kind is Kind.BAD_REPLY and (fault.http_status or 200) < 500 else 0
            if fault.kind not in _PASSING or unreadable >= UNREADABLE_IN_A_ROW:
                raise
            pause = max(every, fault.retry_after or 0)
        else:
            unreadable = 0
            if done(told):
                return told
        left = deadline - time.time()
        if left <= 0:
            return None
        yield Pause(min(left, pause * random.uniform(1 - JITTER, 1 + JITTER)))  # noqa: S311 - only spreads the load


def is_final(payment: Payment | Entry) -> bool:
    """For :func:`until`: wait for the end of a payment."""
    return payment.is_final
