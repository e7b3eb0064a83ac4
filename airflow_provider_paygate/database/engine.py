"""Opening the database: durable commits, the database's own clock, tables on first use."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_paygate.exceptions import InvalidRequest, NotSent

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

T = TypeVar("T")
LOCK_WAIT_SECONDS = 30
# What of an Airflow connection's extras goes on to PostgreSQL: a connection that demands TLS must not lose that here.
LIBPQ = ("ssl", "options", "connect_timeout", "keepalives", "application_name", "target_session_attrs", "gssencmode")


class DatabaseUnavailable(NotSent):
    """The paygate database cannot be used now: locked, full, gone. Raised before anything is sent."""


class Database:
    """One open paygate database.

    :param url: its SQLAlchemy URL.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        shown = url.difference_update_query(["password", "sslpassword"])
        self.shown = shown.render_as_string(hide_password=True)
        self.engine = _sqlite(url) if self.is_sqlite else _server(url)
        self._ready = False
        self._file: int | None = None
        self._lock = threading.Lock()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction, durable when the block ends. On SQLite it holds the write lock from its first moment.

        Raises :class:`DatabaseUnavailable` for whatever the database itself refuses.
        """
        with self._errors():
            self.ensure_schema()
            with self.engine.begin() as connection:
                yield connection

    async def written(self, run: Callable[[], T]) -> T:
        """What `run` gives, which is one transaction, done off the event loop."""
        import asyncio

        return await asyncio.to_thread(run)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; never waits for a writer on SQLite."""
        with self._errors():
            self.ensure_schema()
            with self.engine.connect().execution_options(paygate_read=True) as connection:
                yield connection

    def now(self, connection: Connection) -> float:
        """The database's clock, in seconds since 1970."""
        seconds: float = connection.exec_driver_sql(SQLITE_NOW if self.is_sqlite else SERVER_NOW).scalar_one()
        return seconds

    def ensure_schema(self) -> None:
        """Make or move forward the tables, once per process; any number of processes may do so at once."""
        if self._ready:
            return
        from airflow_provider_paygate.database.migrations import upgrade

        with self._lock:
            if not self._ready:
                with self._errors():
                    upgrade(self.engine)
                self._file = self._inode()
                self._ready = True

    @property
    def is_gone(self) -> bool:
        """Whether the SQLite file was deleted or replaced since it was opened: what is written now nobody would ever read."""
        return self.is_sqlite and self._ready and self._file != self._inode()

    def _inode(self) -> int | None:
        try:
            return os.stat(self.url.database or "").st_ino if self.is_sqlite else None
        except OSError:
            return None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

        try:
            yield
        except IntegrityError:
            raise  # a broken uniqueness is an answer, not an outage; its callers expect it
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            reason = " ".join(str(cause).split())[:200]
            raise DatabaseUnavailable(
                f"The paygate database ({self.shown}) did not do what was asked: {reason}. "
                "See [paygate] database; nothing is sent without it.",
                operation="database",
            ) from None


# SQLite before 3.42 knows no unixepoch('subsec'); julianday is good to the millisecond.
SQLITE_NOW = "SELECT (julianday('now') - 2440587.5) * 86400.0"
SERVER_NOW = "SELECT extract(epoch from clock_timestamp())::double precision"

_open: dict[tuple[int, str], Database] = {}
_open_lock = threading.Lock()


def database() -> Database:
    """The configured database, opened once per process (a forked child opens its own)."""
    url = configured_url()
    key = (os.getpid(), url.render_as_string(hide_password=False))
    with _open_lock:
        known = _open.get(key)
        if known is not None and known.is_gone:
            known.engine.dispose()
            known = None
        if known is None:
            known = _open[key] = Database(url)
        return known


def configured_url() -> URL:
    """The URL that ``[paygate] database`` comes to. Raises InvalidRequest for a kind of database that is not served."""
    from airflow.providers.common.compat.sdk import conf
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    setting = (conf.get("paygate", "database", fallback="") or "").strip()
    if not setting:
        home = os.path.expanduser(os.environ.get("AIRFLOW_HOME", "~/airflow"))
        return make_url("sqlite:///" + os.path.join(home, "paygate.db"))
    try:
        url = (
            _url_of_connection(setting.removeprefix("conn:").strip())
            if setting.startswith("conn:")
            else make_url(setting)
        )
    except ArgumentError:
        raise InvalidRequest("[paygate] database is neither a SQLAlchemy URL nor conn:<connection id>") from None
    return _with_driver(url)


def _url_of_connection(conn_id: str) -> URL:
    from airflow.providers.common.compat.sdk import BaseHook
    from sqlalchemy.engine import URL, make_url

    connection = BaseHook.get_connection(conn_id)
    if connection.conn_type == "sqlite":
        return make_url(f"sqlite:///{connection.host or connection.schema}")
    return URL.create(
        connection.conn_type or "",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in connection.extra_dejson.items() if name.startswith(LIBPQ)},
    )


def _with_driver(url: URL) -> URL:
    import sqlalchemy

    scheme = url.drivername
    if scheme in {"postgres", "postgresql"}:
        # psycopg 3 came with SQLAlchemy 2; Airflow 2.11 has 1.4, and psycopg2 with it.
        return url.set(drivername="postgresql+psycopg" if sqlalchemy.__version__ >= "2" else "postgresql+psycopg2")
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise InvalidRequest("[paygate] database must be a file: a journal in memory forgets what was paid")
        return url
    if url.get_backend_name() != "postgresql":
        raise InvalidRequest(
            f"[paygate] database is {url.get_backend_name()}; paygate keeps its books in SQLite or PostgreSQL"
        )
    return url


def _sqlite(url: URL) -> Engine:
    import sqlalchemy
    from sqlalchemy import event
    from sqlalchemy.pool import QueuePool

    os.makedirs(os.path.dirname(os.path.abspath(str(url.database))), exist_ok=True)
    engine = sqlalchemy.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=64,
        pool_timeout=LOCK_WAIT_SECONDS,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # our own BEGIN below, so that a write transaction never starts as a read
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("paygate_grouped"):  # a group begins and commits for itself
            connection.exec_driver_sql("BEGIN" if options.get("paygate_read") else "BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: Any) -> None:
    """Switch to WAL. SQLite answers a switch that meets another opener with "locked" without waiting; so we wait."""
    import time

    give_up = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _server(url: URL) -> Engine:
    import sqlalchemy

    return sqlalchemy.create_engine(
        url, pool_size=8, max_overflow=64, pool_pre_ping=True, pool_timeout=LOCK_WAIT_SECONDS, hide_parameters=True
    )
