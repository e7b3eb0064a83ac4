"""PostgreSQL: the data stays where it is, the passes run there, only breaks travel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from airflow_provider_paygate.reconciliation.dialects import SOURCE, carried
from airflow_provider_paygate.reconciliation.errors import CannotReconcile, ConnectionLost
from airflow_provider_paygate.reconciliation.normalise import check_kinds, flaw_counts, normalising_select, refusal
from airflow_provider_paygate.reconciliation.reading import first_line
from airflow_provider_paygate.reconciliation.relations import relation_of, source_of
from airflow_provider_paygate.reconciliation.sides import Kind, Role, Side, TableSide

_BATCH = 10_000
# pg_type.oid of the types that columns may have; fixed since PostgreSQL 7.
_KINDS: dict[int, Kind] = {
    **dict.fromkeys((25, 1042, 1043, 19, 2950), "text"),
    **dict.fromkeys((20, 21, 23), "integer"),
    **dict.fromkeys((700, 701), "float"),
    1700: "decimal",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
}


class PostgresExecutor:
    """Runs the passes over a DB-API connection to PostgreSQL (psycopg 3 or 2), in temporary tables.

    The connection stays open and is the caller's. Work happens in its current transaction, which is rolled back at the
    end: nothing of the reconciliation is left in the database.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._kept: list[tuple[str, str]] = []

    def read(self, side: Side, role: Role) -> None:
        if not isinstance(side, TableSide):
            raise CannotReconcile(f"{side.path}: in PostgreSQL both sides must be tables or queries there, not files")
        relation = relation_of(side, role, self._columns(side))
        check_kinds(relation)
        source, relation = relation.source, replace(relation, source=SOURCE)
        query, advice = flaw_counts(relation, role)
        if reason := refusal(side.label, role, next(iter(self._fetch(query, side.label, source))), advice):
            raise reason
        self._store(f"recon_{role}", normalising_select(relation, role), source)

    def keep(self, name: str, query: str) -> None:
        self._store(name, query)

    def define(self, name: str, query: str) -> None:
        self._execute(f"CREATE TEMPORARY VIEW {name} AS {carried(query, 'postgres')}", f"the pass {name}")
        self._kept.append(("VIEW", name))

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        return self._fetch(query, "a pass")

    def close(self) -> None:
        with suppress(Exception):
            self._connection.rollback()
            # A connection that commits every statement by itself has nothing to roll back.
            for kind, name in reversed(self._kept):
                self._connection.cursor().execute(f"DROP {kind} IF EXISTS pg_temp.{name}")
            self._connection.rollback()
        self._kept.clear()

    def _columns(self, side: TableSide) -> list[tuple[str, Kind]]:
        with closing(self._connection.cursor()) as cursor:
            self._run(cursor, f"SELECT * FROM {source_of(side)} LIMIT 0", side.label)
            return [(column[0], _KINDS.get(column[1], "other")) for column in cursor.description]

    def _store(self, name: str, query: str, source: str = "") -> None:
        self._execute(f"CREATE TEMPORARY TABLE {name} AS {carried(query, 'postgres', source)}", f"the pass {name}")
        # Without figures on a temporary table the planner guesses, and guesses nested loops.
        self._execute(f"ANALYZE {name}", f"the pass {name}")
        self._kept.append(("TABLE", name))

    def _execute(self, statement: str, what: str) -> None:
        with closing(self._connection.cursor()) as cursor:
            self._run(cursor, statement, what)

    def _fetch(self, query: str, what: str, source: str = "") -> Iterator[Sequence[Any]]:
        with closing(self._connection.cursor()) as cursor:
            self._run(cursor, carried(query, "postgres", source), what)
            while batch := cursor.fetchmany(_BATCH):
                yield from batch

    def _run(self, cursor: Any, statement: str, what: str) -> None:
        try:
            cursor.execute(statement)
        except Exception as error:
            if not type(error).__module__.startswith(("psycopg", "pg8000", "sqlalchemy")):
                raise
            kind = ConnectionLost if self._connection.closed else CannotReconcile
            raise kind(f"{what} failed in PostgreSQL: {first_line(error)}") from None
