"""Write a Paytia report to a file, ready for reconciliation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, concerning
from airflow_provider_paygate.operators.paytia.base import PaytiaOperator, own_days

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paytia import PaytiaHook

REPORTS = {"payments": "payments_taken", "cdr": "cdr_logs"}


class PaytiaReportOperator(PaytiaOperator):
    """Read the payment history or the call records and write them to CSV, JSON lines or Parquet, in constant memory.

    A record can reach a report after its day has been read. So each run also reads the days before `start_date` again:
    files overlap, and every file holds each record once, by its id. The columns of a payments file are those that
    `PaygateReconcileOperator` reads; ``raw`` holds the gateway's own fields as JSON.

    :param report: ``payments`` or ``cdr``.
    :param path: ends in ``.csv``, ``.jsonl`` or ``.parquet``; local, or anywhere Airflow's ObjectStoragePath reaches. It is
        written whole or not at all.
    :param start_date: the first day, ``YYYY-MM-DD``. A datetime from `default_args` is the task's own, as everywhere in Airflow.
    :param end_date: the last day.
    :param lookback_days: how many days before `start_date` are read again.
    :param fields: further filters.
    :param paytia_conn_id: the connection.
    :returns: ``{"report", "path", "rows", "repeated", "without_id", "pages", "ended", "start_date", "end_date"}``; `ended` is
        why there is no further page: ``empty``, ``short`` or ``repeats``.
    """

    template_fields: Sequence[str] = (
        "report", "path", "first_day", "last_day", "lookback_days", "fields", "paytia_conn_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        report: str = "payments",
        path: str,
        start_date: Any = None,
        end_date: Any = None,
        lookback_days: Any = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        days = own_days(self, start_date=start_date, end_date=end_date)
        self.report = report
        self.path = path
        self.first_day = days["start_date"]
        self.last_day = days["end_date"]
        self.lookback_days = lookback_days

    @concerning("paytia")
    def execute(self, context: Any) -> dict[str, Any]:
        """Read every page once, and put the file in its place when the last one has come."""
        from airflow_provider_paygate.gateways.paytia.reporting import Seen
        from airflow_provider_paygate.reports import CALLS, PAYMENTS, written

        if self.report not in REPORTS:
            raise InvalidRequest(f"report must be one of {', '.join(REPORTS)}", gateway="paytia", operation="check")
        hook = self.hook()
        first, last = hook.checked(_days, self.first_day, self.last_day, self.lookback_days)
        filters = {**self.further_fields(), "start_date": first, "end_date": last}
        seen = Seen()
        rows = hook.report(REPORTS[self.report], filters, seen)
        table, read = (PAYMENTS, _payments) if self.report == "payments" else (CALLS, _calls)
        count = written(str(self.path), table, read(hook, rows))
        if seen.without_id:
            self.log.warning("%s rows have no id: a repetition of one would not be seen", seen.without_id)
        self.log.info("%s rows in %s pages; %s repeated ones left out", count, seen.pages, seen.repeated)
        return {
            "report": self.report,
            "path": str(self.path),
            "rows": count,
            "repeated": seen.repeated,
            "without_id": seen.without_id,
            "pages": seen.pages,
            "ended": seen.ended,
            "start_date": first,
            "end_date": last,
        }


def _days(first: Any, last: Any, lookback: Any) -> tuple[str | None, str | None]:
    """The days to ask for, the overlap included. Raises ValueError that names the argument."""
    from datetime import date, timedelta

    from airflow_provider_paygate.gateways.paytia.service import checked_day

    if not str(lookback).isdigit():
        raise ValueError("lookback_days must be a whole number, zero or more")
    begin = None if first in (None, "") else date.fromisoformat(checked_day(first, "start_date"))
    end = None if last in (None, "") else checked_day(last, "end_date")
    if begin is not None and end is not None and end < begin.isoformat():
        raise ValueError("end_date is before start_date")
    return None if begin is None else (begin - timedelta(days=int(lookback))).isoformat(), end


def _payments(hook: PaytiaHook, rows: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    from airflow_provider_paygate.gateways.paytia.payment import payment_of

    names = hook.client.merchant.names
    for row in rows:
        told = payment_of(row, names)
        yield {
            "reference": told.reference,
            "amount": told.amount,
            "currency": told.currency,
            "status": told.status,
            "transaction_id": told.transaction_id,
            "utr": None,
            "beneficiary": None,
            "created_at": told.created_at,
            "settled_at": None,
            "fee": told.fee,
            "settlement_id": None,
            "kind": told.kind,
            "cdr_id": told.cdr_id,
            "message": told.message,
            "raw": told.raw,
        }


def _calls(hook: PaytiaHook, rows: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    from airflow_provider_paygate.gateways.paytia.payment import call_of

    names = hook.client.merchant.names
    for row in rows:
        told = call_of(row, names)
        yield {
            "cdr_id": told.cdr_id,
            "state": told.state,
            "agent_id": told.agent_id,
            "originator": told.originator,
            "started_at": told.started_at,
            "answered_at": told.answered_at,
            "ended_at": told.ended_at,
            "raw": told.raw,
        }
