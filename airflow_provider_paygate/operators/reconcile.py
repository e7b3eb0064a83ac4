"""Reconcile the books, the gateway and the bank."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink

from airflow_provider_paygate.exceptions import BreaksFound, InvalidRequest, PaygateError
from airflow_provider_paygate.operators.context import truth

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_paygate.reconciliation import Result, Settings
    from airflow_provider_paygate.reconciliation.executors import Executor
    from airflow_provider_paygate.reconciliation.sides import Side

REPORT_URL = "report_url"


class ReconciliationReportLink(BaseOperatorLink):
    """Opens the report of a reconciliation."""

    name = "Reconciliation report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Where the report lies."""
        from airflow.providers.common.compat.sdk import XCom

        return str(XCom.get_value(key=REPORT_URL, ti_key=ti_key) or "")


class PaygateReconcileOperator(BaseOperator):
    """Compare a ledger with what the gateway reports, and both with a bank statement; say where they do not agree.

    A side is a ``.csv``, ``.jsonl`` or ``.parquet`` file (local, or any URL that Airflow's ObjectStoragePath opens), the
    output of a `PaytiaReportOperator`, ``journal:<connection id>``, or ``{"sql": "…", "conn_id": "…"}``. When all sides are
    queries of one PostgreSQL or Spark Connect connection, they are compared there and only breaks travel.

    :param ledger: what the business has booked.
    :param gateway: what the gateway reports.
    :param statement: the bank's lines; ``utr`` and ``amount`` are enough.
    :param name: remember breaks, their first day and the trend under this name.
    :param columns: our column → theirs, in ledger and gateway. A journal has our names already.
    :param ledger_columns: the same, in the ledger only.
    :param gateway_columns: the same, at the gateway only.
    :param statement_columns: the same, in the bank statement.
    :param date_format: of dates in files that are not ISO 8601, as ``%d/%m/%Y``.
    :param tolerance: by how much two amounts may differ, as text or Decimal.
    :param tolerance_percent: the same, in percent of the ledger's amount.
    :param window: business days for which a side may lag; 2.
    :param ledger_window: the same, where it is the ledger that lags.
    :param as_of: look from the end of this day, or from this moment; now.
    :param holidays: days without business: a list of dates, or a file with one on each line.
    :param cutoffs: currency → time of day from which a payment counts as made on the next business day.
    :param timezone: for all currencies, in place of India for INR and London for GBP.
    :param allow_empty: accept a ledger or gateway without rows.
    :param journal_since: of a journal, only what was made on this day or later.
    :param report_path: where to write the report, a page to look at.
    :param report_url: where people find that page, when it is not where it was written.
    :param breaks_path: where to write one row for each break, ``.csv`` or ``.parquet``.
    :param refresh: before the journal of a Paywize connection is taken for the gateway's side, ask about what is open in it.
    :param fail_on: classes of breaks that fail the task (the others only warn), or class → ``fail``, ``warn`` or ``skip``.
        A class that a mapping leaves out does what it does by default: each fails the task, but ``timing``.
    :param asset_alias: emit an asset event for each day on which the gateway settled something. Not templated.
    :returns: counts and sums of both sides, ``by_class``, ``by_currency`` and ``report_path``.
    """

    template_fields: Sequence[str] = (
        "ledger", "gateway", "statement", "name", "columns", "ledger_columns", "gateway_columns", "statement_columns",
        "date_format", "tolerance", "tolerance_percent", "window", "ledger_window", "as_of", "holidays", "cutoffs",
        "timezone", "allow_empty", "journal_since", "report_path", "report_url", "breaks_path", "refresh", "fail_on",
    )  # fmt: skip
    operator_extra_links = (ReconciliationReportLink(),)
    ui_color = "#d7e3f7"

    def __init__(
        self,
        *,
        ledger: Any,
        gateway: Any,
        statement: Any = None,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        ledger_columns: Mapping[str, str] | None = None,
        gateway_columns: Mapping[str, str] | None = None,
        statement_columns: Mapping[str, str] | None = None,
        date_format: str | None = None,
        tolerance: Any = None,
        tolerance_percent: Any = None,
        window: Any = None,
        ledger_window: Any = None,
        as_of: Any = None,
        holidays: str | Iterable[Any] | None = None,
        cutoffs: Mapping[str, Any] | None = None,
        timezone: str | None = None,
        allow_empty: Any = False,
        journal_since: Any = None,
        report_path: str | None = None,
        report_url: str | None = None,
        breaks_path: str | None = None,
        refresh: Any = True,
        fail_on: Sequence[str] | Mapping[str, str] | None = None,
        asset_alias: str | None = None,
        **kwargs: Any,
    ) -> None:
        if asset_alias:
            from airflow_provider_paygate.operators.reconcile_events import with_alias

            kwargs["outlets"] = with_alias(kwargs.get("outlets"), asset_alias)
        super().__init__(**kwargs)
        self.ledger = ledger
        self.gateway = gateway
        self.statement = statement
        self.name = name
        self.columns = columns
        self.ledger_columns = ledger_columns
        self.gateway_columns = gateway_columns
        self.statement_columns = statement_columns
        self.date_format = date_format
        self.tolerance = tolerance
        self.tolerance_percent = tolerance_percent
        self.window = window
        self.ledger_window = ledger_window
        self.as_of = as_of
        self.holidays = holidays
        self.cutoffs = cutoffs
        self.timezone = timezone
        self.allow_empty = allow_empty
        self.journal_since = journal_since
        self.report_path = report_path
        self.report_url = report_url
        self.breaks_path = breaks_path
        self.refresh = refresh
        self.fail_on = fail_on
        self.asset_alias = asset_alias

    def execute(self, context: Any) -> dict[str, Any]:
        """Fetch the sides, compare, write, tell."""
        import tempfile

        from airflow_provider_paygate.operators.reconcile_arguments import actions_of, by_argument, settings_of
        from airflow_provider_paygate.operators.reconcile_events import emit
        from airflow_provider_paygate.reconciliation.errors import CannotReconcile, ConnectionLost

        actions = actions_of(self.fail_on)
        with tempfile.TemporaryDirectory(prefix="paygate-reconcile-") as folder:
            try:
                self._check_paths()
                result, days = self._compared(context, settings_of(self), folder)
                self._write(result, folder)
            except ConnectionLost as error:
                raise PaygateError(str(error), operation="reconcile") from None  # which a retry may find mended
            except CannotReconcile as error:
                reason = by_argument(str(error).replace(f"{folder}{os.sep}", ""))
                raise InvalidRequest(reason, operation="reconcile") from None
        self.log.info("%s", result.text())
        self._link(context)
        if self.asset_alias:
            emit(context, self.asset_alias, days)
        self._judge(result, actions)
        return {**result.summary(), "report_path": self.report_path or None}

    def _compared(self, context: Any, settings: Settings, folder: str) -> tuple[Result, list[date]]:
        from airflow_provider_paygate.cli.reconcile import memory_of
        from airflow_provider_paygate.operators.reconcile_arguments import text
        from airflow_provider_paygate.operators.reconcile_events import settlement_days
        from airflow_provider_paygate.reconciliation.engine import Reconciliation

        with ExitStack() as stack:
            sides, where = self._sides(context, folder, stack)
            stack.callback(where.close)
            name = text("name", self.name)
            it = stack.enter_context(
                Reconciliation(
                    sides["ledger"],
                    sides["gateway"],
                    sides.get("statement"),
                    settings=settings,
                    where=where,
                    name=name,
                    memory=memory_of(name),
                )
            )
            return it.result, settlement_days(where, settings) if self.asset_alias else []

    def _sides(self, context: Any, folder: str, stack: ExitStack) -> tuple[dict[str, Side], Executor]:
        from airflow_provider_paygate.operators.reconcile_arguments import mapping, text
        from airflow_provider_paygate.operators.reconcile_queries import Query, where_they_lie
        from airflow_provider_paygate.operators.reconcile_sides import journal_side, side_of
        from airflow_provider_paygate.reconciliation.errors import CannotReconcile

        given = {role: getattr(self, role) for role in ("ledger", "gateway", "statement")}
        if given["statement"] in (None, ""):
            del given["statement"]
        both = mapping("columns", self.columns)
        columns = {role: mapping(f"{role}_columns", getattr(self, f"{role}_columns")) for role in given}
        foreign = {role: ({} if role == "statement" else both) | own for role, own in columns.items()}
        wanted = {role: Query.of(role, side) for role, side in given.items()}
        queries = {role: query for role, query in wanted.items() if query is not None}
        if len(queries) == len(given) and (there := where_they_lie(queries, foreign, stack)) is not None:
            return there
        from airflow_provider_paygate.cli.reconcile import day
        from airflow_provider_paygate.reconciliation.executors.duckdb import DuckDBExecutor

        since = day("--journal-since", text("journal_since", self.journal_since))
        sides: dict[str, Side] = {}
        for role, side in given.items():
            if role in queries:
                sides[role] = queries[role].fetched(foreign[role], folder)
            elif isinstance(side, str) and side.startswith("journal:"):
                if role == "statement":
                    raise CannotReconcile("statement: a journal is no bank statement")
                refresh = role == "gateway" and truth(self.refresh)
                sides[role] = journal_side(side, columns[role], folder, since, refresh=refresh, context=context)
            else:
                sides[role] = side_of(role, side, foreign[role], text("date_format", self.date_format), folder)
        return sides, DuckDBExecutor()

    def _check_paths(self) -> None:
        from airflow_provider_paygate.cli.reconcile import check_folder
        from airflow_provider_paygate.reconciliation.table_file import check_path

        if self.breaks_path:
            check_path(self.breaks_path)
        for path in (self.report_path, self.breaks_path):
            if path and "://" not in path:
                check_folder(path)

    def _write(self, result: Result, folder: str) -> None:
        from airflow_provider_paygate.operators.reconcile_sides import put

        if self.breaks_path:
            draft = os.path.join(folder, "breaks" + os.path.splitext(self.breaks_path)[1])
            result.write_breaks(draft)
            put(draft, self.breaks_path)
        if self.report_path:
            draft = os.path.join(folder, "report.html")
            with open(draft, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(result.html())
            put(draft, self.report_path)

    def _link(self, context: Any) -> None:
        from airflow_provider_paygate.operators.reconcile_events import url_of

        ti = context.get("ti") or context.get("task_instance")
        if ti is not None and self.report_path:
            ti.xcom_push(key=REPORT_URL, value=self.report_url or url_of(self.report_path))

    def _judge(self, result: Result, actions: Mapping[str, str]) -> None:
        """Fail, skip or warn, as the classes of the breaks ask for."""
        counts = {name: count for name, count in result.by_class.items() if count}
        told = {
            action: ", ".join(f"{count} {name}" for name, count in counts.items() if actions[name] == action)
            for action in set(actions.values())
        }
        where = f"; report: {self.report_path}" if self.report_path else ""
        subject = f"{self.name}: " if self.name else ""
        if told.get("warn"):
            self.log.warning("%s%s%s", subject, told["warn"], where)
        if told.get("fail"):
            raise BreaksFound(f"{subject}{told['fail']}{where}", operation="reconcile")
        if told.get("skip"):
            from airflow.providers.common.compat.sdk import AirflowSkipException

            raise AirflowSkipException(f"{subject}{told['skip']}{where}")
