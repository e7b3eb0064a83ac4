"""DuckDB inside this process: for files, and for whatever else a DuckDB connection can see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.flaws import reason_for
from airflow_provider_paygate.reconciliation.normalise import check_kinds, flaws, normalising_select, out_of_time
from airflow_provider_paygate.reconciliation.reading import duckdb_kind, first_line, mixes_line_ends, open_file, quoted
from airflow_provider_paygate.reconciliation.relations import relation_of, source_of
from airflow_provider_paygate.reconciliation.sides import FileSide, Relation, Role, Side, TableSide

if TYPE_CHECKING:
    import duckdb

_BATCH = 10_000


class DuckDBExecutor:
    """Runs the passes in DuckDB.

    With `connection`, tables of that connection can be sides too; it is left open, with its settings changed back.
    `memory_limit` as DuckDB writes it ("700MB"); beyond it, rows go to a temporary folder.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection | None = None,
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
    ) -> None:
        try:
            import duckdb
        except ImportError:
            raise CannotReconcile(
                "reconciling files needs DuckDB: pip install 'airflow-provider-paygate[recon]'"
            ) from None
        self._error = duckdb.Error
        self._spill = tempfile.TemporaryDirectory(prefix="paygate-reconcile-")
        self._own = connection is None
        self._connection = connection if connection is not None else duckdb.connect(":memory:")
        self._kept: list[tuple[str, str]] = []
        settings = {"TimeZone": "UTC", "preserve_insertion_order": False}
        if self._own:
            settings |= {"temp_directory": self._spill.name}
            settings |= {"memory_limit": memory_limit} if memory_limit else {}
            settings |= {"threads": threads} if threads else {}
        self._before = {name: self._setting(name) for name in settings}
        for name, value in settings.items():
            self._set(name, value)

    def read(self, side: Side, role: Role) -> None:
        relation = self._relation(side, role)
        check_kinds(relation)
        try:
            self._refuse_flaws(relation, role)
            try:
                self._store(f"recon_{role}", normalising_select(relation, role))
            except self._error:
                # DuckDB refuses a file that mixes LF and CRLF. Rare, so only then is it copied.
                if not relation.is_file or not mixes_line_ends(relation.label):
                    raise
                self._store(f"recon_{role}", normalising_select(self._with_even_lines(relation), role))
            if relation.is_file and self._is(out_of_time(f"recon_{role}")):
                raise reason_for(self._connection, relation, role, ValueError("a date cannot be used"))
        except self._error as error:
            raise reason_for(self._connection, relation, role, error) from None

    def keep(self, name: str, query: str) -> None:
        try:
            self._store(name, query)
        except self._error as error:
            raise CannotReconcile(f"the pass {name} failed: {first_line(error)}") from None

    def define(self, name: str, query: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
        self._kept.append(("VIEW", name))

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        try:
            answer = self._connection.execute(query)
            while batch := answer.fetchmany(_BATCH):
                yield from batch
        except self._error as error:
            raise CannotReconcile(f"a pass failed: {first_line(error)}") from None

    def close(self) -> None:
        if self._own:
            self._connection.close()
        else:
            for kind, name in reversed(self._kept):
                with suppress(self._error):
                    self._connection.execute(f"DROP {kind} IF EXISTS {name}")
            for name, value in self._before.items():
                self._set(name, value)
        self._spill.cleanup()

    def _relation(self, side: Side, role: Role) -> Relation:
        if isinstance(side, FileSide):
            return open_file(self._connection, side, role)
        return self._table(side, role)

    def _with_even_lines(self, relation: Relation) -> Relation:
        copy = Path(self._spill.name, f"{len(self._kept)}.csv")
        with open(relation.label, encoding="utf-8", newline=None) as lines, open(copy, "w", encoding="utf-8") as even:
            even.writelines(lines)
        return replace(relation, source=relation.source.replace(quoted(relation.label), quoted(str(copy)), 1))

    def _table(self, side: TableSide, role: Role) -> Relation:
        source = source_of(side)
        try:
            described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        except self._error as error:
            raise CannotReconcile(f"{side.label}: {first_line(error)}") from None
        return relation_of(side, role, [(row[0], duckdb_kind(row[1])) for row in described])

    def _refuse_flaws(self, relation: Relation, role: Role) -> None:
        """Ask beforehand for flaws that do not stop the read by themselves."""
        silent = {
            name for name, column in relation.columns.items() if column.more_than_four_places or not relation.is_file
        }
        wrong = " OR ".join(f"({condition})" for name, condition, _ in flaws(relation, role) if name in silent)
        if wrong and self._is(f"SELECT COUNT(*) > 0 AS wrong FROM {relation.source} WHERE {wrong}"):
            raise reason_for(self._connection, relation, role, ValueError("a row cannot be used"))

    def _store(self, name: str, query: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        self._kept.append(("TABLE", name))

    def _is(self, query: str) -> bool:
        row = self._connection.execute(query).fetchone()
        return row is not None and bool(row[0])

    def _setting(self, name: str) -> Any:
        row = self._connection.execute(f"SELECT current_setting('{name}')").fetchone()
        return row[0] if row else None

    def _set(self, name: str, value: Any) -> None:
        shown = str(value).lower() if isinstance(value, bool | int) else "'" + str(value).replace("'", "''") + "'"
        self._connection.execute(f"SET {name} = {shown}")
