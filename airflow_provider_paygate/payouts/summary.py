"""What became of a batch: counts that tie out, and a file with one line for each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.payouts.identity import major_units

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database

# The words of the contract for the states of the journal.
WORDS = {
    "settled": "succeeded",
    "failed": "failed",
    "refunded": "failed",
    "refused": "refused",
    "unknown": "unknown",
    "sending": "unknown",
    "accepted": "pending",
    "planned": "pending",
}
COLUMNS = (
    "line",
    "reference",
    "amount",
    "currency",
    "state",
    "status",
    "transaction_id",
    "utr",
    "already_paid",
    "message",
)
# A row of this reading; or one of an earlier reading that is gone from the source, and must not be lost from sight.
_ROWS = """
    FROM paygate_batch_rows r JOIN paygate_batches b ON b.id = r.batch LEFT JOIN paygate_payouts p ON p.id = r.payout_id
    WHERE r.batch = :batch AND (r.reading = b.reading OR p.state NOT IN ('planned', 'refused'))"""
# What became of a payment outranks what is wrong with its row by now.
_STATE = """
    CASE WHEN r.problem IS NOT NULL AND coalesce(p.state, 'planned') = 'planned' THEN 'refused'
    ELSE coalesce(p.state, 'planned') END"""


def summary_of(database: Database, batch: int, batch_id: str) -> dict[str, Any]:
    """``{"batch_id", "total", "succeeded", "failed", "refused", "unknown", "pending", "amount_succeeded", "already_paid"}``."""
    from sqlalchemy import text

    query = f"""
        SELECT {_STATE} AS state, count(*) AS count, sum(p.amount_minor) AS amount, sum(r.already_paid) AS already_paid
        {_ROWS} GROUP BY 1"""
    summary: dict[str, Any] = {
        "batch_id": batch_id,
        "total": 0,
        **dict.fromkeys(("succeeded", "failed", "refused", "unknown", "pending"), 0),
    }
    amount = already_paid = 0
    with database.read() as connection:
        for row in connection.execute(text(query), {"batch": batch}):
            summary["total"] += row.count
            summary[WORDS[row.state]] += row.count
            if row.state != "refused":
                already_paid += int(row.already_paid or 0)
            if row.state == "settled":
                amount = int(row.amount or 0)
    return {**summary, "amount_succeeded": str(major_units(amount)), "already_paid": already_paid}


def results_of(database: Database, batch: int) -> Iterator[dict[str, Any]]:
    """One mapping of :data:`COLUMNS` for each row, in the order of the source; what is gone from it comes last."""
    from sqlalchemy import text

    with database.read() as connection:
        query = "SELECT DISTINCT reading FROM paygate_batch_rows WHERE batch = :batch ORDER BY reading DESC"
        readings = connection.execute(text(query), {"batch": batch}).scalars().all()
    for reading in readings:
        yield from _results(database, batch, reading)


def _results(database: Database, batch: int, reading: int) -> Iterator[dict[str, Any]]:
    """The rows that one reading saw last, a page at a time in the order of an index: another would be sorted for each page."""
    from sqlalchemy import text

    query = f"""
        SELECT r.line, r.reference, r.amount_minor, p.currency, {_STATE} AS state, p.status, p.transaction_id, p.utr,
               r.already_paid, coalesce(r.problem, p.message) AS message
        {_ROWS} AND r.reading = :reading AND r.line > :line ORDER BY r.line LIMIT 500"""
    line = -1
    while True:
        with database.read() as connection:
            place = {"batch": batch, "reading": reading, "line": line}
            rows = connection.execute(text(query), place).fetchall()
        if not rows:
            return
        for row in rows:
            amount = None if row.amount_minor is None else str(major_units(row.amount_minor))
            told = {
                **row._mapping,
                "amount": amount,
                "currency": row.currency or "INR",
                "already_paid": bool(row.already_paid),
            }
            yield {column: told[column] for column in COLUMNS}
        line = rows[-1].line


def write_results(rows: Iterator[dict[str, Any]], path: str) -> int:
    """Write a CSV or Parquet file at any path that Airflow's ObjectStoragePath opens; how many rows."""
    from airflow_provider_paygate.payouts.rows import opened

    if path.lower().endswith(".csv"):
        with opened(path, "wb") as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            writer.writeheader()
            count = 0
            for row in rows:
                writer.writerow(row)
                count += 1
            return count
    return _write_parquet(rows, path)


def _write_parquet(rows: Iterator[dict[str, Any]], path: str) -> int:
    from itertools import islice

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InvalidRequest(
            "results_path is Parquet, which needs pyarrow: install airflow-provider-paygate[recon]"
        ) from None
    from airflow_provider_paygate.payouts.rows import opened

    kinds = {"line": pa.int64(), "already_paid": pa.bool_()}
    schema = pa.schema([(column, kinds.get(column, pa.string())) for column in COLUMNS])
    count = 0
    with opened(path, "wb") as stream, pq.ParquetWriter(stream, schema) as writer:
        while chunk := list(islice(rows, 1000)):
            writer.write_table(pa.Table.from_pylist(chunk, schema))
            count += len(chunk)
    return count
