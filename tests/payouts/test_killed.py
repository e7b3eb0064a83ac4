"""SIGKILL at every numbered crash point, in a real process, on both databases: run again, and each is paid once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from airflow_provider_paygate.database import database
from airflow_provider_paygate.hooks.payouts import _Rail
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.plan import Plan
from airflow_provider_paygate.payouts.second_reading import SecondReading
from airflow_provider_paygate.payouts.sending import Sender
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.transport import awaiting, blocking
from tests.conftest import calls, moved, payment
from tests.operators.conftest import Pay, PayBatch
from tests.processes import Child, die

Age = Callable[[float], None]


class Point(NamedTuple):
    """Where a worker dies: before or after a step."""

    owner: Any
    step: str
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.step}"


def around(owner: Any, *steps: str) -> list[Point]:
    return [Point(owner, step, after) for step in steps for after in (False, True)]


ALONE = [
    *around(Journal, "intend"),
    *around(_Rail, "prepare"),
    *around(Journal, "claim"),
    *around(_Rail, "send"),
    *around(blocking, "exchanged"),
    *around(Journal, "observed"),
]
LOST = [*around(Journal, "answered"), *around(_Rail, "look_up")]
TOGETHER = [
    *around(Plan, "_take_down", "_mark_repeats", "_drop_earlier"),
    *around(Journal, "intend_all"),
    *around(SecondReading, "_link"),
    *around(_Rail, "prepare"),
    *around(Journal, "claim"),
    *around(_Rail, "send"),
    *around(awaiting, "exchanged"),
    *around(Journal, "observed"),
    *around(Sender, "_submit"),
]
EXCHANGED = (blocking.exchanged, awaiting.exchanged)
# A step that comes once in a batch; the others happen for every row, and it dies at the fifth.
ONCE = {"_take_down", "_mark_repeats", "_drop_earlier", "intend_all", "_link"}


def killed_at(point: Point, act: Callable[[], Any], nth: int = 1) -> Callable[[], Any]:
    """`act` in a process that kills itself at the `nth` time it comes to `point`."""

    def until_then() -> Any:
        original = getattr(point.owner, point.step)
        left, counting = nth, threading.Lock()

        def counted() -> None:
            nonlocal left
            with counting:
                left -= 1
                if left == 0:
                    die()

        @contextmanager
        def dying(*args: Any) -> Iterator[None]:
            if original in EXCHANGED and not args[0].request.url.endswith("/payout/v1/initiate"):
                yield
                return
            if not point.after:
                counted()
            try:
                yield
            finally:
                if point.after:
                    counted()

        def step(*args: Any, **kwargs: Any) -> Any:
            with dying(*args):
                return original(*args, **kwargs)

        def flow(*args: Any, **kwargs: Any) -> Any:
            with dying(*args):
                return (yield from original(*args, **kwargs))

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with dying(*args):
                return await original(*args, **kwargs)

        wrapped = coroutine if inspect.iscoroutinefunction(original) else flow if point.owner is _Rail else step
        setattr(point.owner, point.step, wrapped)
        return act()

    return until_then


def states() -> dict[str, str]:
    with database().read() as connection:
        rows = connection.execute(text("SELECT reference, state FROM paygate_payouts"))
        return {row.reference: row.state for row in rows}


@pytest.mark.parametrize("point", ALONE, ids=str)
def test_a_single_payout_that_is_killed_anywhere_is_paid_once(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, any_books: str, point: Point
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)  # no help from the gateway
    assert Child(killed_at(point, pay)).result() == "killed"
    assert moved(sandbox) <= 1
    age(600)
    result = Child(pay).result()
    assert (result["status"], moved(sandbox)) == ("SUCCESS", 1)
    assert states() == {"INV-1": "settled"}


@pytest.mark.parametrize("executes", [True, False])
@pytest.mark.parametrize("point", LOST, ids=str)
def test_killed_over_a_lost_answer_it_is_paid_once(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, any_books: str, point: Point, executes: bool
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "http_500", executes=executes)
    assert Child(killed_at(point, pay)).result() == "killed"
    assert moved(sandbox) == executes
    age(600)
    result = Child(pay).result()
    assert (result["status"], moved(sandbox)) == ("SUCCESS", 1)
    assert states() == {"INV-1": "settled"}


@pytest.mark.parametrize("point", TOGETHER, ids=str)
def test_a_batch_that_is_killed_in_the_middle_goes_on_where_it_was(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, age: Age, any_books: str, tmp_path: Path, point: Point
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(f"INV-{number}", amount="100.01") for number in range(10)]

    def run() -> Any:
        return pay_batch(payouts=rows, max_concurrency=2, timeout=20, results_path=str(tmp_path / "r.csv"))

    assert Child(killed_at(point, run, nth=1 if point.step in ONCE else 5)).result() == "killed"
    paid_by_then = {line["sender_id"] for line in sandbox.ledger()["lines"]}
    assert len(paid_by_then) <= 6
    in_doubt = sum(state == "sending" for state in states().values())
    assert in_doubt <= 2
    age(600)
    summary = Child(run).result()
    assert summary == {
        "batch_id": "B-1", "total": 10, "succeeded": 10, "failed": 0, "refused": 0, "unknown": 0, "pending": 0,
        "amount_succeeded": "1000.10", "already_paid": 0,
    }  # fmt: skip
    ledger = sandbox.ledger()
    assert ledger["repeated"] == []
    assert (ledger["totals"]["count"], ledger["totals"]["amount"]) == (10, "1000.10")
    assert set(states().values()) == {"settled"}
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 11
    assert calls(sandbox, "initiate") <= 10 + in_doubt


def test_what_a_killed_worker_had_only_planned_is_sent_at_once_by_the_next_try(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    """In books that are no older than the run, with a long visibility window, and no time has passed."""
    connect(timeout=10, visibility_window=3600)
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(f"INV-{number}") for number in range(10)]
    about = {"dag_id": "d", "run_id": "r", "task_id": "pay", "map_index": -1}

    def run(try_number: int) -> Any:
        context = {"ti": SimpleNamespace(**about, try_number=try_number)}
        return pay_batch(context, payouts=rows, max_concurrency=1, timeout=20)

    assert Child(killed_at(Point(awaiting, "exchanged", True), lambda: run(1), nth=5)).result() == "killed"
    assert moved(sandbox) == 5
    summary = Child(lambda: run(2)).result()
    assert (summary["succeeded"], summary["already_paid"]) == (10, 0)
    assert calls(sandbox, "initiate") == moved(sandbox) == 10


def test_killed_again_and_again_it_is_still_paid_once(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, age: Age, any_books: str
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(f"INV-{number}") for number in range(12)]

    def run() -> Any:
        return pay_batch(payouts=rows, max_concurrency=2, timeout=20)

    for point in (
        Point(_Rail, "send", True),
        Point(awaiting, "exchanged", True),
        Point(Journal, "claim", True),
        *around(Journal, "observed"),
    ):
        assert Child(killed_at(point, run, nth=3)).result() == "killed", point
        age(600)
    summary = Child(run).result()
    assert isinstance(summary, dict), summary
    assert summary["succeeded"] == 12
    assert sandbox.ledger()["repeated"] == []
    assert moved(sandbox) == 12
