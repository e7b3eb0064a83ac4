"""Two sides of any size with a known number of breaks of every class, made by SQL from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from airflow_provider_paygate.reconciliation import AsOf

AS_OF = AsOf.parse("2026-03-20T18:00:00+00:00")  # a Friday

# Row number → plan. Each plan takes the first `each` rows that are left; the rest are clean.
_PLANS = (
    "duplicate",
    "unknown_outcome",
    "timing",
    "missing_at_gateway",
    "missing_in_ledger",
    "currency_mismatch",
    "reversal",
    "fee",
    "amount_mismatch",
    "status_mismatch",
    "by_text",
    "by_transaction",
    "by_utr",
    "by_settlement",
    "ambiguous",
)

_ROWS = """
CREATE OR REPLACE TEMP TABLE planted AS
SELECT
    i,
    CASE WHEN i < {each} * {plans} THEN i // {each} ELSE -1 END AS plan,
    'INV-2026-' || lpad(CAST(i AS VARCHAR), 8, '0') AS reference,
    CAST(CAST(1000 + hash(i, {seed}) % 9000000 AS BIGINT) / 100 AS DECIMAL(18, 2)) AS amount,
    CASE WHEN hash(i, {seed}, 1) % 5 = 0 THEN 'GBP' ELSE 'INR' END AS currency,
    'TXN' || lpad(CAST(i * 7919 AS VARCHAR), 12, '0') AS transaction_id,
    CAST(400000000000 + i AS VARCHAR) AS utr,
    TIMESTAMP '2026-01-01 00:00:00' + to_seconds(CAST(hash(i, {seed}, 2) % 4000000 AS BIGINT)) AS old,
    TIMESTAMP '2026-03-19 06:00:00' + to_seconds(CAST(hash(i, {seed}, 3) % 90000 AS BIGINT)) AS young,
    CAST(2.50 AS DECIMAL(18, 2)) AS fee
FROM range({rows}) AS numbers(i)
"""

_LEDGER = """
SELECT
    reference || CASE WHEN plan = 13 THEN '-' || part WHEN plan = 14 THEN '-' || part ELSE '' END AS reference,
    amount, currency,
    CASE WHEN plan = 1 THEN 'UNKNOWN' WHEN plan = 2 AND i % 3 = 2 THEN 'PROCESSING' ELSE 'SUCCESS' END AS status,
    CASE WHEN plan IN (12, 13, 14) THEN '' ELSE transaction_id END AS transaction_id,
    CASE WHEN plan IN (11, 13) THEN '' ELSE utr END AS utr,
    'Asha Rao' AS beneficiary,
    strftime(CASE WHEN plan = 2 THEN young ELSE old END, '%Y-%m-%dT%H:%M:%SZ') AS created_at,
    CASE WHEN plan = 13 THEN 'SETL-' || i ELSE '' END AS settlement_id
FROM planted,
    LATERAL (SELECT unnest(generate_series(1, CASE WHEN plan = 13 THEN 3 WHEN plan = 14 THEN 2
        WHEN plan = 0 AND i % 2 = 0 THEN 2 ELSE 1 END)) AS part) AS parts
WHERE plan <> 4
"""

_GATEWAY = """
SELECT
    CASE WHEN plan = 10 THEN lower(reference) WHEN plan >= 11 THEN 'PAYOUT-' || i ELSE reference END AS reference,
    CASE WHEN plan = 7 THEN amount - fee WHEN plan = 8 THEN amount + 1.01 WHEN plan = 13 THEN amount * 3
        ELSE amount END AS amount,
    CASE WHEN plan = 5 THEN 'EUR' ELSE currency END AS currency,
    CASE WHEN plan = 2 AND i % 3 = 1 THEN 'PENDING' WHEN plan = 6 THEN 'REFUNDED' WHEN plan = 9 THEN 'FAILED'
        WHEN i % 2 = 0 THEN 'COMPLETED' ELSE 'Success' END AS status,
    CASE WHEN plan IN (12, 13, 14) THEN '' ELSE transaction_id END AS transaction_id,
    CASE WHEN plan IN (11, 13) THEN '' ELSE utr END AS utr,
    strftime(CASE WHEN plan = 2 THEN young ELSE old END, '%Y-%m-%dT%H:%M:%SZ') AS created_at,
    strftime(old + to_hours(30), '%Y-%m-%dT%H:%M:%SZ') AS settled_at,
    fee,
    CASE WHEN plan = 13 THEN 'SETL-' || i ELSE '' END AS settlement_id
FROM planted,
    LATERAL (SELECT unnest(generate_series(1, CASE WHEN plan = 0 AND i % 2 = 1 THEN 2 ELSE 1 END)) AS part) AS parts
WHERE plan <> 3 AND NOT (plan = 2 AND i % 3 = 0)
"""

_EXPECTED = """
SELECT CASE WHEN plan = 14 THEN 'missing_at_gateway' ELSE {names}[plan + 1] END AS class,
    reference || CASE WHEN plan = 14 THEN '-' || part ELSE '' END AS reference
FROM planted, LATERAL (SELECT unnest(generate_series(1, CASE WHEN plan = 14 THEN 2 ELSE 1 END)) AS part) AS parts
WHERE plan BETWEEN 0 AND 9 OR plan = 14
UNION ALL
SELECT 'missing_in_ledger', 'PAYOUT-' || i FROM planted WHERE plan = 14
"""


@dataclass(frozen=True)
class Planted:
    """Files with planted breaks, and what an exact reconciliation finds in them: (class, reference)."""

    ledger: str
    gateway: str
    expected: frozenset[tuple[str, str]]
    each: int


def plant(folder: Path, *, rows: int, each: int, seed: int = 1, suffix: str = "csv", order: int = 0) -> Planted:
    """Write `ledger` and `gateway` files of about `rows` rows; `order` shuffles the rows, nothing else."""
    names = "[" + ", ".join(f"'{name}'" for name in _PLANS) + "]"
    paths = {side: str(folder / f"{side}-{rows}-{order}.{suffix}") for side in ("ledger", "gateway")}
    options = "HEADER" if suffix == "csv" else "FORMAT parquet" if suffix == "parquet" else "FORMAT json"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_ROWS.format(each=each, plans=len(_PLANS), seed=seed, rows=rows))
        for side, query in (("ledger", _LEDGER), ("gateway", _GATEWAY)):
            shuffled = f"SELECT * FROM ({query}) AS made ORDER BY hash(reference, '{side}', {order}), reference"
            connection.execute(f"COPY ({shuffled}) TO '{paths[side]}' ({options})")
        expected = connection.execute(_EXPECTED.format(names=names)).fetchall()
    return Planted(paths["ledger"], paths["gateway"], frozenset((row[0], row[1]) for row in expected), each)
