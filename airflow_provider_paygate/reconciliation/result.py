"""The answer of a reconciliation: frozen, and able to show itself as text, HTML, a small dict or a file of breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from airflow_provider_paygate.reconciliation.breaks import BREAK_TYPES, Break
from airflow_provider_paygate.reconciliation.calendars import AsOf
from airflow_provider_paygate.reconciliation.memory import PastRun
from airflow_provider_paygate.reconciliation.money import plain
from airflow_provider_paygate.reconciliation.table_file import write_table
from airflow_provider_paygate.reconciliation.totals import Tally
from airflow_provider_paygate.reconciliation.vocabulary import BUCKETS, CLASSES, SIDES


class IgnoredBreak(NamedTuple):
    """A break that a person took out of the count."""

    row: Break
    reason: str


@dataclass(frozen=True)
class StatementCount:
    """Lines of the bank statement, and how many agreed payments it confirms."""

    lines: int
    unknown_lines: int
    confirmed: int
    unconfirmed: int


@dataclass(frozen=True)
class Result:
    """What a reconciliation found. All of it is a function of the input rows, not of their order."""

    as_of: AsOf
    breaks: Sequence[Break]
    tally: Tally
    labels: Mapping[str, str]
    name: str | None = None
    ignored: Sequence[IgnoredBreak] = ()
    matched_by: Mapping[str, int] = field(default_factory=dict)
    """Pass → ledger rows that it matched and that agree."""
    lags: Mapping[int, int] = field(default_factory=dict)
    """Days from creation to settlement → payments, as the gateway reports them."""
    made_on: Mapping[str, date] = field(default_factory=dict)
    """Break id → the local day its payment was made."""
    first_seen: Mapping[str, date] = field(default_factory=dict)
    """Break id → the day of the first run that saw it."""
    statement: StatementCount | None = None
    past: Sequence[PastRun] = ()
    """Earlier runs of the same name, oldest first."""

    @property
    def by_class(self) -> dict[str, int]:
        """Open breaks per class, every class named."""
        counts = dict.fromkeys(CLASSES, 0)
        for row in self.breaks:
            counts[row.break_class] += 1
        return counts

    @property
    def exit_code(self) -> int:
        """0 when nothing but timing is open, else 1."""
        return int(any(row.break_class != "timing" for row in self.breaks))

    def summary(self) -> dict[str, Any]:
        """Counts and sums, small enough for XCom; amounts are decimal strings.

        `sum` runs over all currencies, as a control total; `by_currency` has the sums that mean money.
        """
        answer: dict[str, Any] = {
            side: {
                "count": {bucket: self.tally.count(side, bucket) for bucket in BUCKETS},
                "sum": {bucket: plain(self.tally.amount(side, bucket)) for bucket in BUCKETS},
            }
            for side in SIDES
        }
        answer["by_class"] = self.by_class
        answer["by_currency"] = {
            currency or "unstated": {
                side: {
                    "count": {bucket: self.tally.count(side, bucket, currency) for bucket in BUCKETS},
                    "sum": {bucket: plain(self.tally.amount(side, bucket, currency)) for bucket in BUCKETS},
                }
                for side in SIDES
            }
            for currency in self.tally.currencies
        }
        answer["matched_by"] = dict(self.matched_by)
        answer["ambiguous"] = sum("ambiguous: " in row.evidence for row in self.breaks)
        if self.statement is not None:
            answer["statement"] = vars(self.statement).copy()
        answer["name"] = self.name
        answer["as_of"] = str(self.as_of)
        return answer

    def text(self) -> str:
        """The report for a terminal or a log."""
        from airflow_provider_paygate.reconciliation.report.text import render

        return render(self)

    def html(self) -> str:
        """The report as one page that needs no network."""
        from airflow_provider_paygate.reconciliation.report.html import render

        return render(self)

    def write_breaks(self, path: str) -> None:
        """The breaks as CSV or Parquet, by the suffix of the path."""
        write_table(path, BREAK_TYPES, self.breaks)
