"""Group commit for SQLite: several threads' transactions share one flush to disk, and each waits for it.

SQLite writes one transaction at a time and a durable commit waits for the disk. While one group commits, the threads
behind it queue; they then run their steps one after another in a single transaction, and the last of them commits for
all. Every caller returns only when its own step is on disk. PostgreSQL does this by itself.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_paygate.database.engine import SQLITE_NOW, Database

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

LARGEST_GROUP = 64


class _Group:
    """One open transaction and the threads whose steps stand in it; to a step it is a connection."""

    def __init__(self, connection: Connection, direct: sqlite3.Connection) -> None:
        self._connection = connection
        self.direct = direct
        self.steps = 0
        self.broken = False  # SQLite rolled everything back by itself, as it may when the disk is full
        self.gate = (
            threading.Lock()
        )  # closed until the group has ended; a lock wakes its waiters far cheaper than an Event
        self.gate.acquire()
        self.failure: BaseException | None = None
        direct.execute("BEGIN IMMEDIATE")

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """As a connection's; SQL text that writes goes to the driver directly, at a sixth of the cost."""
        from sqlalchemy.sql.elements import TextClause

        if isinstance(statement, TextClause) and isinstance(parameters, dict):
            words = statement.text.lstrip()
            if words.startswith(("INSERT", "UPDATE", "DELETE")):
                return self.direct.execute(words, parameters)
        return self._connection.execute(statement, parameters)

    def end(self, errors: Callable[[], AbstractContextManager[None]]) -> None:
        """Commit, and let every waiting thread go on or learn that nothing of the group was kept."""
        try:
            with errors():
                if self.broken or not self.direct.in_transaction:
                    raise sqlite3.OperationalError("a shared transaction was rolled back")
                self.direct.execute("COMMIT")
        except BaseException as failure:  # noqa: BLE001 - every waiting thread must learn of it
            self.failure = failure
            if self.direct.in_transaction:
                self.direct.execute("ROLLBACK")
        self.gate.release()


class GroupedDatabase(Database):
    """A SQLite database whose transactions share their flush, while its `with` block lasts. Reading is as before."""

    def __init__(self, database: Database) -> None:
        self.url, self.is_sqlite, self.shown = database.url, database.is_sqlite, database.shown
        self._plain = database
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._queued = 0
        self._group: _Group | None = None

    def __enter__(self) -> GroupedDatabase:
        with self._errors():
            self.ensure_schema()
            self.engine = self._plain.engine
            self._connection = self.engine.connect().execution_options(paygate_grouped=True)
            direct: Any = self._connection.connection.driver_connection
            self._direct: sqlite3.Connection = direct
        return self

    def __exit__(self, *failure: object) -> None:
        self._connection.close()

    def ensure_schema(self) -> None:
        self._plain.ensure_schema()

    def now(self, connection: Connection) -> float:
        if isinstance(connection, _Group):
            seconds: float = connection.direct.execute(SQLITE_NOW).fetchone()[0]
            return seconds
        return super().now(connection)

    def begin(self) -> AbstractContextManager[Connection]:  # type: ignore[override]
        """One step of a shared transaction; durable when the block ends. A step that raises leaves no trace in it."""
        return _Step(self)

    def take_turn(self) -> _Group:
        """Wait for the turn, and open a step in the group that is under way, or in a new one."""
        with self._counting:
            self._queued += 1
        self._turn.acquire()
        with self._counting:
            self._queued -= 1
        try:
            with self._errors():
                if self._group is None:
                    self._group = _Group(self._connection, self._direct)
                # Plain SQL: SQLAlchemy's own savepoints cost as much as the step they protect.
                self._direct.execute("SAVEPOINT step")
                return self._group
        except BaseException:
            if self._group is not None:
                self._group.broken = True
                self._end(self._group)
            self._turn.release()
            raise

    def give_turn(self, group: _Group, failed: bool) -> None:
        """Close the step; whoever finds nobody waiting behind commits for all."""
        try:
            if failed:
                # Without a transaction the next step's savepoint would begin one of its own, whose commit would then
                # pass for the whole group's.
                group.broken = not group.direct.in_transaction
                if not group.broken:
                    group.direct.execute("ROLLBACK TO step")
            else:
                group.steps += 1
            if group.broken or self._queued == 0 or group.steps >= LARGEST_GROUP:
                self._end(group)
        finally:
            self._turn.release()

    def told(self, error: BaseException) -> None:
        """Raise what the database refused as this package says it; anything else is left alone."""
        with self._errors():
            raise error

    def _end(self, group: _Group) -> None:
        self._group = None
        group.end(self._errors)


class _Step:
    """The block of one :meth:`GroupedDatabase.begin`."""

    def __init__(self, database: GroupedDatabase) -> None:
        self._database = database

    def __enter__(self) -> Connection:
        self._group = self._database.take_turn()
        return cast("Connection", self._group)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        group = self._group
        self._database.give_turn(group, failed=error is not None)
        if error is not None:
            self._database.told(error)
        with group.gate:
            pass
        if group.failure is not None:
            raise group.failure
