"""Moving the schema forward: Alembic, with a version table of our own, one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

log = logging.getLogger(__name__)

HEAD = "0004"
VERSION_TABLE = "paygate_alembic_version"
_LOCK = 0x70617967  # "payg": the advisory lock under which PostgreSQL migrates


def upgrade(engine: Engine) -> bool:
    """Bring the tables to :data:`HEAD`; True when there was something to do. Safe in any number of processes at once.

    Raises RuntimeError when the database was written by a newer version of this package.
    """
    with engine.connect().execution_options(paygate_read=True) as connection:
        if _version(connection) == HEAD:
            return False
    # SQLite: BEGIN IMMEDIATE lets one in and keeps the others waiting. PostgreSQL: the advisory lock does.
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        version = _version(connection)
        if version == HEAD:
            return False
        _refuse_newer(version)
        with _quiet():
            _run_alembic(connection)
        log.info(
            "paygate database: tables made, version %s" if version is None else "paygate database: now at %s", HEAD
        )
        return True


def _version(connection: Connection) -> str | None:
    from sqlalchemy import inspect

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return version


def _refuse_newer(version: str | None) -> None:
    from airflow_provider_paygate.exceptions import InvalidRequest

    if version is not None and version > HEAD:
        raise InvalidRequest(
            f"The paygate database is at version {version} and this package knows up to {HEAD}: "
            "install the newer airflow-provider-paygate on this machine too"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Alembic tells every step to whoever listens, here a task's log that somebody reads for something else."""
    alembic = logging.getLogger("alembic.runtime.migration")
    level = alembic.level
    alembic.setLevel(logging.WARNING)
    try:
        yield
    finally:
        alembic.setLevel(level)


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
