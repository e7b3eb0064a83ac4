"""The report for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_paygate.reconciliation.money import plain
from airflow_provider_paygate.reconciliation.vocabulary import BUCKETS, SIDES

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.breaks import Break
    from airflow_provider_paygate.reconciliation.result import Result

_SHOWN = 20


def render(result: Result) -> str:
    """Verdict, totals per currency, counts per class and pass, the first breaks; ends with a line end."""
    return "\n".join(_lines(result)) + "\n"


def verdict(result: Result) -> str:
    """One sentence."""
    timing = result.by_class["timing"]
    breaks = len(result.breaks) - timing
    said = "No breaks" if breaks == 0 else counted(breaks, "break")
    late = f", {timing:,} not yet due" if timing else ""
    ignored = f", {len(result.ignored):,} ignored" if result.ignored else ""
    return f"{said}{late}{ignored}, {counted(result.tally.count('ledger', 'matched'), 'ledger row')} matched."


def counted(number: int, what: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _lines(result: Result) -> Iterator[str]:
    name = f" {result.name!r}" if result.name else ""
    yield f"Reconciliation{name}: {result.labels['ledger']} against {result.labels['gateway']}, as of {result.as_of}"
    yield verdict(result)
    for currency in result.tally.currencies:
        yield ""
        yield from _totals(result, currency)
    yield ""
    passes = ", ".join(f"{name} {count:,}" for name, count in result.matched_by.items() if count)
    yield f"Matched by: {passes or 'nothing'}"
    if result.statement is not None:
        s = result.statement
        yield (
            f"Bank statement: {counted(s.lines, 'line')}, {s.unknown_lines:,} without a counterpart; "
            f"confirms {s.confirmed:,} of {s.confirmed + s.unconfirmed:,} agreed payments"
        )
    if result.breaks:
        yield ""
        yield "Breaks by class: " + ", ".join(f"{name} {count:,}" for name, count in result.by_class.items() if count)
        yield ""
        yield from _breaks(result)


def _totals(result: Result, currency: str) -> Iterator[str]:
    rows = [(currency or "no currency", *(f"{side} {what}" for side in SIDES for what in ("rows", "sum")))]
    for bucket in BUCKETS:
        cells = [bucket]
        for side in SIDES:
            cells.append(f"{result.tally.count(side, bucket, currency):,}")
            cells.append(plain(result.tally.amount(side, bucket, currency)))
        rows.append(tuple(cells))
    yield from _table(rows, left=1)


def _breaks(result: Result) -> Iterator[str]:
    header = ("class", "severity", "reference", "ledger", "gateway", "currency", "due by", "evidence")
    shown = sorted(result.breaks, key=lambda row: row.break_class == "timing")[:_SHOWN]
    yield from _table([header, *(_cells(row) for row in shown)], left=3, right_after=5)
    if len(result.breaks) > _SHOWN:
        yield f"… and {len(result.breaks) - _SHOWN:,} more in the breaks file"


def _cells(row: Break) -> tuple[str, ...]:
    amounts = ("–" if amount is None else plain(amount) for amount in (row.ledger_amount, row.gateway_amount))
    due = row.due_by.isoformat() if row.due_by else "–"
    return (row.break_class, row.severity, row.reference, *amounts, row.currency or "–", due, row.evidence)


def _table(rows: list[tuple[str, ...]], *, left: int, right_after: int | None = None) -> Iterator[str]:
    """Columns aligned: the first `left` and those from `right_after` on to the left, the rest to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if i < left or (right_after is not None and i >= right_after) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
