"""Whatever fails, dies, ages or is run again in whatever order: in the gateway's own ledger money moves at most once.

The gateway here notices no repeats (`dedupe: false`), so that a client which repeats wrongly is found out. A worker dies
by an exception that nothing may catch and after which it can write nothing; its memory is dropped. Time passes in the
database and at the gateway, never by waiting.
"""

from __future__ import annotations

import asyncio
import os
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
    numbers: ClassVar[Iterator[int]] = count()

    @initialize()
    def begin(self) -> None:
        self.example = f"E{next(self.numbers)}"
        self.sandbox.clear_faults()
        self.sandbox.merchant("docs-v1", dedupe=False, minimum="1")
        self.try_number = 1
        self.books_lost = False
        self.paid: set[str] = set()

    def reference(self, name: str) -> str:
        return f"{self.example}-{name}"

    def executions(self, name: str) -> int:
        return int(self.sandbox.ledger(sender_id=self.reference(name))["totals"]["count"])

    # What is done

    @rule(
        name=st.sampled_from(NAMES), amount=st.sampled_from(["5", "5", "5", "6"]), run=st.sampled_from(["r", "r", "s"])
    )
    def submit(self, name: str, amount: str, run: str) -> None:
        operator = PaywizePayoutOperator(
            task_id="pay", timeout=0, poll_interval=0.01, **payment(self.reference(name), amount=amount)
        )
        self._run([name], lambda context: operator.execute(context), run)

    @rule(names=st.sampled_from([NAMES, NAMES, ["B"]]))
    def submit_as_a_batch(self, names: list[str]) -> None:
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

    @rule(fault=st.sampled_from(EXECUTES), executes=st.booleans(), after=st.sampled_from([0, 0, 1]))
    def the_next_answer_is_lost(self, fault: str, executes: bool, after: int) -> None:
        self.sandbox.fault("initiate", fault, executes=executes, after=after)

    @rule(fault=st.sampled_from(NOTHING_MOVED))
    def the_next_submission_moves_nothing(self, fault: str) -> None:
        self.sandbox.fault("initiate", fault)

    @rule(minimum=st.sampled_from(["1", "100"]))
    def the_gateway_refuses_or_does_not(self, minimum: str) -> None:
        self.sandbox.merchant("docs-v1", minimum=minimum)

    @rule(seconds=st.sampled_from([5, 50]))
    def the_next_payment_is_hidden_for_a_while(self, seconds: int) -> None:
        self.sandbox.fault("initiate", "stale", seconds=seconds, times=1)

    @rule(fault=st.sampled_from(LOOK_UP), times=st.integers(1, 2))
    def look_ups_fail(self, fault: str, times: int) -> None:
        self.sandbox.fault("status", fault, times=times)

    @rule(steps=st.integers(1, 16))
    def the_next_worker_dies(self, steps: int) -> None:
        self.worker.steps_left = steps

    @rule()
    def the_worker_is_another_process(self) -> None:
        forget_process()

    @rule(seconds=st.sampled_from([1, 10, 30, 70, 400]))
    def time_passes(self, seconds: float) -> None:
        passed(self.sandbox, seconds)

    @precondition(lambda self: self.try_number > 2)
    @rule()
    def the_books_are_lost(self) -> None:
        remove_books(self.books)
        forget_process()
        self.books_lost = True

    # What must hold

    @invariant()
    def money_moved_at_most_once(self) -> None:
        assert self.sandbox.ledger()["repeated"] == []

    @invariant()
    def the_journal_says_nothing_that_is_not_so(self) -> None:
        if not hasattr(self, "example") or not os.path.exists(self.books):
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
    sandbox: Sandbox, connect: Any, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(timeout=1, visibility_window=WINDOW)
    worker = Worker()
    worker.watch(monkeypatch)
    # Waiting for another worker, or between two look-ups, is time that passes too.
    monkeypatch.setattr(submission, "time", SimpleNamespace(
        sleep=lambda seconds: passed(sandbox, max(seconds, 5)), monotonic=submission.time.monotonic,
    ))  # fmt: skip
    monkeypatch.setattr("airflow_provider_paygate.payouts.sending.PAUSE_WHEN_NOT_SENT", 0.0)
    Payments.sandbox, Payments.worker, Payments.books = sandbox, worker, books
    run_state_machine_as_test(
        Payments,
        settings=settings(
            max_examples=int(os.environ.get("PAYGATE_TEST_EXAMPLES", "30")),
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
