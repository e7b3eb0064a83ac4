"""Rows as a CSV or Parquet file, by the suffix of its name: the same bytes for the same rows."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.reading import quoted


def check_path(path: str) -> None:
    """Refuse a name that says neither CSV nor Parquet, before any work is done."""
    if Path(path).suffix.lower() not in (".csv", ".parquet", ".pq"):
        raise CannotReconcile(f"{path}: tables are written as .csv or .parquet")


def write_table(path: str, types: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Write all rows, replacing the file in one step. `types` are the columns in order, with DuckDB's types."""
    check_path(path)
    target = Path(path)
    try:
        with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".paygate-") as folder:
            text = Path(folder, "table.csv")
            with open(text, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(types)
                writer.writerows(rows)
            os.replace(text if target.suffix.lower() == ".csv" else _parquet(text, types), target)
    except OSError as error:
        raise CannotReconcile(f"{path}: cannot be written: {error.strerror or error}") from None


def _parquet(text: Path, types: Mapping[str, str]) -> Path:
    import duckdb

    made = text.with_suffix(".parquet")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv({quoted(str(text))}, auto_detect = false, header = true, delim = ',', "
            f"quote = '\"', escape = '\"', columns = {{{columns}}})) TO {quoted(str(made))} (FORMAT parquet)"
        )
    return made
