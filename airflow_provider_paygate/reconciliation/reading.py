"""Files as relations DuckDB can read: the header is checked here, the rows by the passes."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.sides import (
    Column,
    FileSide,
    Kind,
    Relation,
    Role,
    check_required,
    found_columns,
)

if TYPE_CHECKING:
    import duckdb

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
_FIRST_LINES = 100


def file_format(path: str) -> str:
    """csv, jsonl or parquet, by the suffix. CannotReconcile for any other."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise CannotReconcile(f"{path}: what kind of file is this? The name must end in .csv, .jsonl or .parquet")
    return FORMATS[suffix]


def open_file(connection: duckdb.DuckDBPyConnection, side: FileSide, role: Role) -> Relation:
    """The file as a relation, its header checked; no row is read yet."""
    kind = file_format(side.path)
    try:
        size = os.stat(side.path).st_size
        if Path(side.path).is_dir():
            raise CannotReconcile(f"{side.path}: this is a folder, not a file")
        with open(side.path, "rb"):
            pass
    except OSError as error:
        raise CannotReconcile(f"{side.path}: {error.strerror or error}") from None
    if size == 0:
        raise CannotReconcile(f"{side.path}: the file is empty; even without payments it must name its columns")
    if kind == "csv":
        return _csv(side, role)
    if kind == "jsonl":
        return _jsonl(side, role)
    return _parquet(connection, side, role)


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _csv(side: FileSide, role: Role) -> Relation:
    names = _header(side.path)
    found = found_columns(f"{side.path}:1", names, side.columns)
    check_required(f"{side.path}:1", role, found, names)
    # Columns are numbered: a file may name one twice, as long as we do not need it.
    types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(names)))
    source = (
        f"read_csv({quoted(side.path)}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
        f"strict_mode = true, null_padding = false, columns = {{{types}}})"
    )
    columns = {ours: Column(f"c{place}", "text") for ours, place in found.items()}
    return Relation(side.path, source, columns, is_file=True, date_format=side.date_format)


def _header(path: str) -> list[str]:
    try:
        with open(path, "rb") as lines:
            # Line by line: a fault further down is not the header's.
            names = next(csv.reader((line.decode() for line in lines), strict=True), [])
    except UnicodeDecodeError:
        raise CannotReconcile(f"{path}:1: the file is not UTF-8 text") from None
    except csv.Error as error:
        reason = "lines end in CR alone; they must end in LF or CRLF" if "new-line character" in str(error) else error
        raise CannotReconcile(f"{path}:1: {reason}") from None
    names = [name.removeprefix("\ufeff") if place == 0 else name for place, name in enumerate(names)]
    if not any(name.strip() for name in names):
        raise CannotReconcile(f"{path}:1: the first line is blank; it must name the columns")
    for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and sign in names[0]:
            raise CannotReconcile(f"{path}:1: the columns are separated by {word}; they must be by commas")
    return names


def _jsonl(side: FileSide, role: Role) -> Relation:
    names: dict[str, None] = {}
    for line, text in islice(numbered_lines(side.path), _FIRST_LINES):
        names |= dict.fromkeys(_keys(side.path, line, text))
    found = found_columns(side.path, list(names), side.columns) if names else {}
    if names:
        check_required(side.path, role, found, list(names))
    keys = {ours: list(names)[place] for ours, place in found.items()}
    # A row may be the first to have an optional column, so these are always looked for.
    for ours in ("currency", "status", "transaction_id", "utr", "created_at", "settled_at", "fee", "settlement_id"):
        keys.setdefault(ours, ours)
    keys.setdefault("reference", "reference")
    keys.setdefault("amount", "amount")
    # JSON readers turn numbers into doubles. Put into quotes first, they arrive digit by digit.
    any_key = "|".join(re.escape(json.dumps(key)[1:-1]) for key in sorted(set(keys.values())))
    number = rf'"({any_key})"\s*:\s*(-?[0-9][0-9.eE+-]*)'
    paths = ", ".join(quoted(f'$."{key}"') for key in keys.values())
    lines = (
        f"read_csv({quoted(side.path)}, auto_detect = false, header = false, delim = '\\x01', quote = '', escape = '', "
        f"columns = {{'line': 'VARCHAR'}})"
    )
    quote_numbers = f"regexp_replace(line, {quoted(number)}, '\"\\1\":\"\\2\"', 'g')"
    source = f"(SELECT json_extract_string({quote_numbers}, [{paths}]) AS v FROM {lines} WHERE TRIM(line) <> '') AS rows_of_file"
    columns = {ours: Column(f"v[{place}]", "text") for place, ours in enumerate(keys, start=1)}
    return Relation(side.path, source, columns, is_file=True, date_format=side.date_format)


def numbered_lines(path: str) -> Iterator[tuple[int, str]]:
    """(line number, text) of every line that is not blank."""
    line = 0
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for line, text in enumerate(lines, start=1):
                if text.strip():
                    yield line, text
    except UnicodeDecodeError:
        raise CannotReconcile(f"{path}:{line + 1}: the file is not UTF-8 text") from None


def mixes_line_ends(path: str) -> bool:
    """Whether lines of a text file end in different ways."""
    if file_format(path) == "parquet":
        return False
    with open(path, "rb") as lines:
        ends = {b"\r\n" if line.endswith(b"\r\n") else b"\r" if b"\r" in line else b"\n" for line in lines}
    return len(ends) > 1


def _keys(path: str, line: int, text: str) -> Iterable[str]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        row = dict(pairs)
        if len(row) < len(pairs):
            twice = next(key for key, _ in pairs if sum(other == key for other, _ in pairs) > 1)
            raise CannotReconcile(f"{path}:{line}: the field {twice!r} is there twice")
        return row

    return json_row(path, line, text, once)


def json_row(
    path: str, line: int, text: str, once: Callable[[list[tuple[str, object]]], dict[str, object]] | None = None
) -> dict[str, object]:
    """One line of a JSONL file. Raises CannotReconcile for a line that is no object, or holds what no text can."""
    try:
        row = json.loads(text, object_pairs_hook=once, parse_float=str, parse_int=str)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CannotReconcile(f"{path}:{line}: not JSON: half of a surrogate pair") from None
    except RecursionError:
        raise CannotReconcile(f"{path}:{line}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise CannotReconcile(f"{path}:{line}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise CannotReconcile(f"{path}:{line}: a line must be a JSON object, one per payment")
    return row


def _parquet(connection: duckdb.DuckDBPyConnection, side: FileSide, role: Role) -> Relation:
    import duckdb

    source = f"read_parquet({quoted(side.path)})"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise CannotReconcile(f"{side.path}: not a Parquet file that can be read: {first_line(error)}") from None
    names, types = [str(row[0]) for row in described], [str(row[1]) for row in described]
    found = found_columns(side.path, names, side.columns)
    check_required(side.path, role, found, names)
    columns = {
        ours: Column('"' + names[place].replace('"', '""') + '"', duckdb_kind(types[place]), _has_room(types[place]))
        for ours, place in found.items()
    }
    return Relation(side.path, source, columns, is_file=True, date_format=side.date_format)


def _has_room(type_name: str) -> bool:
    size = re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", type_name)
    return size is not None and int(size[1]) > 4


def duckdb_kind(type_name: str) -> Kind:
    """What a DuckDB type holds, in our words."""
    name = type_name.upper().partition("(")[0]
    kinds: dict[str, Kind] = {
        "DECIMAL": "decimal",
        **dict.fromkeys(("VARCHAR", '"NULL"', "ENUM", "UUID"), "text"),
        **dict.fromkeys(("DOUBLE", "FLOAT"), "float"),
        **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
        **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
        **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"), "timestamp"),
        "TIMESTAMP WITH TIME ZONE": "timestamptz",
        "DATE": "date",
    }
    return kinds.get(name, "other") if "[" not in type_name else "other"


def first_line(error: Exception) -> str:
    """A database's complaint without its advice."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
