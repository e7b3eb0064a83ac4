"""`PaygateReconcileOperator` over Airflow connections, through their own hooks: SQLite, and a PostgreSQL that answers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators import reconcile_queries
from airflow_provider_paygate.operators.reconcile import PaygateReconcileOperator
from airflow_provider_paygate.reconciliation.executors.postgres import PostgresExecutor
from tests.conftest import CANARY_ACCOUNT
from tests.operators.test_reconcile_operator import Events

GATEWAY = "reference,amount,currency,status\nA,100.00,INR,SUCCESS\n"
BOOKS = {"sql": "SELECT * FROM books;", "conn_id": "warehouse"}
REPORT = {"sql": "SELECT * FROM report", "conn_id": "warehouse"}


def run(ledger: Any, gateway: Any, context: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    given = {"as_of": "2026-01-15", "fail_on": (), **arguments}
    operator = PaygateReconcileOperator(task_id="reconcile", ledger=ledger, gateway=gateway, **given)
    return operator.execute(context or {})


@pytest.fixture
def gateway(tmp_path: Path) -> str:
    path = tmp_path / "g.csv"
    path.write_text(GATEWAY, encoding="utf-8")
    return str(path)


@pytest.fixture
def erp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection to a SQLite database with one order."""
    path = tmp_path / "erp.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id TEXT, value TEXT, currency TEXT, account TEXT, share REAL)")
        connection.execute("INSERT INTO orders VALUES ('A', '100.00', 'INR', ?, 0.5)", [CANARY_ACCOUNT])
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return "erp"


def test_a_query_is_a_side(erp: str, gateway: str) -> None:
    sql = "SELECT id AS reference, value, currency, account AS beneficiary FROM orders;"
    told = run({"sql": sql, "conn_id": erp}, gateway, ledger_columns={"amount": "value"})
    assert told["ledger"]["count"]["matched"] == 1


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT id AS reference FROM orders", "ledger query on erp: no column amount"),
        ("SELECT id AS reference, share AS amount FROM orders", "ledger query on erp, row 1: amount is a floating-point"),
        ("SELECT id AS reference, '' AS amount FROM orders", "ledger query on erp.csv:2: no amount"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_are_one_sentence(erp: str, gateway: str, sql: str, reason: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        run({"sql": sql, "conn_id": erp}, gateway)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        ({"conn_type": "paywize", "host": "http://127.0.0.1:9"}, "'other' is no connection to a database"),
        ({"conn_type": "spark", "host": "local"}, "'other' is no connection to a database"),
        ({"conn_type": "oracle9"}, "'other': Unknown hook type \"oracle9\"; is its provider installed?"),
    ],
)
def test_a_connection_to_something_else_is_one_sentence(
    connection: dict[str, Any], reason: str, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(connection))
    with pytest.raises(errors.InvalidRequest) as caught:
        run({"sql": "SELECT 1", "conn_id": "other"}, gateway)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


@pytest.fixture
def warehouse(postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a PostgreSQL schema with a ledger and a gateway's table of 20,000 rows that differ in three.

    Two Airflow connections lead to it, `warehouse` and `replica`.
    """
    import psycopg
    from sqlalchemy.engine import make_url

    url = make_url(postgres)
    connection = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": dict(url.query),
    }
    for name in ("WAREHOUSE", "REPLICA"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as making:
        making.execute(
            "CREATE TABLE books AS SELECT 'R' || n AS reference, n::numeric(12, 2) AS amount, 'INR' AS currency, "
            "timestamptz '2026-01-05 06:00Z' AS created_at, timestamptz '2026-01-05 20:00Z' AS settled_at "
            "FROM generate_series(1, 20000) AS n"
        )
        making.execute("CREATE TABLE report AS SELECT * FROM books WHERE reference <> 'R7'")
        making.execute("UPDATE report SET amount = amount + 1 WHERE reference IN ('R8', 'R9')")
    return plain


def open_sessions(url: str) -> int:
    """Sessions on the server, besides this one, that a reconciliation has left."""
    import psycopg

    query = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query ILIKE '%recon\\_%'"
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else 0


def test_two_queries_of_one_postgresql_connection_are_compared_there(
    warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = run(BOOKS, {**REPORT, "conn_id": "replica"})  # another connection: both travel
    monkeypatch.setattr(reconcile_queries.DbApi, "fetched", None)

    there = run(BOOKS, REPORT, {"outlet_events": Events()}, asset_alias="settled")
    assert there == fetched
    assert (there["by_class"]["amount_mismatch"], there["by_class"]["missing_at_gateway"]) == (2, 1)
    assert open_sessions(warehouse) == 0


def test_a_query_keeps_the_dialect_of_its_database(warehouse: str) -> None:
    """An integer divided, a regular expression that need not fit the whole, a name that stands twice, a comment."""
    ledger = {
        "sql": "SELECT reference, amount::int / 2 AS amount, 1 AS extra, 2 AS extra FROM books "
        "WHERE reference ~ '^R1[01]$' AND reference ~ '1' -- 10 / 2 and 11 / 2",
        "conn_id": "warehouse",
    }
    gateway = {
        "sql": "SELECT 'R' || n AS reference, 5 AS amount FROM generate_series(10, 11) AS n",
        "conn_id": "warehouse",
    }
    told = run(ledger, gateway)
    assert told["ledger"]["count"]["matched"] == 2
    assert told["ledger"]["sum"]["matched"] == "10.00"


def test_a_wrong_query_is_one_sentence(warehouse: str, gateway: str) -> None:
    nowhere = {"sql": "SELECT * FROM nowhere", "conn_id": "warehouse"}
    with pytest.raises(errors.InvalidRequest, match=r"^gateway query on warehouse failed: .*nowhere") as caught:
        run(gateway, nowhere)
    assert "\n" not in str(caught.value)
    with pytest.raises(errors.InvalidRequest, match=r"^gateway query on warehouse failed in PostgreSQL: .*nowhere"):
        run(BOOKS, nowhere)


def test_a_database_that_goes_away_may_be_asked_again(warehouse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    class Unlucky(PostgresExecutor):
        def keep(self, name: str, query: str) -> None:
            with psycopg.connect(warehouse) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [self._connection.info.backend_pid])
            super().keep(name, query)

    monkeypatch.setattr("airflow_provider_paygate.reconciliation.executors.postgres.PostgresExecutor", Unlucky)
    with pytest.raises(errors.PaygateError, match="failed in PostgreSQL") as caught:
        run(BOOKS, REPORT)
    assert not isinstance(caught.value, errors.Refused)
