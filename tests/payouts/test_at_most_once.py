"""Whatever fails, dies, ages or is run again in whatever order: in the gateway's own ledger money moves at most once.

The gateway here notices no repeats (`dedupe: false`), so that a client which repeats wrongly is found out. A worker dies
by an exception that nothing may catch and after which it can write nothing; its memory is dropped. Time passes in the
database and at the gateway, never by waiting.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import Database, database
from airflow_provider_paygate.hooks.payouts import PaywizePayouts, _Rail
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator, PaywizePayoutOperator
from airflow_provider_paygate.payouts import following, submission
from airflow_provider_paygate.payouts.entry import Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.transport import blocking
from tests.conftest import forget_process, payment
from tests.operators.conftest import remove_books

WINDOW = 60  # how long "not found" proves nothing; a gateway that hides a payment for longer cannot be helped
NAMES = ["A", "B"]
EXECUTES = ["http_500", "http_502_html", "http_404", "html_200", "empty_body", "undecryptable", "reset_after", "other_id",
            "other_amount", "unknown_code", "duplicate", "redirect"]  # fmt: skip
NOTHING_MOVED = ["throttle_429", "code_4290", "token_expired", "reset_before"]
LOOK_UP = [
    "http_500",
    "html_200",
    "undecryptable",
    "reset_before",
    "http_404",
    "throttle_429",
    "other_id",
    "token_expired",
]
STEPS = [
    (Journal, "intend"), (Journal, "intend_all"), (Journal, "doubted"), (Journal, "claim"), (Journal, "answered"),
    (Journal, "observed"), (Journal, "absent"), (Journal, "expired"), (_Rail, "prepare"), (_Rail, "send"),
    (_Rail, "look_up"), (blocking, "exchanged"),
]  # fmt: skip


# Half of all submissions meet no trouble of a kind; the others lose an answer, are hidden, or die half-way.
TROUBLE = st.fixed_dictionaries(
    {
        "initiate": st.lists(st.sampled_from(EXECUTES + NOTHING_MOVED), max_size=2),
        "executes": st.booleans(),
        "hidden": st.sampled_from([0, 50, 5]),
        "status": st.sampled_from([None, None, *LOOK_UP]),
        "steps": st.none() | st.integers(4, 16),
        "minimum": st.sampled_from(["1", "1", "1", "1", "100"]),
    }
)


exchanged = blocking.exchanged


class Death(BaseException):
    """The process is gone."""


class Worker:
    """What the present process may still do before it dies."""

    def __init__(self) -> None:
        self.steps_left: int | None = None
        self.dead = False

    def step(self) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            self.dead = self.dead or self.steps_left <= 0
        if self.dead:
            raise Death

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every step may be the last one, before or after it is done; the dead write nothing."""
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))
        begin = Database.begin

        @contextmanager
        def begun(books: Database) -> Iterator[Any]:
            if self.dead:
                raise Death
            with begin(books) as connection:
                yield connection

        monkeypatch.setattr(Database, "begin", begun)

    def _counted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if original is exchanged and args[0].request.url.endswith("/token"):
                return original(*args, **kwargs)  # who dies there has a lease on the token, not on money
            self.step()
            told = original(*args, **kwargs)
            self.step()
            return told

        return step


class Payments(RuleBasedStateMachine):
    """Two references, paid, lost, repeated and killed in every order."""

    sandbox: ClassVar[Sandbox]
    worker: ClassVar[Worker]
    books: ClassVar[Path]
    blank: ClassVar[Path]
    numbers: ClassVar[Iterator[int]] = count()

    @initialize()
    def begin(self) -> None:
        self.example = f"E{next(self.numbers)}"
        self.sandbox.merchant("docs-v1", dedupe=False)
        self.try_number = 0
        self.books_lost = False

    def reference(self, name: str) -> str:
        return f"{self.example}-{name}"

    def executions(self, name: str) -> int:
        return int(self.sandbox.ledger(sender_id=self.reference(name))["totals"]["count"])

    # What is done

    @rule(
        name=st.sampled_from(NAMES),
        amount=st.sampled_from(["5", "5", "5", "6"]),
        run=st.sampled_from(["r", "r", "s"]),
        trouble=TROUBLE,
    )
    def submit(self, name: str, amount: str, run: str, trouble: dict[str, Any]) -> None:
        self._meet(trouble)
        operator = PaywizePayoutOperator(
            task_id="pay", timeout=0, poll_interval=0.01, **payment(self.reference(name), amount=amount)
        )
        self._run([name], lambda context: operator.execute(context), run)

    @rule(names=st.sampled_from([NAMES, NAMES, ["B"]]), trouble=TROUBLE)
    def submit_as_a_batch(self, names: list[str], trouble: dict[str, Any]) -> None:
        self._meet(trouble)
        operator = PaywizePayoutBatchOperator(
            task_id="pay", batch_id=self.example, timeout=0, poll_interval=0.01, fail_on=[], on_invalid="skip",
            payouts=[payment(self.reference(name), amount="5") for name in names], max_concurrency=1,
        )  # fmt: skip
        summary = self._run(names, lambda context: operator.execute(context), "r")
        if summary is not None:
            states = ("succeeded", "failed", "refused", "unknown", "pending")
            assert summary["total"] == sum(summary[state] for state in states)
            assert summary["succeeded"] <= sum(self.executions(name) for name in NAMES)

    @rule()
    def sweep(self) -> None:
        def looked(_context: Any) -> None:
            payouts = PaywizePayouts(PaywizeHook(), Who())
            asyncio.run(payouts.look_once(following.in_doubt(payouts.journal.account.account_id)))

        self._run([], looked, "r")

    def _run(self, names: list[str], act: Callable[[Any], Any], run: str) -> Any:
        # In new books a run that never came before has nothing that could make it ask first: only a later try has.
        run, self.try_number = ("r" if self.books_lost else run), self.try_number + 1
        about = {"dag_id": self.example, "run_id": run, "task_id": "pay", "map_index": -1}
        try:
            told = act({"ti": SimpleNamespace(**about, try_number=self.try_number if run == "r" else 1)})
        except Death:
            forget_process()
        except errors.Refused:
            if len(names) == 1:
                assert self.executions(names[0]) == 0, "a payment that moved was called refused"
        except errors.PayoutFailed:
            raise AssertionError("nothing fails here") from None
        except errors.PaygateError:
            pass
        else:
            if isinstance(told, dict) and told.get("status") == "SUCCESS":
                assert self.executions(names[0]) == 1
            return told
        finally:
            self.worker.steps_left, self.worker.dead = None, False
        return None

    # What goes wrong

    def _meet(self, trouble: dict[str, Any]) -> None:
        """What happens to the next calls, and where the worker dies."""
        self.sandbox.clear_faults()
        self.sandbox.merchant("docs-v1", minimum=trouble["minimum"])
        if trouble["hidden"]:
            self.sandbox.fault("initiate", "stale", seconds=trouble["hidden"], times=1)
        for fault in trouble["initiate"]:
            more = {"executes": trouble["executes"]} if fault in EXECUTES else {}
            self.sandbox.fault("initiate", fault, **more)
        if trouble["status"]:
            self.sandbox.fault("status", trouble["status"])
        self.worker.steps_left = trouble["steps"]

    @rule()
    def the_worker_is_another_process(self) -> None:
        forget_process()

    @rule(seconds=st.sampled_from([10, 30, 70]))
    def time_passes(self, seconds: float) -> None:
        passed(self.sandbox, seconds)

    @precondition(lambda self: self.try_number > 0)
    @rule()
    def the_books_are_lost(self) -> None:
        remove_books(self.books)
        shutil.copy(self.blank, self.books)  # as the first use of a new file would make it, but quicker
        forget_process()
        self.books_lost = True

    # What must hold

    @invariant()
    def money_moved_at_most_once(self) -> None:
        assert self.sandbox.ledger()["repeated"] == []

    @invariant()
    def the_journal_says_nothing_that_is_not_so(self) -> None:
        if not hasattr(self, "example"):
            return
        with database().read() as connection:
            query = text("SELECT reference, state FROM paygate_payouts WHERE reference LIKE :mine")
            for row in connection.execute(query, {"mine": f"{self.example}-%"}).fetchall():
                executions = self.executions(row.reference.rpartition("-")[2])
                if row.state in {"settled", "accepted"}:
                    assert executions == 1
                if row.state == "refused" or (row.state == "planned" and not self.books_lost):
                    assert executions == 0
                assert row.state not in {"failed", "refunded"}


def passed(sandbox: Sandbox, seconds: float) -> None:
    """Time has passed, at the gateway and in the database."""
    sandbox.advance(seconds)
    with database().begin() as connection:
        connection.execute(
            text(
                "UPDATE paygate_payouts SET deadline_at = deadline_at - :by, created_at = created_at - :by, "
                "updated_at = updated_at - :by"
            ),
            {"by": seconds},
        )


def test_whatever_happens_money_moves_at_most_once(
    sandbox: Sandbox, connect: Any, books: Path, blank_books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(timeout=1, visibility_window=WINDOW)
    worker = Worker()
    worker.watch(monkeypatch)
    # Waiting for another worker, or between two look-ups, is time that passes too.
    monkeypatch.setattr(submission, "time", SimpleNamespace(
        sleep=lambda seconds: passed(sandbox, max(seconds, 5)), monotonic=submission.time.monotonic,
    ))  # fmt: skip
    monkeypatch.setattr("airflow_provider_paygate.payouts.sending.PAUSE_WHEN_NOT_SENT", 0.0)
    Payments.sandbox, Payments.worker, Payments.books, Payments.blank = sandbox, worker, books, blank_books
    run_state_machine_as_test(
        Payments,
        settings=settings(
            max_examples=int(os.environ.get("PAYGATE_TEST_EXAMPLES", "40")),
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
