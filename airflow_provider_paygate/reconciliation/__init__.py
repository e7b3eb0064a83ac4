"""Reconciliation: the books, the gateway and the bank agree, or it says exactly where not.

    from airflow_provider_paygate.reconciliation import FileSide, reconcile
    result = reconcile(FileSide("ledger.csv"), FileSide("gateway.csv"))

Reads top to bottom: `engine` asks an executor to `read` each side (`normalise`), runs the `passes` (one SQL file each),
turns what they find (`findings`) into `breaks`, and closes the `totals`. Nothing here imports Airflow.
"""

from __future__ import annotations

from airflow_provider_paygate.reconciliation.calendars import AsOf, Calendar, Calendars
from airflow_provider_paygate.reconciliation.engine import reconcile
from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.memory import BreakMemory, SqlBreakMemory
from airflow_provider_paygate.reconciliation.result import Result
from airflow_provider_paygate.reconciliation.settings import Settings, Tolerance, Window
from airflow_provider_paygate.reconciliation.sides import FileSide, TableSide

__all__ = [
    "AsOf",
    "BreakMemory",
    "Calendar",
    "Calendars",
    "CannotReconcile",
    "FileSide",
    "Result",
    "Settings",
    "SqlBreakMemory",
    "TableSide",
    "Tolerance",
    "Window",
    "reconcile",
]
