"""Tables appear on first use, in any number of processes at once; commits are durable; times are the database's."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import Database, database
from airflow_provider_paygate.database.engine import configured_url
from airflow_provider_paygate.database.migrations import VERSION_TABLE
from airflow_provider_paygate.database.schema import metadata
from tests.conftest import forget_process
from tests.processes import at_once


def tables(books: Database) -> set[str]:
    from sqlalchemy import inspect

    return set(inspect(books.engine).get_table_names())


def first_use() -> float:
    with database().read() as connection:
        return database().now(connection)


@pytest.fixture
def new_books(any_books: str, books: Path) -> str:
    """Nothing there yet, not even tables."""
    if any_books == "sqlite":
        books.unlink()
    return any_books


def test_many_processes_make_the_tables_at_once(new_books: str) -> None:
    told = at_once([first_use] * 6)
    assert all(isinstance(now, float) for now in told), told
    assert set(metadata.tables) | {VERSION_TABLE} == tables(database())
    assert all(name.startswith("paygate_") for name in tables(database()))


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(new_books: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    first_use()
    with database().read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": new_books == "postgres"}
        )
        assert compare_metadata(context, metadata) == []


def test_the_clock_is_the_databases(any_books: str) -> None:
    assert abs(first_use() - time.time()) < 5


def test_a_database_of_a_newer_version_is_left_alone(any_books: str) -> None:
    first_use()
    with database().begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    forget_process()
    with pytest.raises(errors.InvalidRequest, match="newer"):
        first_use()


def test_sqlite_survives_a_power_cut(books: Path) -> None:
    with database().begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_writer_that_does_not_end_is_an_outage_before_anything_is_sent(
    books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_paygate.database import engine

    monkeypatch.setattr(engine, "LOCK_WAIT_SECONDS", 0.1)
    other = sqlite3.connect(books, isolation_level=None)
    database()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.NotSent, match="locked"), database().begin():
        pass
    first_use()  # readers wait for nobody
    other.execute("ROLLBACK")
    with database().begin():
        pass


def test_a_file_that_is_no_database_is_an_outage(books: Path) -> None:
    books.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(errors.NotSent):
        first_use()


def test_the_default_is_in_airflows_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home with spaces"))
    assert configured_url().database == str(tmp_path / "home with spaces" / "paygate.db")
    first_use()
    assert (tmp_path / "home with spaces" / "paygate.db").exists()


@pytest.mark.parametrize(("setting", "driver"), [
    ("postgres://u:p@h/d", "postgresql+psycopg"), ("postgresql://u:p@h/d", "postgresql+psycopg"),
    ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg"), ("sqlite:////tmp/x.db", "sqlite"),
])  # fmt: skip
def test_urls_get_the_driver_that_is_installed(monkeypatch: pytest.MonkeyPatch, setting: str, driver: str) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", setting)
    assert configured_url().drivername == driver


def test_a_database_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "postgresql://u:hunter22@127.0.0.1:1/d?sslpassword=hunter33")
    with pytest.raises(errors.NotSent) as raised:
        first_use()
    assert "hunter" not in str(raised.value)


def test_an_airflow_connection_keeps_its_tls_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "conn:books")
    monkeypatch.setenv(
        "AIRFLOW_CONN_BOOKS", "postgres://u:p%40ss@db:5433/d?sslmode=verify-full&sslrootcert=%2Fca.pem&cursor=x"
    )
    url = configured_url()
    assert (url.drivername, url.username, url.password, url.host, url.port, url.database) == (
        "postgresql+psycopg", "u", "p@ss", "db", 5433, "d",
    )  # fmt: skip
    assert dict(url.query) == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}


def test_a_connection_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "conn:no_such_books")
    with pytest.raises(Exception, match="no_such_books"):
        configured_url()


def test_reading_holds_nobody_up(any_books: str) -> None:
    def write(connection: Any) -> None:
        connection.exec_driver_sql("INSERT INTO paygate_tokens (token_key, version) VALUES ('k', 0)")

    first_use()
    with database().read() as reader:
        reader.exec_driver_sql("SELECT * FROM paygate_tokens").fetchall()
        with database().begin() as writer:
            write(writer)
