"""Where a batch's rows come from, read as a stream, each with the line a person would look for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.payouts.payout import FIELDS

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
REQUIRED = ("reference", "amount", "mode", "beneficiary_name", "beneficiary_account", "beneficiary_ifsc")


@dataclass(frozen=True)
class Row:
    """One row: its line (a list's first row is line 1, a CSV's first data row usually line 2) and our fields."""

    line: int
    values: Mapping[str, Any] = field(repr=False)
    problem: str | None = None


Source = Callable[[], Iterator[Row]]


def from_list(payouts: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> Source:
    """Rows that came through XCom or stand in the DAG. `columns` maps our field to their key."""
    rows: list[Any] = list(payouts)
    headings = _Headings(columns, "payouts")

    def read() -> Iterator[Row]:
        for line, row in enumerate(rows, start=1):
            if isinstance(row, Mapping):
                yield Row(line, headings.ours(row))
            else:
                yield Row(line, {}, f"is a {type(row).__name__} and not a mapping of fields")

    return read


def from_path(path: str, columns: Mapping[str, str], *, importing: bool = False) -> Source:
    """Rows of a CSV, JSON-lines or Parquet file at any path that Airflow's ObjectStoragePath opens.

    `importing`: old books, which need not say everything that a payment to be made must, and may say how it ended.
    """
    suffix = next((ending for ending in SUFFIXES if str(path).lower().endswith(ending)), None)
    if suffix is None:
        raise InvalidRequest(f"path must end in {', '.join(SUFFIXES)}, and is {str(path)[:200]!r}", operation="check")
    reader = {".csv": _csv, ".parquet": _parquet}.get(suffix, _jsonl)

    def read() -> Iterator[Row]:
        with opened(str(path)) as stream:
            yield from reader(stream, _Headings(columns, str(path), importing))

    return read


def from_sql(sql: str, sql_conn_id: str, columns: Mapping[str, str]) -> Source:
    """Rows of a query over any Airflow database connection, fetched as they are needed."""

    def read() -> Iterator[Row]:
        from airflow.providers.common.compat.sdk import BaseHook

        hook: Any = BaseHook.get_hook(sql_conn_id)
        connection = hook.get_conn()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            names = [described[0] for described in cursor.description or ()]
            headings = _Headings(columns, "the query")
            headings.check(names)
            line = 0
            while chunk := cursor.fetchmany(1000):
                for values in chunk:
                    line += 1
                    yield Row(line, headings.ours(dict(zip(names, values, strict=True))))
        finally:
            connection.close()

    return read


def opened(path: str, mode: str = "rb") -> Any:
    """A file, local or wherever Airflow's ObjectStoragePath reaches. Raises InvalidRequest when it cannot be opened."""
    try:
        if "://" not in path:
            return open(path, mode)
        try:
            from airflow.sdk import ObjectStoragePath
        except ImportError:  # Airflow 2
            from airflow.io.path import ObjectStoragePath  # type: ignore[no-redef]
        storage: Any = ObjectStoragePath(path)
        return storage.open(mode)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InvalidRequest(f"{path[:200]!r} cannot be opened: {why}", operation="check") from None


def _csv(stream: Any, headings: _Headings) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, strict=True)
        header = [cell.strip() for cell in next(reader, [])]
        headings.check(header)
        line = reader.line_num + 1
        for cells in reader:
            if not cells:
                pass  # an empty line
            elif len(cells) != len(header):
                yield Row(line, {}, f"has {len(cells)} cells under {len(header)} headings")
            else:
                yield Row(line, headings.ours(dict(zip(header, cells, strict=True))))
            line = reader.line_num + 1
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{headings.where} is not UTF-8 text (near line {reader.line_num + 1})", operation="check"
        ) from None
    except csv.Error as error:
        raise InvalidRequest(f"{headings.where} line {reader.line_num}: {error}", operation="check") from None


def _jsonl(stream: Any, headings: _Headings) -> Iterator[Row]:
    for line, raw in enumerate(stream, start=1):
        if not raw.strip():
            continue
        try:
            value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
        except ValueError as error:
            yield Row(line, {}, f"is no JSON object ({error})" if "twice" in str(error) else "is no JSON object")
            continue
        if not isinstance(value, dict):
            yield Row(line, {}, "is no JSON object")
            continue
        yield Row(line, headings.ours(value))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it names a field twice")
    return found


def _parquet(stream: Any, headings: _Headings) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InvalidRequest(
            "Parquet needs pyarrow: pip install 'airflow-provider-paygate[recon]'", operation="check"
        ) from None
    try:
        table = pq.ParquetFile(stream)
    except pa.ArrowInvalid:
        raise InvalidRequest(f"{headings.where} is no Parquet file", operation="check") from None
    headings.check(table.schema_arrow.names)
    line = 0
    for chunk in table.iter_batches(batch_size=1000):
        for values in chunk.to_pylist():
            line += 1
            yield Row(line, headings.ours(values))


class _Headings:
    """Which of their columns is which of our fields.

    :param columns: our field → their column, where the names differ.
    :param where: what to call the source in a message.
    :param importing: old books: fewer columns must be there, and more are read.
    """

    def __init__(self, columns: Mapping[str, str], where: str, importing: bool = False) -> None:
        self.where = where
        self._columns = columns
        self._fields = (*FIELDS, "status", "transaction_id", "utr") if importing else FIELDS
        self._required = tuple(name for name in REQUIRED if not importing or name not in {"mode", "beneficiary_name"})
        unknown = next((ours for ours in columns if ours not in self._fields), None)
        if unknown is not None:
            raise InvalidRequest(
                f"columns maps {unknown!r}, which is no field of a payout ({', '.join(self._fields)})",
                operation="check",
            )

    def check(self, names: list[str]) -> None:
        """One sentence when the columns cannot be right, before any row is looked at."""
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InvalidRequest(f"{self.where} has the column {repeated[0]!r} twice", operation="check")
        missing = [self._theirs(ours) for ours in self._required if self._theirs(ours) not in names]
        if missing:
            raise InvalidRequest(
                f"{self.where} has no column {', '.join(missing)} (it has {', '.join(names) or 'none'}); `columns` maps names",
                operation="check",
            )

    def ours(self, theirs: Mapping[str, Any]) -> dict[str, Any]:
        """Our fields of a row. Nothing is the same as an empty cell; other columns are the business's own."""
        values = {ours: theirs.get(self._theirs(ours)) for ours in self._fields}
        return {ours: value for ours, value in values.items() if value is not None and value != ""}

    def _theirs(self, ours: str) -> str:
        return self._columns.get(ours, ours)
