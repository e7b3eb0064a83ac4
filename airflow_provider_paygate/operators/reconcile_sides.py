"""Where the sides of `PaygateReconcileOperator` come from: files, object storage, queries over Airflow connections."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError
from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.sides import FileSide, TableSide, check_required, found_columns

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.executors import Executor
    from airflow_provider_paygate.reconciliation.sides import Side

CHUNK = 5000


@dataclass(frozen=True)
class Query:
    """A side that is a query over an Airflow connection."""

    role: Any
    sql: str = field(repr=False)
    conn_id: str

    @classmethod
    def of(cls, role: str, side: Any) -> Query | None:
        """The query that a side is, if it is one."""
        if not isinstance(side, Mapping) or "sql" not in side:
            return None
        sql, conn_id = side["sql"], side.get("conn_id")
        further = sorted(set(side) - {"sql", "conn_id"})
        if further or not all(isinstance(text, str) and text.strip() for text in (sql, conn_id)):
            raise CannotReconcile(f'{role}: give a query as {{"sql": "SELECT …", "conn_id": "<connection id>"}}')
        return cls(role, sql.strip().rstrip(";"), str(conn_id).strip())

    @property
    def label(self) -> str:
        """What the report and messages call it."""
        return f"{self.role} query on {self.conn_id}"

    def fetched(self, columns: Mapping[str, str], folder: str) -> FileSide:
        """The rows in a CSV file of our columns, fetched and written a chunk at a time."""
        path = os.path.join(folder, re.sub(r"[^\w. -]", "_", self.label) + ".csv")
        with closing(connected(self.conn_id)) as connection, open(path, "w", encoding="utf-8", newline="") as stream:
            names, rows = self._run(connection)
            places = found_columns(self.label, names, columns)
            check_required(self.label, self.role, places, names)
            places.pop("beneficiary", None)  # never read, so it does not travel
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(places)
            for number, row in enumerate(rows, start=1):
                writer.writerow(
                    [_cell(row[place], f"{self.label}, row {number}", ours) for ours, place in places.items()]
                )
        return FileSide(path)

    def _run(self, connection: Any) -> tuple[list[str], Iterator[Sequence[Any]]]:
        cursor = _cursor(connection)
        try:
            cursor.execute(self.sql)
            first = cursor.fetchmany(CHUNK)
        except Exception as error:
            if not any(kind.__name__ == "ProgrammingError" for kind in type(error).__mro__):
                raise  # an outage, which a retry may find over
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CannotReconcile(f"{self.label} failed: {reason}") from None
        names = [described[0] for described in cursor.description or ()]

        def rows() -> Iterator[Sequence[Any]]:
            chunk = first
            while chunk:
                yield from chunk
                chunk = cursor.fetchmany(CHUNK)

        return names, rows()


def in_postgres(
    queries: Mapping[str, Query], columns: Mapping[str, Mapping[str, str]], stack: ExitStack
) -> tuple[dict[str, Side], Executor] | None:
    """The sides where they lie, and what compares them there, when all are queries of one PostgreSQL connection."""
    if len({query.conn_id for query in queries.values()}) != 1:
        return None
    connection = connected(next(iter(queries.values())).conn_id)
    if not _is_postgres(connection):
        connection.close()
        return None
    stack.callback(connection.close)
    from airflow_provider_paygate.reconciliation.executors.postgres import PostgresExecutor

    class Here(PostgresExecutor):
        def _run(self, cursor: Any, statement: str, what: str) -> None:
            try:
                super()._run(cursor, statement, what)
            except CannotReconcile as error:
                if connection.closed:  # an outage, which a retry may find over
                    raise PaygateError(str(error), operation="reconcile") from None
                raise

    sides: dict[str, Side] = {role: TableSide(query.sql, columns[role], query.label) for role, query in queries.items()}
    return sides, Here(connection)


def connected(conn_id: str) -> Any:
    """A DB-API connection of an Airflow connection's own hook. Raises InvalidRequest when there is no such thing."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        hook: Any = BaseHook.get_hook(conn_id)
    except AirflowNotFoundException:
        raise InvalidRequest(f"Airflow has no connection {conn_id!r}", operation="reconcile") from None
    if not hasattr(hook, "get_conn"):
        raise InvalidRequest(f"{conn_id!r} is no connection to a database", operation="reconcile")
    return hook.get_conn()


def side_of(role: str, side: Any, columns: Mapping[str, str], date_format: str | None, folder: str) -> FileSide:
    """A file: one that lies elsewhere is copied to `folder`; the output of a report task names its path."""
    path = side.get("path") if isinstance(side, Mapping) else os.fspath(side) if hasattr(side, "__fspath__") else side
    if "://" in str(path):
        path = str(path)
        copy = os.path.join(folder, role)
        os.mkdir(copy)
        copy = os.path.join(copy, path.rstrip("/").rsplit("/", 1)[-1].partition("?")[0])
        with _opened(path, "rb") as source, open(copy, "wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
        return FileSide(copy, columns, date_format)
    if not isinstance(path, str) or not path.strip():
        raise CannotReconcile(
            f'{role}: give a path, journal:<connection id>, or {{"sql": "SELECT …", "conn_id": "<connection id>"}}'
        )
    return FileSide(path, columns, date_format)


def put(draft: str, path: str) -> None:
    """Bring a finished file to its place, local or wherever ObjectStoragePath reaches."""
    if "://" in path:
        with open(draft, "rb") as source, _opened(path, "wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
        return
    beside = os.path.join(os.path.dirname(os.path.abspath(path)), f".{os.path.basename(path)}.{os.getpid()}")
    try:
        shutil.copyfile(draft, beside)
        os.replace(beside, path)
    except OSError as error:
        raise CannotReconcile(f"{path}: cannot be written: {error.strerror or error}") from None


def _opened(path: str, mode: str) -> Any:
    from airflow_provider_paygate.payouts.rows import opened

    try:
        return opened(path, mode)
    except (ImportError, ValueError) as error:  # a scheme that nothing is installed for
        raise CannotReconcile(f"{path}: cannot be opened: {error}") from None


def _is_postgres(connection: Any) -> bool:
    return type(connection).__module__.startswith("psycopg")


def _cursor(connection: Any) -> Any:
    """A cursor that leaves the rows at the server until they are fetched, where plain ones do not."""
    if _is_postgres(connection) and not connection.autocommit:
        return connection.cursor("paygate_reconcile")
    return connection.cursor()


def _cell(value: Any, where: str, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        raise CannotReconcile(
            f"{where}: {column} is a floating-point number, which is inexact; cast it to DECIMAL or text"
        )
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):  # datetimes are dates
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
