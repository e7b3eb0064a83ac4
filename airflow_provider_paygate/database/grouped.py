"""Group commit for SQLite: writes that wait for the disk at the same moment share one flush.

SQLite writes one transaction at a time and a durable commit waits for the disk. What comes while one group commits,
waits; then one thread runs it all, each write a step of one transaction, and commits once. Nobody is told of a write
before it is on disk. PostgreSQL does this by itself.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_provider_paygate.database.engine import SQLITE_NOW, Database

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

LARGEST_GROUP = 64
CLOSED = "the batch was ended in the middle"
T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting:
    """A write and who waits for it."""

    run: Callable[[], Any]
    done: asyncio.Future[Any]


class _Group:
    """One open transaction; to the steps in it, it is a connection."""

    def __init__(self, connection: Connection, direct: sqlite3.Connection) -> None:
        self._connection = connection
        self.direct = direct
        self.broken = False  # SQLite rolled everything back by itself, as it may when the disk is full

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """As a connection's; SQL text that writes goes to the driver directly, at a sixth of the cost."""
        from sqlalchemy.sql.elements import TextClause

        if isinstance(statement, TextClause) and isinstance(parameters, dict):
            words = statement.text.lstrip()
            if words.startswith(("INSERT", "UPDATE", "DELETE")):
                return self.direct.execute(words, parameters)
        return self._connection.execute(statement, parameters)

    @contextmanager
    def step(self) -> Iterator[Connection]:
        """One write of the group. One that raises leaves no trace in it."""
        if self.broken:
            raise sqlite3.OperationalError("a shared transaction was rolled back")
        # Plain SQL: SQLAlchemy's own savepoints cost as much as the step they protect.
        self.direct.execute("SAVEPOINT step")
        try:
            yield cast("Connection", self)
        except BaseException:
            # Without a transaction the next step's savepoint would begin one of its own, whose commit would then pass
            # for the whole group's.
            self.broken = not self.direct.in_transaction
            if not self.broken:
                self.direct.execute("ROLLBACK TO step")
            raise
        self.direct.execute("RELEASE step")

    def commit(self) -> None:
        """Make it durable, or raise."""
        if self.broken or not self.direct.in_transaction:
            raise sqlite3.OperationalError("a shared transaction was rolled back")
        self.direct.execute("COMMIT")


class GroupedDatabase(Database):
    """A SQLite database whose writes from an event loop share their flush, while its `with` block lasts."""

    def __init__(self, database: Database) -> None:
        self.url, self.is_sqlite, self.shown = database.url, database.is_sqlite, database.shown
        self._plain = database
        self._turn = threading.Lock()
        self._open = threading.local()  # the group that this thread has open
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._door = threading.Lock()  # nothing is put behind the None that ends the writer
        self._ending = self._ended = False

    def __enter__(self) -> GroupedDatabase:
        with self._errors():
            self.ensure_schema()
            self.engine = self._plain.engine
            self._connection = self.engine.connect().execution_options(paygate_grouped=True)
            direct: Any = self._connection.connection.driver_connection
            self._direct: sqlite3.Connection = direct
        self._writer = threading.Thread(target=self._write, name="paygate-writes")
        self._writer.start()
        return self

    def __exit__(self, *failure: object) -> None:
        """Write what waits, and end. Who comes later (a second interrupt left a batch behind) is refused, not kept waiting."""
        with self._door:
            self._ending = True
            self._waiting.put(None)
        self._writer.join()
        with self._turn:
            self._ended = True  # the connection goes back to the pool, and is somebody else's from here on
            self._connection.close()

    def ensure_schema(self) -> None:
        self._plain.ensure_schema()

    def now(self, connection: Connection) -> float:
        if isinstance(connection, _Group):
            seconds: float = connection.direct.execute(SQLITE_NOW).fetchone()[0]
            return seconds
        return super().now(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One step of the group that this thread has open, durable when the group is; elsewhere a group of its own."""
        group: _Group | None = getattr(self._open, "group", None)
        with self._errors():
            if group is not None:
                with group.step() as connection:
                    yield connection
            else:
                with self._group() as alone, alone.step() as connection:
                    yield connection

    async def written(self, run: Callable[[], T]) -> T:
        """What `run` gives, once its transaction is on disk, together with those of whoever waits at this moment."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._errors(), self._door:
            if self._ending:
                raise sqlite3.OperationalError(CLOSED)
            self._waiting.put(_Waiting(run, done))
        return await done

    def _write(self) -> None:
        last = False
        while not last and (first := self._waiting.get()) is not None:
            group = [first]
            with suppress(queue.Empty):
                while not last and len(group) < LARGEST_GROUP:
                    another = self._waiting.get_nowait()
                    if another is None:
                        last = True
                    else:
                        group.append(another)
            self._write_together(group)

    def _write_together(self, waiting: list[_Waiting]) -> None:
        results: list[tuple[Any, BaseException | None]] = []
        try:
            with self._errors(), self._group():
                for each in waiting:
                    try:
                        results.append((each.run(), None))
                    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                        results.append((None, error))
        except BaseException as failure:  # noqa: BLE001 - nothing of the group was kept, and all must learn of it
            results = [(None, error or failure) for _, error in results] or [(None, failure)] * len(waiting)
        told = [(each.done, *result) for each, result in zip(waiting, results, strict=True)]
        for loop in {done.get_loop() for done, _, _ in told}:
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_tell, [result for result in told if result[0].get_loop() is loop])

    @contextmanager
    def _group(self) -> Iterator[_Group]:
        """A transaction of this thread's, committed when the block ends."""
        with self._turn:
            if self._ended:
                raise sqlite3.OperationalError(CLOSED)
            self._direct.execute("BEGIN IMMEDIATE")
            self._open.group = group = _Group(self._connection, self._direct)
            try:
                yield group
                group.commit()
            finally:
                self._open.group = None
                if self._direct.in_transaction:
                    self._direct.execute("ROLLBACK")


def _tell(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for done, value, error in results:
        if done.done():
            continue  # whoever waited was cancelled
        if error is None:
            done.set_result(value)
        elif isinstance(error, StopIteration):  # no future takes one, and the others would never be told
            done.set_exception(RuntimeError("a write raised StopIteration"))
        else:
            done.set_exception(error)
