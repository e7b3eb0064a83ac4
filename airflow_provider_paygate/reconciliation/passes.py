"""The passes in their order. Each is one file of SQL; this module only says which builds on which, and runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from airflow_provider_paygate.reconciliation.executors import Executor
from airflow_provider_paygate.reconciliation.settings import Tolerance
from airflow_provider_paygate.reconciliation.vocabulary import SIDES, status_words

# (file, name its rows are kept under, whether they are stored)
_SECOND_LOOK = (
    ("second_look", "recon_second_look", True),
    ("second_look_ledger", "recon_second_look_ledger", True),
    ("second_look_gateway", "recon_second_look_gateway", True),
)
_STEPS = (
    ("match_reference", "recon_by_reference", True),
    ("open_ledger", "recon_open_ledger", True),
    ("open_gateway", "recon_open_gateway", True),
    ("match_text", "recon_by_text", True),
    ("shared_ids", "recon_shared_ids", True),
    ("ambiguous", "recon_ambiguous", True),
    ("match_ids", "recon_by_ids", True),
    ("settlements", "recon_settlements", True),
)
_STATEMENT_STEPS = (
    ("statement_lines", "recon_statement_lines", True),
    ("statement_links", "recon_statement_links", True),
    ("statement_sums", "recon_statement_sums", True),
)
_COMPARISON = (("pairs", "recon_pairs", False), ("compared", "recon_compared", False))

# Without a statement no payment is on it.
_NO_SUMS = """
SELECT CAST(NULL AS VARCHAR) AS reference, CAST(NULL AS DECIMAL(38, 4)) AS amount, CAST(NULL AS BIGINT) AS row_count
WHERE 1 = 0
"""


@cache
def sql(name: str) -> str:
    """The text of one pass."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def run_passes(executor: Executor, tolerance: Tolerance, *, with_statement: bool) -> None:
    """Match and compare. Needs `recon_ledger`, `recon_gateway` and, with a statement, `recon_statement`."""
    executor.keep("recon_settings", _settings(tolerance))
    executor.keep("recon_status_words", _values(status_words(), ("word", "status", "state")))
    executor.keep("recon_duplicates", sql("duplicates"))
    if with_statement:
        # Even plain agreement is looked at again: the bank may have moved another sum.
        for side in SIDES:
            executor.define(f"recon_second_look_{side}", f"SELECT * FROM recon_{side}")
        steps = (*_STEPS, *_STATEMENT_STEPS, *_COMPARISON)
    else:
        executor.keep("recon_statement_sums", _NO_SUMS)
        steps = (*_SECOND_LOOK, *_STEPS, *_COMPARISON)
    for file, name, stored in steps:
        (executor.keep if stored else executor.define)(name, sql(file))


def found(executor: Executor, name: str) -> Iterator[Sequence[Any]]:
    """The rows of one of the closing queries: `find_…`, `totals_…`, `matches`."""
    return executor.rows(sql(name))


def _settings(tolerance: Tolerance) -> str:
    fraction = tolerance.percent / Decimal(100)
    return (
        f"SELECT CAST('{tolerance.amount:f}' AS DECIMAL(18, 4)) AS tolerance, "
        f"CAST('{fraction:f}' AS DECIMAL(9, 8)) AS fraction"
    )


def _values(rows: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> str:
    listed = ", ".join("(" + ", ".join(f"'{value}'" for value in row) + ")" for row in rows)
    return f"SELECT {', '.join(names)} FROM (VALUES {listed}) AS words({', '.join(names)})"
