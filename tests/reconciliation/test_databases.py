"""The same passes in PostgreSQL and over DuckDB tables give the same answer as over files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_paygate.reconciliation import (
    CannotReconcile,
    FileSide,
    Result,
    Settings,
    TableSide,
    reconcile,
)
from airflow_provider_paygate.reconciliation.dialects import carried
from airflow_provider_paygate.reconciliation.executors.duckdb import DuckDBExecutor
from airflow_provider_paygate.reconciliation.executors.postgres import PostgresExecutor
from tests.conftest import REQUIRED
from tests.reconciliation.conftest import BANK
from tests.reconciliation.planted import AS_OF

AT = Settings(as_of=AS_OF)


@pytest.fixture
def postgres() -> Iterator[Any]:
    psycopg = pytest.importorskip("psycopg")
    host = os.environ.get(
        "PAYGATE_TEST_POSTGRES", "host=127.0.0.1 port=5432 user=postgres dbname=test connect_timeout=3"
    )
    try:
        connection = psycopg.connect(host)
    except psycopg.OperationalError as error:
        if REQUIRED:
            raise
        pytest.skip(f"no PostgreSQL answers: {error}")
    with connection:
        yield connection


def same(result: Result, expected: Result) -> None:
    assert result.breaks == expected.breaks
    assert replace(result, labels=expected.labels).html() == expected.html()


def test_duckdb_tables(typed: dict[str, Path], from_files: Result) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        for name, path in typed.items():
            connection.execute(f"CREATE TABLE {name} AS FROM '{path}'")
        executor = DuckDBExecutor(connection)
        same(reconcile(*map(TableSide, ("ledger", "FROM gateway", BANK)), settings=AT, where=executor), from_files)
        executor.close()

        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("Asia/Kolkata",)
        assert sorted(row[0] for row in connection.execute("SHOW TABLES").fetchall()) == ["bank", "gateway", "ledger"]


def test_postgres(postgres: Any, typed: dict[str, Path], from_files: Result) -> None:
    for name in ("ledger", "gateway"):
        load_postgres(postgres, name, typed[name])
    postgres.commit()
    executor = PostgresExecutor(postgres)
    same(reconcile(*map(TableSide, ("ledger", "SELECT * FROM gateway", BANK)), settings=AT, where=executor), from_files)
    executor.close()

    left = postgres.execute("SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'recon\\_%'").fetchone()
    assert left == (0,)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 'A' AS reference, 0.5::float8 AS amount", "amount is a floating-point column"),
        ("SELECT 'A' AS reference, '5' AS amount", "the type of amount cannot be read as an amount: make it DECIMAL"),
        ("SELECT 'A' AS reference, 1.00001 AS amount", "1 row of the ledger: amount has more than 14 digits"),
        ("SELECT ' ' AS reference, 1 AS amount", "1 row of the ledger: no reference"),
        ("SELECT 'A' AS id, 1 AS amount", "no column reference"),
        ("SELECT nonsense", 'failed in PostgreSQL: column "nonsense" does not exist'),
    ],
)
def test_postgres_says_what_is_wrong(postgres: Any, query: str, reason: str) -> None:
    executor = PostgresExecutor(postgres)
    with pytest.raises(CannotReconcile, match=reason.replace("(", r"\(")):
        reconcile(TableSide(query), TableSide("SELECT 'A' AS reference, 1 AS amount"), where=executor)
    executor.close()


def test_files_stay_with_duckdb(postgres: Any) -> None:
    with pytest.raises(CannotReconcile, match="not files"):
        reconcile(FileSide("l.csv"), FileSide("g.csv"), where=PostgresExecutor(postgres))


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_sql_keeps_decimals_when_it_is_carried(dialect: str) -> None:
    query = carried("SELECT CAST(a AS DECIMAL(18, 4)) AS a FROM t", dialect)

    assert "DECIMAL(18, 4)" in query


def load_postgres(connection: Any, name: str, path: Path) -> None:
    types = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz"}
    with duckdb.connect() as source:
        source.execute("SET TimeZone = 'UTC'")
        described = source.execute(f"DESCRIBE FROM '{path}'").fetchall()
        columns = ", ".join(f"{row[0]} {types.get(row[1], row[1])}" for row in described)
        connection.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
        csv = path.with_suffix(".copy.csv")
        source.execute(f"COPY (FROM '{path}') TO '{csv}' (HEADER)")
    with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv, HEADER)") as copy:
        copy.write(csv.read_bytes())
