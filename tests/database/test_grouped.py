"""Writes that share a commit: each is on disk when whoever waits goes on, and none passes for kept that was lost."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from airflow_provider_paygate.database import DatabaseUnavailable, database
from airflow_provider_paygate.database.grouped import GroupedDatabase

ADD = text("INSERT INTO paygate_day_totals (account_id, day, reserved_minor) VALUES (:account, :day, 1)")


def days(books: Path) -> list[str]:
    with sqlite3.connect(books) as connection:
        return [row[0] for row in connection.execute("SELECT day FROM paygate_day_totals ORDER BY day")]


@pytest.fixture
def grouped(books: Path) -> Iterator[GroupedDatabase]:
    with GroupedDatabase(database()) as grouped:
        yield grouped


def adding(grouped: GroupedDatabase, day: str, then: Callable[[], None] = lambda: None) -> Callable[[], str]:
    """A write that adds a day and does something else within its transaction."""

    def add() -> str:
        with grouped.begin() as connection:
            connection.execute(ADD, {"account": "a", "day": day})
            then()
        return day

    return add


def together(grouped: GroupedDatabase, *writes: Callable[[], str]) -> list[str | BaseException]:
    """What comes of writes that wait while another one is under way, and so stand in one group."""

    async def all_of_them() -> list[str | BaseException]:
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            assert go_on.wait(10)

        first = asyncio.create_task(grouped.written(adding(grouped, "first", hold)))
        assert await asyncio.to_thread(held.wait, 10)
        others = [asyncio.create_task(grouped.written(write)) for write in writes]
        await asyncio.sleep(0)
        go_on.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_a_write_is_on_disk_when_whoever_waits_goes_on(grouped: GroupedDatabase, books: Path) -> None:
    missing: list[str] = []

    async def worker(n: int) -> None:
        for step in range(20):
            day = await grouped.written(adding(grouped, f"{n:02}-{step:02}"))
            if day not in days(books):
                missing.append(day)

    async def workers() -> None:
        await asyncio.gather(*(worker(n) for n in range(8)))

    asyncio.run(workers())
    assert missing == []
    assert len(days(books)) == 160


def test_writes_that_wait_together_share_one_commit(grouped: GroupedDatabase, books: Path) -> None:
    seen: list[list[str]] = []
    writes = [adding(grouped, f"day-{n}", lambda: seen.append(days(books))) for n in range(5)]
    assert together(grouped, *writes) == [f"day-{n}" for n in range(5)]
    assert seen == [["first"]] * 5  # while the last was written, none of them was on disk
    assert len(days(books)) == 6


def test_a_write_that_raises_leaves_no_trace_and_harms_no_other(grouped: GroupedDatabase, books: Path) -> None:
    def fail() -> None:
        raise RuntimeError("a write fails")

    one, two, three = together(
        grouped, adding(grouped, "one"), adding(grouped, "undone", fail), adding(grouped, "three")
    )
    assert (one, three) == ("one", "three")
    assert isinstance(two, RuntimeError)
    assert days(books) == ["first", "one", "three"]


def test_when_sqlite_rolls_the_group_back_by_itself_every_member_learns_it(
    grouped: GroupedDatabase, books: Path
) -> None:
    def full() -> None:
        grouped._direct.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    told = together(grouped, adding(grouped, "one"), adding(grouped, "two", full), adding(grouped, "three"))
    assert [type(each) for each in told] == [DatabaseUnavailable] * 3
    assert days(books) == ["first"]
    asyncio.run(grouped.written(adding(grouped, "four")))  # and the next group is a whole one again
    assert days(books) == ["first", "four"]


def test_a_group_that_cannot_begin_tells_everybody(grouped: GroupedDatabase, books: Path) -> None:
    with sqlite3.connect(books, isolation_level=None) as other:
        grouped._direct.execute("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            asyncio.run(grouped.written(adding(grouped, "never")))
        other.execute("ROLLBACK")
    asyncio.run(grouped.written(adding(grouped, "after")))
    assert days(books) == ["after"]


def test_a_thread_beside_the_loop_writes_in_a_group_of_its_own(grouped: GroupedDatabase, books: Path) -> None:
    assert adding(grouped, "alone", lambda: None)() == "alone"
    with pytest.raises(RuntimeError), grouped.begin() as connection:
        connection.execute(ADD, {"account": "a", "day": "undone"})
        raise RuntimeError("it fails")
    assert days(books) == ["alone"]


def test_who_was_cancelled_is_not_told_and_the_write_stands(grouped: GroupedDatabase, books: Path) -> None:
    async def cancelled() -> None:
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            assert go_on.wait(10)

        waiting = asyncio.create_task(grouped.written(adding(grouped, "one", hold)))
        assert await asyncio.to_thread(held.wait, 10)
        waiting.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await grouped.written(adding(grouped, "two"))

    asyncio.run(cancelled())
    assert days(books) == ["one", "two"]


def test_a_write_that_ends_an_iteration_harms_no_other(grouped: GroupedDatabase, books: Path) -> None:
    """No future takes a StopIteration, and whoever stands behind it would wait for ever."""
    one, two = together(grouped, adding(grouped, "one", lambda: next(iter(()))), adding(grouped, "two"))
    assert (type(one), two) == (RuntimeError, "two")
    assert days(books) == ["first", "two"]


def test_who_comes_after_the_end_is_refused_and_not_kept_waiting(books: Path) -> None:
    with GroupedDatabase(database()) as grouped:
        asyncio.run(grouped.written(adding(grouped, "one")))
    with pytest.raises(DatabaseUnavailable, match="ended"):
        asyncio.run(asyncio.wait_for(grouped.written(adding(grouped, "late")), 5))
    with pytest.raises(DatabaseUnavailable, match="ended"):  # the connection is somebody else's by now
        adding(grouped, "late")()
    assert days(books) == ["one"]
