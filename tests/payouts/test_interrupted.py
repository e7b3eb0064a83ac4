"""A worker is told to stop in the middle: a task's time limit, a task that is marked failed, a shutdown."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from airflow_provider_paygate.database import database
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import UNPACED, calls, moved, payment
from tests.operators.conftest import Pay, PayBatch
from tests.processes import Child


class Stopped(BaseException):
    """As Airflow's own time-out is raised: from a signal handler, in the main thread, at any moment."""


def states() -> dict[str, str]:
    with database().read() as connection:
        rows = connection.execute(text("SELECT reference, state FROM paygate_payouts"))
        return {row.reference: row.state for row in rows}


def interrupted(act: Callable[[], Any], *when: Callable[[], bool]) -> Any:
    """What becomes of `act` in a process that gets a signal as soon as `when` is true; further ones likewise."""

    def stop(*_: Any) -> None:
        raise Stopped("time is up")

    def acting() -> Any:
        signal.signal(signal.SIGUSR1, stop)
        return act()

    child = Child(acting)
    for ready in when:
        for _ in range(1000):
            if ready():
                break
            time.sleep(0.01)
        os.kill(child.process.pid or 0, signal.SIGUSR1)
    return child.result()


def test_a_payout_that_is_interrupted_over_its_answer_is_unknown_and_then_found(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "timeout_after", seconds=2)
    assert interrupted(pay, lambda: moved(sandbox) == 1) == ("raised", "Stopped", "time is up")
    assert states() == {"INV-1": "unknown"}
    assert pay()["status"] == "SUCCESS"
    assert calls(sandbox, "initiate") == moved(sandbox) == 1


def test_a_batch_that_is_interrupted_waits_for_the_answers_under_way_and_sends_no_more(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "timeout_after", seconds=0.4, times=None)
    rows = [payment(f"INV-{number}") for number in range(10)]

    def run() -> Any:
        return pay_batch(payouts=rows, max_concurrency=2)

    assert interrupted(run, lambda: moved(sandbox) >= 1) == ("raised", "Stopped", "time is up")
    assert sorted(states().values()) == ["accepted"] * 2 + ["planned"] * 8
    sandbox.clear_faults()
    assert run()["succeeded"] == 10
    assert calls(sandbox, "initiate") == moved(sandbox) == 10


def test_a_batch_that_is_interrupted_while_rows_wait_for_their_turn_sends_none_of_them(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch
) -> None:
    """A turn may be a minute away, which is as long as Airflow waits before it kills."""
    connect(timeout=10, rate_limits={**UNPACED, "initiate": 2})
    rows = [payment(f"INV-{number}") for number in range(6)]
    begun = time.monotonic()
    told = interrupted(lambda: pay_batch(payouts=rows, max_concurrency=4), lambda: moved(sandbox) == 2)
    assert told == ("raised", "Stopped", "time is up")
    assert time.monotonic() - begun < 20
    assert sorted(states().values()) == ["accepted"] * 2 + ["planned"] * 4


def test_a_batch_that_is_interrupted_twice_leaves_no_thread_that_never_ends(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    """Ctrl-C, and again: a thread that waits for ever would keep the process from ending."""
    connect(timeout=10)
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "timeout_after", seconds=0.6, times=None)
    rows = [payment(f"INV-{number}") for number in range(10)]
    begun = time.monotonic()

    def run() -> list[str]:
        with contextlib.suppress(Stopped):
            pay_batch(payouts=rows, max_concurrency=2)
        left = [thread for thread in threading.enumerate() if thread.name.startswith("paygate")]
        for thread in left:
            thread.join(5)
        return [thread.name for thread in left if thread.is_alive()]

    def first() -> bool:
        nonlocal begun
        begun = time.monotonic()
        return moved(sandbox) >= 1

    assert interrupted(run, first, lambda: time.monotonic() > begun + 0.2) == []
    assert set(states().values()) <= {"planned", "sending", "accepted"}
    assert calls(sandbox, "initiate") == 2
