"""The report as one HTML page: no network, no file beside it, the same bytes for the same result."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from airflow_provider_paygate.reconciliation.money import grouped
from airflow_provider_paygate.reconciliation.report import charts, figures
from airflow_provider_paygate.reconciliation.report.break_table import break_section, ignored_section
from airflow_provider_paygate.reconciliation.report.text import counted, verdict
from airflow_provider_paygate.reconciliation.vocabulary import BUCKETS, SIDES

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.result import Result


def render(result: Result) -> str:
    """The whole page."""
    sides = [f"{escape(result.labels['ledger'])} against {escape(result.labels['gateway'])}"]
    if "statement" in result.labels:
        sides.append(f"bank statement {escape(result.labels['statement'])}")
    sides.append(f"as of {escape(str(result.as_of))}")
    name = f" · {escape(result.name)}" if result.name else ""
    return Template(_file("page.html")).substitute(
        title=f"Reconciliation{name}, {result.as_of.day.isoformat()}",
        css=_file("page.css").strip(),
        js=_file("page.js").strip(),
        name=name,
        mood="bad" if result.exit_code else "good",
        verdict=escape(verdict(result)),
        sides=" · ".join(sides),
        tiles="".join(_tiles(result)),
        totals="".join(_totals(result, currency) for currency in result.tally.currencies),
        passes=escape(_passes(result)),
        charts=_charts(result),
        breaks=break_section(result),
        ignored=ignored_section(result),
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _tiles(result: Result) -> Iterator[str]:
    timing = result.by_class["timing"]
    breaks = len(result.breaks) - timing
    yield _tile(f"{breaks:,}", "break" if breaks == 1 else "breaks")
    for currency, amount in figures.risk_by_currency(result)[:3]:
        yield _tile(grouped(amount), f"{currency or 'no currency stated,'} in question")
    yield _tile(f"{timing:,}", "not yet due")
    rows = result.tally.count("ledger", "input")
    share = Decimal(100 * result.tally.count("ledger", "matched")) / rows if rows else Decimal(100)
    # Never round up to a hundred what is not all.
    yield _tile(f"{share.quantize(Decimal('0.01'), rounding='ROUND_DOWN'):f} %", "of ledger rows matched")
    if result.statement is not None:
        agreed = result.statement.confirmed + result.statement.unconfirmed
        yield _tile(f"{result.statement.confirmed:,} of {agreed:,}", "agreed payments on the bank statement")


def _tile(figure: str, meaning: str) -> str:
    return f'<div class="tile"><b>{escape(figure)}</b><span>{escape(meaning)}</span></div>'


def _totals(result: Result, currency: str) -> str:
    heads = "".join(f'<th class="n">{side}</th>' for side in SIDES)
    rows = []
    for bucket in BUCKETS:
        cells = "".join(
            f'<td class="n">{grouped(result.tally.amount(side, bucket, currency))}'
            f"<small>{counted(result.tally.count(side, bucket, currency), 'row')}</small></td>"
            for side in SIDES
        )
        rows.append(f"<tr{' class=sum' if bucket == 'input' else ''}><th>{bucket}</th>{cells}</tr>")
    label = escape(currency) or "no currency stated"
    return (
        f'<div class="table"><table><thead><tr><th>{label}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _passes(result: Result) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in result.matched_by.items() if count)
    said = f"Input is the sum of the other lines. Agreed ledger rows by the pass that matched them: {counts or 'none'}."
    if result.statement is not None:
        lines, unknown = result.statement.lines, result.statement.unknown_lines
        said += f" Bank statement: {counted(lines, 'line')}, {unknown:,} without a counterpart."
    return said


def _charts(result: Result) -> str:
    drawn = []
    if series := figures.by_class(result):
        drawn.append(_figure("Breaks by class", "", charts.counts_across("Breaks by class", series)))
    for currency, amount in figures.risk_by_currency(result)[:3]:
        if amount:
            title = f"Money in question, {escape(currency)}" if currency else "Money in question"
            svg = charts.money_up(title, figures.risk_by_day(result, currency))
            drawn.append(_figure(title, "by the day the payment was made", svg))
    if series := figures.ages(result):
        drawn.append(_figure("Age of open cases", "in days", charts.counts_up("Age of open cases in days", series)))
    if series := figures.lags(result):
        svg = charts.counts_up("Days from creation to settlement", series)
        drawn.append(_figure("Days from creation to settlement", "as the gateway reports it", svg))
    if runs := figures.trend(result):
        drawn.append(_figure("Over the runs", "", charts.runs("Breaks over the runs", runs)))
    return f'<section class="charts" aria-label="Charts">{"".join(drawn)}</section>' if drawn else ""


def _figure(title: str, subtitle: str, svg: str) -> str:
    small = f"<small>{subtitle}</small>" if subtitle else ""
    return f"<figure><figcaption>{title}{small}</figcaption>{svg}</figure>"
