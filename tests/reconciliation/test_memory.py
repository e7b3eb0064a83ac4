"""Between runs of one name: an open break keeps its id and first day, closes when healed, stays ignored with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from airflow_provider_paygate.reconciliation import (
    AsOf,
    CannotReconcile,
    FileSide,
    Result,
    Settings,
    SqlBreakMemory,
    reconcile,
)
from airflow_provider_paygate.reconciliation.memory import tables
from tests.reconciliation.sides import Files

HEADER = "reference,amount,currency,created_at\n"
A, B = "A,1.00,INR,2026-01-05T06:00:00Z\n", "B,2.00,INR,2026-01-05T06:00:00Z\n"


class Database:
    """Transactions on a SQLite file, as the paygate database gives them."""

    def __init__(self, path: str) -> None:
        self.engine = sa.create_engine(f"sqlite:///{path}")
        metadata = sa.MetaData()
        tables(metadata)
        metadata.create_all(self.engine)

    def begin(self) -> AbstractContextManager[sa.Connection]:
        return self.engine.begin()

    def read(self) -> AbstractContextManager[sa.Connection]:
        return self.engine.connect()


class Runs:
    def __init__(self, files: Files) -> None:
        self.files = files
        self.memory = SqlBreakMemory(Database(str(files.folder / "paygate.db")))

    def run(self, day: str, ledger: str, gateway: str, name: str = "nightly") -> Result:
        sides = [
            FileSide(self.files.write(f"{side}.csv", HEADER + text)) for side, text in (("l", ledger), ("g", gateway))
        ]
        return reconcile(*sides, settings=Settings(as_of=AsOf.parse(day)), name=name, memory=self.memory)


@pytest.fixture
def runs(files: Files) -> Iterator[Runs]:
    it = Runs(files)
    yield it
    it.memory._database.engine.dispose()  # type: ignore[attr-defined]


def first_days(result: Result) -> dict[str, str]:
    return {row.reference: result.first_seen[row.break_id].isoformat() for row in result.breaks}


def test_an_open_break_keeps_its_id_and_first_day(runs: Runs) -> None:
    late = runs.run("2026-01-06", A + B, B)
    missing = runs.run("2026-01-08", A + B, B)

    assert [row.break_class for row in (*late.breaks, *missing.breaks)] == ["timing", "missing_at_gateway"]
    assert late.breaks[0].break_id == missing.breaks[0].break_id
    assert first_days(missing) == {"A": "2026-01-06"}


def test_a_healed_break_closes_and_begins_anew_when_it_is_back(runs: Runs) -> None:
    runs.run("2026-01-08", A + B, B)
    assert runs.run("2026-01-09", A + B, A + B).exit_code == 0
    again = runs.run("2026-01-12", A + B, B)

    assert first_days(again) == {"A": "2026-01-12"}


def test_an_ignored_break_stays_out_with_its_reason_until_it_changes(runs: Runs) -> None:
    first = runs.run("2026-01-08", A + B, B)
    runs.memory.ignore("nightly", first.breaks[0].break_id, " written off, ticket 7 ")

    second, third = runs.run("2026-01-09", A + B, B), runs.run("2026-01-10", A + B, B)
    for result in (second, third):
        assert (result.exit_code, result.breaks) == (0, ())
        assert [(one.row.reference, one.reason) for one in result.ignored] == [("A", "written off, ticket 7")]
        assert result.tally.count("ledger", "ignored") == 1
        assert "written off, ticket 7" in result.html()

    changed = runs.run("2026-01-11", A + B, B + A.replace("1.00", "9.00"))
    assert [row.break_class for row in changed.breaks] == ["amount_mismatch"]


def test_names_do_not_share_what_they_remember(runs: Runs) -> None:
    first = runs.run("2026-01-08", A + B, B, name="one")
    other = runs.run("2026-01-09", A + B, B, name="two")

    assert first_days(other) == {"A": "2026-01-09"}
    with pytest.raises(CannotReconcile, match="no open break"):
        runs.memory.ignore("three", first.breaks[0].break_id, "because")
    with pytest.raises(CannotReconcile, match="takes a reason"):
        runs.memory.ignore("one", first.breaks[0].break_id, "  ")


def test_the_page_shows_the_trend(runs: Runs) -> None:
    first = runs.run("2026-01-08", A + B, B)
    second = runs.run("2026-01-09", A + B, B)
    runs.run("2026-01-09", A + B, B)

    assert "Over the runs" not in first.html()
    assert "Over the runs" in second.html()
    assert [run.day.isoformat() for run in runs.run("2026-01-10", A + B, B).past] == ["2026-01-08", "2026-01-09"]


def test_a_memory_needs_a_name(runs: Runs) -> None:
    with pytest.raises(CannotReconcile, match="takes a name"):
        runs.run("2026-01-08", A, A, name="")


def test_results_are_frozen(files: Files) -> None:
    result = files.result("reference,amount\nA,1\n", "reference,amount\nA,1\n")

    with pytest.raises(AttributeError):
        result.name = "other"  # type: ignore[misc]
    assert replace(result, name="other").name == "other"
