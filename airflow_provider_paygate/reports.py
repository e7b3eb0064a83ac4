"""Writing a report to a file as its rows come: CSV, JSON lines or Parquet, whole or not at all, in constant memory."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest

PAYMENTS = (
    "reference", "amount", "currency", "status", "transaction_id", "utr", "beneficiary", "created_at", "settled_at", "fee",
    "settlement_id", "kind", "cdr_id", "message", "raw",
)  # fmt: skip
CALLS = ("cdr_id", "state", "agent_id", "originator", "started_at", "answered_at", "ended_at", "raw")
CHUNK = 1000
MOST_DIGITS = 40  # beyond them a number is written as it came: `1e999999999` in full would fill the memory


def written(path: str, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> int:
    """Write `rows` to `path` and give back how many there were. A failure on the way leaves what was there before.

    :param path: ends in ``.csv``, ``.jsonl``, ``.ndjson`` or ``.parquet``; local, or a URL for Airflow's ObjectStoragePath.
    :raises InvalidRequest: the path cannot be written, or its suffix says nothing.
    """
    writers: dict[str, Callable[..., int]] = {
        ".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet,
    }  # fmt: skip
    writer = next((write for suffix, write in writers.items() if path.lower().endswith(suffix)), None)
    if writer is None:
        raise InvalidRequest(f"path must end in {', '.join(writers)}, and is {path[:200]!r}", operation="check")
    remote = "://" in path
    where = Path(path)
    # Beside its place, so that putting it there is one step; a URL is uploaded when the report is whole.
    folder = None if remote else where.parent
    try:
        handle, draft = tempfile.mkstemp(prefix=".paygate-", suffix=where.suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise InvalidRequest(f"{path[:200]!r} cannot be written: {error.strerror}", operation="check") from None
    try:
        count = writer(draft, columns, rows)
        if remote:
            _upload(draft, path)
        else:
            os.chmod(draft, 0o666 & ~_umask())
            os.replace(draft, where)
        return count
    finally:
        Path(draft).unlink(missing_ok=True)


def _csv(path: str, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _text(row[name]) for name in columns})
            count += 1
    return count


def _jsonl(path: str, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with open(path, "w", encoding="utf-8") as stream:
        for row in rows:
            plain = {name: row[name] if isinstance(row[name], Mapping) else _text(row[name]) for name in columns}
            stream.write(json.dumps(plain, default=_text, ensure_ascii=False) + "\n")
            count += 1
    return count


def _parquet(path: str, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InvalidRequest("path is Parquet, which needs pyarrow: install airflow-provider-paygate[recon]") from None
    schema = pa.schema([(name, pa.string()) for name in columns])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        while chunk := [{name: _text(row[name]) for name in columns} for row in islice(rows, CHUNK)]:
            writer.write_table(pa.Table.from_pylist(chunk, schema))
            count += len(chunk)
    return count


def _text(value: Any) -> str | None:
    """Amounts exactly as told, times with their zone."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) < MOST_DIGITS else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return str(value)


def _upload(draft: str, path: str) -> None:
    from airflow_provider_paygate.payouts.rows import opened

    with open(draft, "rb") as source, opened(path, "wb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
