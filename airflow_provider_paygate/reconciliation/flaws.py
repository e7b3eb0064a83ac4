"""Which line of a file stopped the read: the slow, exact search that runs only after a failure."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.normalise import flaw_counts, flaws, refusal
from airflow_provider_paygate.reconciliation.reading import file_format, first_line, json_row, numbered_lines
from airflow_provider_paygate.reconciliation.sides import Relation, Role

if TYPE_CHECKING:
    import duckdb


def reason_for(
    connection: duckdb.DuckDBPyConnection, relation: Relation, role: Role, error: Exception
) -> CannotReconcile:
    """The failure as one line with file and line number."""
    import duckdb

    path = relation.label
    if not relation.is_file:
        return _without_line(connection, relation, role, error)
    if placed := re.search(r"CSV Error on Line: (\d+)", str(error)):
        return CannotReconcile(f"{path}:{placed[1]}: {_csv_reason(str(error))}")
    if file_format(path) == "jsonl" and (reason := _bad_json(path)):
        return reason
    try:
        if reason := _bad_value(connection, relation, role):
            return reason
    except duckdb.Error as other:
        error = other
    return CannotReconcile(f"{path}: {first_line(error)}")


def _without_line(
    connection: duckdb.DuckDBPyConnection, relation: Relation, role: Role, error: Exception
) -> CannotReconcile:
    query, advice = flaw_counts(relation, role)
    counts = connection.execute(query).fetchone() or ()
    if reason := refusal(relation.label, role, counts, advice):
        return reason
    return CannotReconcile(f"{relation.label}: {first_line(error)}")


def _bad_value(connection: duckdb.DuckDBPyConnection, relation: Relation, role: Role) -> CannotReconcile | None:
    conditions = list(flaws(relation, role))
    which = " ".join(f"WHEN {condition} THEN {place}" for place, (_, condition, _) in enumerate(conditions))
    columns = list(relation.columns.items())
    values = ", ".join(f"CAST({column.expression} AS VARCHAR) AS v{i}" for i, (_, column) in enumerate(columns))
    connection.execute("SET preserve_insertion_order = true")
    row = connection.execute(
        f"SELECT * FROM (SELECT ROW_NUMBER() OVER () AS record, CASE {which} END AS flaw, {values} FROM {relation.source}) "
        "AS numbered WHERE flaw IS NOT NULL ORDER BY record LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    name, _, advice = conditions[row[1]]
    value = dict(zip((ours for ours, _ in columns), row[2:], strict=True)).get(name)
    shown = f" (it is {_short(value)})" if value is not None and value.strip() else ""
    return CannotReconcile(f"{relation.label}:{line_of(relation.label, row[0])}: {advice}{shown}")


def line_of(path: str, record: int) -> str:
    """Where the n-th record (from 1) of a file begins, as a line number; of a Parquet file, the row."""
    kind = file_format(path)
    if kind == "parquet":
        return f"row {record}"
    if kind == "jsonl":
        return str(next(line for n, (line, _) in enumerate(numbered_lines(path), start=1) if n == record))
    with open(path, encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)
        begins, seen = reader.line_num + 1, 0
        for fields in reader:
            seen += bool(fields)
            if seen == record:
                # A blank line before the record belongs to no record.
                return str(begins)
            begins = reader.line_num + 1
    return "?"


def _bad_json(path: str) -> CannotReconcile | None:
    for line, text in numbered_lines(path):
        try:
            json_row(path, line, text)
        except CannotReconcile as reason:
            return reason
    return None


def _csv_reason(message: str) -> str:
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return f"{counts[2]} fields where the header has {counts[1]}"
    if "not utf-8" in message:
        return "the file is not UTF-8 text"
    lines = [line for line in message.splitlines() if line and not line.startswith(("Invalid Input", "Original Line"))]
    return lines[0] if lines else "not readable as CSV"


def _short(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")
