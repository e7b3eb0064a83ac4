"""Pay a batch."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_paygate.exceptions import (
    InvalidRequest,
    OutcomeUnknown,
    PaygateError,
    PayoutFailed,
    Refused,
    StillPending,
    concerning,
)
from airflow_provider_paygate.operators.context import checked_event, mask_accounts, seconds, truth, who_of
from airflow_provider_paygate.operators.progress import Shown

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.payouts import PaywizePayouts
    from airflow_provider_paygate.payouts.ceilings import Ceilings
    from airflow_provider_paygate.payouts.rows import Source

DEFER_SLACK_SECONDS = 120
POLL_SECONDS = 15.0
MAX_CONCURRENCY = 8
# What a batch that ended so raises, the one that a retry can mend first.
FAILURES: dict[str, type[PaygateError]] = {
    "unknown": OutcomeUnknown,
    "pending": StillPending,
    "failed": PayoutFailed,
    "refused": Refused,
}


class PaywizePayoutBatchOperator(BaseOperator):
    """Pay a list of beneficiaries as one batch: each at most once, every row ending in a named state.

    The whole source is checked before the first rupee moves. Run again, it continues at the first unresolved row.
    Give exactly one of `payouts`, `path` and `sql`.

    :param payouts: a list of mappings with the fields of `Payout`, often an XCom.
    :param path: a ``.csv``, ``.jsonl`` or ``.parquet`` file, anywhere Airflow's ObjectStoragePath reaches.
    :param sql: a query whose rows are the payouts.
    :param sql_conn_id: the database it is asked of.
    :param columns: our field → their column, where the names differ.
    :param batch_id: the batch's name; the same name is the same batch. Dag, task and run when left out.
    :param on_invalid: ``fail``: one bad row and nothing is sent. ``skip``: bad rows count as refused, the rest are paid.
    :param fail_on: states that fail the task when a row ends in one: ``failed``, ``refused``, ``unknown``, ``pending``.
    :param max_concurrency: requests under way at once.
    :param max_amount: the most for one payout; can only be lower than the connection's.
    :param max_batch_amount: the most for the batch; can only be lower than the connection's.
    :param results_path: a ``.csv`` or ``.parquet`` file to write, one line for each row.
    :param paywize_conn_id: the connection.
    :param wait_for_completion: False returns when everything is submitted.
    :param deferrable: wait in the triggerer; ``[operators] default_deferrable`` when left out.
    :param poll_interval: seconds between sweeps over what is unresolved; 15.
    :param timeout: seconds to wait; four hours, or three sweeps at the status rate if that is longer.
    :returns: ``{"batch_id", "total", "succeeded", "failed", "refused", "unknown", "pending", "amount_succeeded",
        "already_paid"}``.
    """

    template_fields: Sequence[str] = (
        "payouts",
        "path",
        "sql",
        "sql_conn_id",
        "columns",
        "batch_id",
        "on_invalid",
        "fail_on",
        "max_concurrency",
        "max_amount",
        "max_batch_amount",
        "results_path",
        "paywize_conn_id",
        "wait_for_completion",
        "poll_interval",
        "timeout",
    )
    ui_color = "#c8ecd2"

    def __init__(
        self,
        *,
        payouts: Iterable[Mapping[str, Any]] | None = None,
        path: str | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        columns: Mapping[str, str] | None = None,
        batch_id: str | None = None,
        on_invalid: str = "fail",
        fail_on: Sequence[str] = ("unknown",),
        max_concurrency: Any = MAX_CONCURRENCY,
        max_amount: Any = None,
        max_batch_amount: Any = None,
        results_path: str | None = None,
        paywize_conn_id: str = "paywize_default",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: Any = None,
        timeout: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.payouts = payouts
        self.path = path
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.columns = columns
        self.batch_id = batch_id
        self.on_invalid = on_invalid
        self.fail_on = fail_on
        self.max_concurrency = max_concurrency
        self.max_amount = max_amount
        self.max_batch_amount = max_batch_amount
        self.results_path = results_path
        self.paywize_conn_id = paywize_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        # The one place that plain and mapped tasks both pass before Airflow stores what was rendered.
        super()._do_render_template_fields(*args, **kwargs)
        if isinstance(self.payouts, list | tuple):
            column = (self.columns or {}).get("beneficiary_account", "beneficiary_account")
            mask_accounts(row.get(column) for row in self.payouts if isinstance(row, Mapping))

    @concerning("paywize")
    def execute(self, context: Any) -> dict[str, Any]:
        """Check everything, send what is unresolved, then wait."""
        from airflow_provider_paygate.payouts.batch import Checks
        from airflow_provider_paygate.payouts.summary import summary_of

        payouts = self._payouts(context)
        payouts.begin()
        source = self._source()
        self._check_arguments()
        checks = Checks(self._ceilings(payouts), self.on_invalid, payouts.balance)
        batch_id = self.batch_id or _default_batch_id(context)
        timeout = seconds(self.timeout, "timeout", -1)
        every = seconds(self.poll_interval, "poll_interval", POLL_SECONDS)
        with Shown(self.log, batch_id) as shown:
            plan = payouts.pay_batch(source, batch_id, checks, int(self.max_concurrency), shown.progress)
        journal = payouts.journal
        summary = summary_of(journal.database, plan.batch, batch_id)
        if not truth(self.wait_for_completion) or not summary["pending"] + summary["unknown"]:
            return self._ended(payouts, plan.batch, batch_id)
        if timeout < 0:
            timeout = payouts.patience(summary["total"])
        self.log.info("batch %s: submitted; waiting up to %.0f s for its end: %s", batch_id, timeout, _told(summary))
        deadline = time.time() + timeout
        if self.deferrable:
            from airflow_provider_paygate.triggers.paywize import PaywizeBatchTrigger

            self.defer(
                trigger=PaywizeBatchTrigger(
                    paywize_conn_id=self.paywize_conn_id,
                    batch=plan.batch,
                    batch_id=batch_id,
                    poll_interval=every,
                    deadline=deadline,
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=timeout + DEFER_SLACK_SECONDS),
            )
        from airflow_provider_paygate.payouts.following import of_batch

        asyncio.run(payouts.follow(of_batch(plan.batch), every, deadline))
        return self._ended(payouts, plan.batch, batch_id)

    @concerning("paywize")
    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take over from the trigger. What it saw stands in the journal."""
        told = checked_event(event)
        return self._ended(self._payouts(context), int(told["batch"]), told["batch_id"])

    def _ended(self, payouts: PaywizePayouts, batch: int, batch_id: str) -> dict[str, Any]:
        from airflow_provider_paygate.payouts.summary import results_of, summary_of, write_results

        database = payouts.journal.database
        summary = summary_of(database, batch, batch_id)
        if self.results_path:
            try:
                rows = write_results(results_of(database, batch), self.results_path)
            except (OSError, InvalidRequest) as error:
                raise PaygateError(
                    f"Batch {batch_id} is done ({_told(summary)}), but its results could not be written: {error}. "
                    "A retry writes them and sends nothing.",
                    gateway="paywize",
                    operation="results",
                ) from error
            self.log.info("batch %s: %d rows written to %s", batch_id, rows, self.results_path)
        self.log.info("batch %s: %s", batch_id, _told(summary))
        if summary["already_paid"]:
            self.log.warning(
                "batch %s: %d of its rows had been paid before by another batch or run and were not sent",
                batch_id,
                summary["already_paid"],
            )
        for state, failure in FAILURES.items():
            if state in self.fail_on and summary[state]:
                raise failure(_failure_text(batch_id, state, summary), gateway="paywize", operation="batch")
        return summary

    def _source(self) -> Source:
        from airflow_provider_paygate.payouts import rows

        given = [name for name in ("payouts", "path", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidRequest("give exactly one of payouts, path and sql", operation="check")
        columns = self.columns or {}
        if self.path is not None:
            return rows.from_path(str(self.path), columns)
        if self.sql is not None:
            if not self.sql_conn_id:
                raise InvalidRequest("sql needs sql_conn_id: the database it is asked of", operation="check")
            return rows.from_sql(self.sql, self.sql_conn_id, columns)
        if isinstance(self.payouts, str | Mapping) or not isinstance(self.payouts, Iterable):
            raise InvalidRequest("payouts must be a list of mappings", operation="check")
        return rows.from_list(self.payouts, columns)

    def _check_arguments(self) -> None:
        if self.on_invalid not in {"fail", "skip"}:
            raise InvalidRequest('on_invalid must be "fail" or "skip"', operation="check")
        if isinstance(self.fail_on, str) or not set(self.fail_on) <= set(FAILURES):
            raise InvalidRequest(f"fail_on must be a list out of {', '.join(FAILURES)}", operation="check")
        if not str(self.max_concurrency).isdigit() or not 1 <= int(self.max_concurrency) <= 64:
            raise InvalidRequest("max_concurrency must be a whole number from 1 to 64", operation="check")
        if self.results_path and not self.results_path.lower().endswith((".csv", ".parquet")):
            raise InvalidRequest("results_path must end in .csv or .parquet", operation="check")
        if self.results_path and "://" not in self.results_path:
            folder = os.path.dirname(os.path.abspath(self.results_path))
            if not os.access(folder, os.W_OK):
                raise InvalidRequest(
                    f"results_path: there is no folder {folder} that can be written to", operation="check"
                )

    def _ceilings(self, payouts: PaywizePayouts) -> Ceilings:
        from airflow_provider_paygate.gateways.paywize.payout import checked_amount

        own: list[Any] = []
        for name in ("max_amount", "max_batch_amount"):
            try:
                value = getattr(self, name)
                own.append(None if value in (None, "") else checked_amount(value, name))
            except ValueError as error:
                raise InvalidRequest(str(error), operation="check") from None
        return payouts.hook.settings.ceilings.tightened(*own)

    def _payouts(self, context: Any) -> PaywizePayouts:
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizePayouts(PaywizeHook(self.paywize_conn_id), who_of(context))


def _default_batch_id(context: Any) -> str:
    who = who_of(context)
    if who.dag_id is None:
        from uuid import uuid4

        return f"batch-{uuid4().hex[:12]}"
    mapped = "" if who.map_index in (None, -1) else f"/{who.map_index}"
    return f"{who.dag_id}/{who.task_id}/{who.run_id}{mapped}"[:250]


def _told(summary: Mapping[str, Any]) -> str:
    states = ", ".join(
        f"{summary[state]} {state}" for state in ("succeeded", "failed", "refused", "unknown", "pending")
    )
    return f"{summary['total']} rows: {states}; {summary['amount_succeeded']} INR paid"


def _failure_text(batch_id: str, state: str, summary: Mapping[str, Any]) -> str:
    advice = {
        "unknown": "Money may have moved for them: a retry asks the gateway before anything else. "
        "`paygate payouts list --state unknown` names them.",
        "pending": "A retry goes on waiting and sends nothing.",
        "failed": "Their payees have not been paid: `paygate payouts list --state failed` names them.",
        "refused": "Nothing moved for them: the results file and the log say why.",
    }[state]
    return f"Batch {batch_id}: {summary[state]} rows ended {state} ({_told(summary)}). {advice}"
