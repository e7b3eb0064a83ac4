"""Sides of a reconciliation that are queries over Airflow connections: compared where they lie, or fetched."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_paygate.exceptions import InvalidRequest
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
        with closing(database_of(self.conn_id)) as database, open(path, "w", encoding="utf-8", newline="") as stream:
            names, rows = database.fetched(self.sql, self.label)
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


class Database(Protocol):
    """Where queries of one Airflow connection run. Failures that no retry mends are raised as CannotReconcile."""

    def fetched(self, sql: str, label: str) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """The names of a query's columns, and its rows, of which few are held at a time."""

    def executor(self) -> Executor | None:
        """What reconciles inside of it, where its dialect is one that the passes are carried to."""

    def close(self) -> None:
        """Let go of the connection."""


def where_they_lie(
    queries: Mapping[str, Query], columns: Mapping[str, Mapping[str, str]], stack: ExitStack
) -> tuple[dict[str, Side], Executor] | None:
    """The sides in their own database, and what compares them there, when all are queries of one connection to one
    that can."""
    if len({query.conn_id for query in queries.values()}) != 1:
        return None
    database = database_of(next(iter(queries.values())).conn_id)
    executor = database.executor()
    if executor is None:
        database.close()
        return None
    stack.callback(database.close)
    return {role: TableSide(query.sql, columns[role], query.label) for role, query in queries.items()}, executor


def database_of(conn_id: str) -> Database:
    """What an Airflow connection's own hook leads to. Raises InvalidRequest when that is no database."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

    try:
        hook: Any = BaseHook.get_hook(conn_id)
    except AirflowNotFoundException:
        raise InvalidRequest(f"Airflow has no connection {conn_id!r}", operation="reconcile") from None
    except AirflowException as error:
        if "Unknown hook type" not in str(error):
            raise
        raise InvalidRequest(f"{conn_id!r}: {error}; is its provider installed?", operation="reconcile") from None
    if getattr(hook, "conn_type", None) == "spark_connect":
        return SparkConnect(hook.get_connection_url())
    try:
        connection = hook.get_conn() if hasattr(hook, "get_conn") else None
    except NotImplementedError:  # what Airflow's hooks have instead of none
        connection = None
    if not hasattr(connection, "cursor"):
        raise InvalidRequest(f"{conn_id!r} is no connection to a database", operation="reconcile")
    return DbApi(connection)


class DbApi:
    """A DB-API connection of an Airflow database hook."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._is_postgres = type(connection).__module__.startswith("psycopg")

    def fetched(self, sql: str, label: str) -> tuple[list[str], Iterator[Sequence[Any]]]:
        cursor = self._cursor()
        try:
            cursor.execute(sql)
            first = cursor.fetchmany(CHUNK)
        except Exception as error:
            if not any(kind.__name__ == "ProgrammingError" for kind in type(error).__mro__):
                raise  # an outage, which a retry may find over
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CannotReconcile(f"{label} failed: {reason}") from None
        names = [described[0] for described in cursor.description or ()]

        def rows() -> Iterator[Sequence[Any]]:
            chunk = first
            while chunk:
                yield from chunk
                chunk = cursor.fetchmany(CHUNK)

        return names, rows()

    def executor(self) -> Executor | None:
        if not self._is_postgres:
            return None
        from airflow_provider_paygate.reconciliation.executors.postgres import PostgresExecutor

        return PostgresExecutor(self._connection)

    def close(self) -> None:
        self._connection.close()

    def _cursor(self) -> Any:
        """A cursor that leaves the rows at the server until they are fetched, where plain ones do not."""
        if self._is_postgres and not self._connection.autocommit:
            return self._connection.cursor("paygate_reconcile")
        return self._connection.cursor()


class SparkConnect:
    """A Spark session of our own behind a Spark Connect server.

    :param url: as `SparkConnectHook.get_connection_url()` gives it; it may hold a token.
    """

    def __init__(self, url: str) -> None:
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise CannotReconcile(
                "a Spark connection needs PySpark: pip install 'airflow-provider-paygate[spark]'"
            ) from None
        from airflow_provider_paygate.reconciliation.executors.spark import spark_errors

        with spark_errors("the session"):
            self._session = SparkSession.builder.remote(url).create()

    def fetched(self, sql: str, label: str) -> tuple[list[str], Iterator[Sequence[Any]]]:
        from airflow_provider_paygate.reconciliation.executors.spark import spark_errors

        with spark_errors(label):
            self._session.conf.set("spark.sql.session.timeZone", "UTC")
            frame = self._session.sql(sql)
            kinds = [field.dataType.typeName() for field in frame.schema.fields]
            # By number, for a query may name two columns alike. A moment comes as text: as a datetime it would come
            # in this machine's local time and without saying so.
            numbered = frame.toDF(*(f"c{place}" for place in range(len(kinds))))
            wanted = [
                f"date_format(c{place}, \"yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'\")" if kind == "timestamp" else f"c{place}"
                for place, kind in enumerate(kinds)
            ]

        def rows() -> Iterator[Sequence[Any]]:
            with spark_errors(label):
                yield from numbered.selectExpr(*wanted).toLocalIterator()

        return list(frame.columns), rows()

    def executor(self) -> Executor:
        from airflow_provider_paygate.reconciliation.executors.spark import SparkExecutor

        return SparkExecutor(self._session)

    def close(self) -> None:
        self._session.stop()


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
