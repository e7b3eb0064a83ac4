"""A paygate database that is full, locked, cut off or gone: each has a named result, and no payment is lost from sight."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import database, engine
from airflow_provider_paygate.database.grouped import GroupedDatabase
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import POSTGRES, calls, forget_process, moved, payment
from tests.operators.conftest import Pay, PayBatch, remove_books
from tests.payouts.test_interrupted import interrupted
from tests.processes import Child

Age = Callable[[float], None]


def some(count: int) -> list[dict[str, Any]]:
    return [payment(f"INV-{number}") for number in range(count)]


def states() -> dict[str, str]:
    with database().read() as connection:
        rows = connection.execute(text("SELECT reference, state FROM paygate_payouts"))
        return {row.reference: row.state for row in rows}


def known_or_not_paid(sandbox: Sandbox) -> None:
    """What the gateway executed, the journal knows, as something that is not over and done with unpaid."""
    journal = states()
    for line in sandbox.ledger()["lines"]:
        assert journal[line["sender_id"]] in {"sending", "unknown", "accepted", "settled"}


# Full


@pytest.mark.parametrize("pages", [0, 20, 40, 80])
def test_a_disk_that_fills_up_stops_the_batch_by_name_and_a_run_after_that_goes_on(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, age: Age, books: Path, pages: int
) -> None:
    """The kernel refuses to let any file of the process grow beyond what the write-ahead log has plus a few pages."""
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    pay_batch(payouts=[payment("BEFORE")], batch_id="before")
    log = books.with_name(books.name + "-wal")
    limit = max(books.stat().st_size, log.stat().st_size if log.exists() else 0) + pages * 4096

    def run() -> Any:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return pay_batch(payouts=some(30), max_concurrency=3, timeout=20)

    kind, name, message = Child(run).result()
    assert (kind, name) == ("raised", "DatabaseUnavailable"), message
    assert "paygate database" in message
    known_or_not_paid(sandbox)
    assert moved(sandbox) <= 31
    age(600)
    assert Child(lambda: pay_batch(payouts=some(30), timeout=20)).result()["succeeded"] == 30
    assert sandbox.ledger()["repeated"] == []
    assert set(states().values()) == {"settled"}


@pytest.mark.parametrize("step", ["claim", "observed", "answered"])
def test_a_single_payout_over_a_full_disk_is_not_lost(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, step: str
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    if step == "answered":
        sandbox.fault("initiate", "reset_after")

    def run() -> Any:
        original = getattr(Journal, step)

        def full(journal: Journal, *args: Any, **kwargs: Any) -> Any:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            return original(journal, *args, **kwargs)

        setattr(Journal, step, full)
        return pay()

    told = Child(run).result()
    assert told[:2] == ("raised", "DatabaseUnavailable" if step == "claim" else "OutcomeUnknown"), told
    assert moved(sandbox) == (step != "claim")
    assert states() == {"INV-1": "planned" if step == "claim" else "sending"}
    age(600)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


@pytest.mark.parametrize("step", ["absent", "claim", "answered"])
def test_books_that_fail_over_an_unknown_payout_never_say_that_nothing_was_sent(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    connect(visibility_window=1)
    sandbox.fault("initiate", "http_500")
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    age(10)
    sandbox.merchant("docs-v1", commercials=["NEFT"])  # the second submission is refused

    def down(*_: Any, **__: Any) -> Any:
        raise engine.DatabaseUnavailable("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, step, down)
        with pytest.raises(errors.OutcomeUnknown, match="may have moved"):
            pay()
    assert states()["INV-1"] in {"unknown", "sending"}


@pytest.mark.parametrize("step", ["observed", "answered"])
def test_a_batch_whose_answers_cannot_be_taken_down_sends_no_more(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, monkeypatch: pytest.MonkeyPatch, any_books: str, step: str
) -> None:
    """At no moment are more rows in `sending` than may be: what stays there takes its place."""
    connect(timeout=10)
    if step == "answered":
        sandbox.merchant("docs-v1", minimum="5000")  # every row is refused

    def down(*_: Any, **__: Any) -> Any:
        raise engine.DatabaseUnavailable("database is locked")

    monkeypatch.setattr(Journal, step, down)
    with pytest.raises(engine.DatabaseUnavailable, match="locked"):
        pay_batch(payouts=some(12), max_concurrency=2)
    assert sorted(states().values()) == ["planned"] * 10 + ["sending"] * 2
    assert calls(sandbox, "initiate") == 2


def test_an_interrupt_over_a_full_disk_is_still_the_interrupt(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    connect(timeout=10)
    sandbox.fault("initiate", "timeout_after", seconds=2)

    def run() -> Any:
        def down(*_: Any, **__: Any) -> Any:
            raise engine.DatabaseUnavailable("disk is full")

        setattr(Journal, "answered", down)  # noqa: B010 - in a process of its own
        return pay()

    assert interrupted(run, lambda: moved(sandbox) == 1) == ("raised", "Stopped", "time is up")
    assert states() == {"INV-1": "sending"}


# Locked


@pytest.fixture
def locked(books: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], sqlite3.Connection]:
    """Somebody holds the write lock of the file, for longer than anybody waits."""
    monkeypatch.setattr(engine, "LOCK_WAIT_SECONDS", 0.1)

    def lock() -> sqlite3.Connection:
        other = sqlite3.connect(books, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other

    return lock


def test_books_that_are_locked_send_nothing_and_say_so(
    sandbox: Sandbox, pay: Pay, pay_batch: PayBatch, locked: Any
) -> None:
    other = locked()
    for act in (pay, lambda: pay_batch(payouts=some(3))):
        with pytest.raises(errors.NotSent, match="locked"):
            act()
    assert sandbox.counters()["total"] == 0
    other.execute("ROLLBACK")
    assert pay_batch(payouts=some(3))["succeeded"] == 3


@pytest.mark.parametrize("group", [1, 2, 3, 4])
def test_books_that_are_locked_half_way_lose_nothing(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, age: Age, locked: Any, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:  # fmt: skip
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    monkeypatch.setattr("airflow_provider_paygate.payouts.sending.PAUSE_WHEN_NOT_SENT", 0.01)
    original, others, groups = GroupedDatabase._write_together, [], count(1)

    def half_way(*args: Any, **kwargs: Any) -> Any:
        if next(groups) == group:
            others.append(locked())
        return original(*args, **kwargs)

    monkeypatch.setattr(GroupedDatabase, "_write_together", half_way)
    with pytest.raises(errors.NotSent, match="locked"):
        pay_batch(payouts=some(10), max_concurrency=2)
    others[0].execute("ROLLBACK")
    known_or_not_paid(sandbox)
    age(600)
    assert pay_batch(payouts=some(10))["succeeded"] == 10
    assert sandbox.ledger()["repeated"] == []


# Cut off


@pytest.mark.parametrize("step", ["claim", "answered", "observed"])
def test_postgres_connections_that_are_cut_between_two_steps_cost_nothing(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, postgres: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    if step == "answered":
        sandbox.fault("initiate", "reset_after", match={"sender_id": "INV-3"})
    original = getattr(Journal, step)

    def cut(journal: Journal, *args: Any, **kwargs: Any) -> Any:
        with engine.database().engine.connect() as connection:
            own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        server.dispose()
        return original(journal, *args, **kwargs)

    monkeypatch.setattr(Journal, step, cut)
    assert pay_batch(payouts=some(5), max_concurrency=1, timeout=20)["succeeded"] == 5
    assert sandbox.ledger()["repeated"] == []
    assert moved(sandbox) == 5


@pytest.mark.parametrize("step", ["claim", "observed", "answered"])
def test_a_postgres_that_vanishes_half_way_has_a_named_result_and_a_retry_finds_everything(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, postgres: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The schema is renamed and its connections are ended: what a drop, a failover to an old standby or a typo looks like."""
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    if step == "answered":
        sandbox.fault("initiate", "reset_after")
    schema = postgres.rpartition("%3D")[2]
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    original = getattr(Journal, step)

    def vanished(journal: Journal, *args: Any, **kwargs: Any) -> Any:
        with server.connect() as connection:
            connection.execute(text(f"ALTER SCHEMA {schema} RENAME TO {schema}_away"))
        return original(journal, *args, **kwargs)

    monkeypatch.setattr(Journal, step, vanished)
    kind: Any = errors.NotSent if step == "claim" else errors.OutcomeUnknown
    with pytest.raises(kind, match="paygate database"):
        pay()
    monkeypatch.setattr(Journal, step, original)
    with pytest.raises(errors.NotSent):
        pay()
    assert moved(sandbox) == (step != "claim")
    with server.connect() as connection:
        connection.execute(text(f"ALTER SCHEMA {schema}_away RENAME TO {schema}"))
    server.dispose()
    assert states() == {"INV-1": "planned" if step == "claim" else "sending"}
    age(600)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


# Gone


@pytest.mark.parametrize("at", [1, 5])
def test_a_sqlite_file_that_is_removed_half_way_ends_by_name_and_nothing_is_paid_again(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, books: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    connect(timeout=10, visibility_window=0.2)
    sandbox.merchant("docs-v1", dedupe=False)
    about = {"dag_id": "d", "run_id": "r", "task_id": "pay", "map_index": -1}
    original, count = Journal.claim, [0]

    def removing(journal: Journal, *args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == at:
            remove_books(books)
        return original(journal, *args, **kwargs)

    monkeypatch.setattr(Journal, "claim", removing)
    with suppress(errors.NotSent):  # it may also go on, in a file that has no name any more
        pay_batch({"ti": SimpleNamespace(**about, try_number=1)}, payouts=some(10), max_concurrency=1, timeout=20)
    monkeypatch.setattr(Journal, "claim", original)
    forget_process()
    before = calls(sandbox, "initiate")
    second = pay_batch(
        {"ti": SimpleNamespace(**about, try_number=2)}, payouts=some(10), timeout=20, fail_on=[]
    )  # a later try in new books asks before it sends
    assert second["total"] == 10
    assert sandbox.ledger()["repeated"] == []
    assert calls(sandbox, "initiate") - before <= 10 - before
    assert os.path.exists(books)
