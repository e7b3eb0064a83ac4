"""Steps that share a commit: each is on disk when its thread goes on, and none passes for kept that was lost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from airflow_provider_paygate.database import DatabaseUnavailable, database
from airflow_provider_paygate.database.grouped import GroupedDatabase

ADD = text("INSERT INTO paygate_day_totals (account_id, day, reserved_minor) VALUES (:account, :day, 1)")


def days(books: Path) -> list[str]:
    with sqlite3.connect(books) as connection:
        return [row[0] for row in connection.execute("SELECT day FROM paygate_day_totals ORDER BY day")]


def opened() -> GroupedDatabase:
    return GroupedDatabase(database()).__enter__()


def test_a_step_is_on_disk_when_its_thread_goes_on(books: Path) -> None:
    grouped = opened()
    missing: list[str] = []

    def work(n: int) -> None:
        for step in range(20):
            day = f"{n:02}-{step:02}"
            with grouped.begin() as connection:
                connection.execute(ADD, {"account": "a", "day": day})
            if day not in days(books):
                missing.append(day)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    assert len(days(books)) == 160


def test_a_step_that_raises_leaves_no_trace_and_harms_no_other(books: Path) -> None:
    grouped = opened()
    entered, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with grouped.begin() as connection:
            connection.execute(ADD, {"account": "a", "day": "kept"})
            entered.set()
            go_on.wait(10)

    def second() -> None:
        with pytest.raises(RuntimeError), grouped.begin() as connection:
            connection.execute(ADD, {"account": "a", "day": "undone"})
            raise RuntimeError("a step fails")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    while grouped._queued == 0:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert days(books) == ["kept"]


def test_when_sqlite_rolls_the_group_back_by_itself_every_member_learns_it(books: Path) -> None:
    grouped = opened()
    entered, go_on = threading.Event(), threading.Event()
    told: list[type[BaseException] | None] = []

    def member(day: str, *, rolled_back: bool) -> None:
        try:
            with grouped.begin() as connection:
                connection.execute(ADD, {"account": "a", "day": day})
                if rolled_back:
                    connection.direct.execute("ROLLBACK")
                    raise sqlite3.OperationalError("database or disk is full")
                entered.set()
                go_on.wait(10)
            told.append(None)
        except DatabaseUnavailable as error:
            told.append(type(error))

    threads = [
        threading.Thread(target=member, args=("one",), kwargs={"rolled_back": False}),
        threading.Thread(target=member, args=("two",), kwargs={"rolled_back": True}),
    ]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    while grouped._queued == 0:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert told == [DatabaseUnavailable, DatabaseUnavailable]
    assert days(books) == []
    with grouped.begin() as connection:  # and the next group is a whole one again
        connection.execute(ADD, {"account": "a", "day": "three"})
    assert days(books) == ["three"]
