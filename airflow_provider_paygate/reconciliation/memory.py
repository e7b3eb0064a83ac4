"""What is remembered between runs of one name: open breaks with their first day, ignored ones with the reason, counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_paygate.reconciliation.breaks import Break
from airflow_provider_paygate.reconciliation.errors import CannotReconcile

if TYPE_CHECKING:
    import sqlalchemy


@dataclass(frozen=True)
class RememberedBreak:
    """A break as the last run left it. `ignored` is the reason, if a person gave one."""

    break_id: str
    break_class: str
    difference: Decimal
    first_seen: date
    ignored: str | None = None
    is_open: bool = True

    def is_ignored_as(self, row: Break) -> bool:
        """Whether the reason covers the break as it is now: another class or another sum of money is another matter."""
        return self.ignored is not None and (self.break_class, self.difference) == (row.break_class, row.difference)


@dataclass(frozen=True)
class PastRun:
    """How an earlier run ended."""

    day: date
    by_class: Mapping[str, int]


@dataclass(frozen=True)
class Remembered:
    """All that is known under one name; `runs` by day."""

    breaks: Mapping[str, RememberedBreak] = field(default_factory=dict)
    runs: Sequence[PastRun] = ()


class BreakMemory(Protocol):
    """Where open breaks outlive a run."""

    def load(self, name: str) -> Remembered:
        """What earlier runs of this name left; empty for a new name."""

    def save(self, name: str, day: date, breaks: Iterable[Break], by_class: Mapping[str, int]) -> None:
        """Record a run: breaks that are new open on `day`, those no longer there close, the rest keep their first day."""

    def ignore(self, name: str, break_id: str, reason: str) -> None:
        """Take an open break out of the count for as long as its class and difference stay.

        Raises CannotReconcile without a reason, or when no such break is open."""


class Transactions(Protocol):
    """How the paygate database is reached: short transactions, so that a long reconciliation never holds its lock."""

    def begin(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """A transaction that is committed when the block ends."""

    def read(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """A connection to read from."""


class SqlBreakMemory:
    """Breaks in the tables `paygate_breaks` and `paygate_reconciliations` of the paygate database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._breaks, self._runs = tables()

    def load(self, name: str) -> Remembered:
        import sqlalchemy as sa

        breaks, runs = self._breaks, self._runs
        kept = (
            sa.select(
                breaks.c.break_id,
                breaks.c.break_class,
                breaks.c.difference,
                breaks.c.first_seen,
                breaks.c.ignored,
                breaks.c.closed_on,
            )
            .where(breaks.c.name == name)
            .where(sa.or_(breaks.c.closed_on.is_(None), breaks.c.ignored.is_not(None)))
        )
        past = sa.select(runs.c.day, runs.c.by_class).where(runs.c.name == name).order_by(runs.c.day)
        with self._database.read() as connection:
            rows, days = connection.execute(kept).all(), connection.execute(past).all()
        return Remembered(
            {
                row[0]: RememberedBreak(
                    row[0], row[1], Decimal(row[2]), date.fromisoformat(row[3]), row[4], row[5] is None
                )
                for row in rows
            },
            tuple(PastRun(date.fromisoformat(row[0]), json.loads(row[1])) for row in days),
        )

    def save(self, name: str, day: date, breaks: Iterable[Break], by_class: Mapping[str, int]) -> None:
        import sqlalchemy as sa

        table, runs, today = self._breaks, self._runs, day.isoformat()
        current = {row.break_id: row for row in breaks}
        with self._database.begin() as connection:
            rows = connection.execute(sa.select(table.c.break_id, table.c.closed_on).where(table.c.name == name))
            closed_on = {row[0]: row[1] for row in rows}
            new = [key for key in current if key not in closed_on]
            stay = [key for key in current if key in closed_on and closed_on[key] is None]
            back = [key for key in current if closed_on.get(key) is not None]
            healed = [key for key, closed in closed_on.items() if closed is None and key not in current]
            mine = sa.and_(table.c.name == name, table.c.break_id == sa.bindparam("key"))
            update = sa.update(table).where(mine)
            if new:
                facts = [_facts(current[key], today) for key in new]
                connection.execute(
                    sa.insert(table),
                    [
                        {"name": name, "break_id": key, "first_seen": today, **row}
                        for key, row in zip(new, facts, strict=True)
                    ],
                )
            # A break that had healed and is back begins anew.
            for keys, more in ((stay, {}), (back, {"first_seen": today})):
                if keys:
                    connection.execute(update, [{"key": key, **_facts(current[key], today), **more} for key in keys])
            if healed:
                connection.execute(update, [{"key": key, "closed_on": today} for key in healed])
            connection.execute(sa.delete(runs).where(sa.and_(runs.c.name == name, runs.c.day == today)))
            counts = json.dumps(dict(by_class), sort_keys=True)
            connection.execute(sa.insert(runs), {"name": name, "day": today, "by_class": counts})

    def ignore(self, name: str, break_id: str, reason: str) -> None:
        import sqlalchemy as sa

        if not reason.strip():
            raise CannotReconcile(f"break {break_id}: to ignore it takes a reason")
        table = self._breaks
        open_one = sa.and_(table.c.name == name, table.c.break_id == break_id, table.c.closed_on.is_(None))
        with self._database.begin() as connection:
            changed = connection.execute(sa.update(table).where(open_one).values(ignored=reason.strip()))
            if changed.rowcount == 0:
                raise CannotReconcile(f"no open break {break_id} is remembered under the name {name!r}")


def tables(metadata: sqlalchemy.MetaData | None = None) -> tuple[sqlalchemy.Table, sqlalchemy.Table]:
    """The two tables. Days are ISO dates, differences decimal text (SQLite has no decimal)."""
    import sqlalchemy as sa

    into = metadata if metadata is not None else sa.MetaData()
    breaks = sa.Table(
        "paygate_breaks",
        into,
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("break_id", sa.String(16), primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("break_class", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(16)),
        sa.Column("difference", sa.String(48), nullable=False),
        sa.Column("first_seen", sa.String(10), nullable=False),
        sa.Column("last_seen", sa.String(10), nullable=False),
        sa.Column("closed_on", sa.String(10)),
        sa.Column("ignored", sa.Text),
    )
    runs = sa.Table(
        "paygate_reconciliations",
        into,
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("by_class", sa.Text, nullable=False),
    )
    return breaks, runs


def _facts(row: Break, today: str) -> dict[str, Any]:
    return {
        "reference": row.reference,
        "break_class": row.break_class,
        "currency": row.currency,
        "difference": str(row.difference),
        "last_seen": today,
        "closed_on": None,
    }
