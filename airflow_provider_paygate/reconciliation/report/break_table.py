"""The table of breaks on the page: the most urgent first, as many as a browser handles well."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_paygate.reconciliation.money import grouped, plain
from airflow_provider_paygate.reconciliation.vocabulary import CLASSES, SEVERITIES

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.breaks import Break
    from airflow_provider_paygate.reconciliation.result import Result

MOST_ROWS = 2000
# (heading, whether its values are numbers)
_HEADS = (
    ("Severity", False),
    ("Class", False),
    ("Reference", False),
    ("Ledger", True),
    ("Gateway", True),
    ("Difference", True),
    ("Age", True),
    ("Due by", False),
    ("First seen", False),
    ("Next step and evidence", False),
)


def break_section(result: Result) -> str:
    """Nothing when there are no breaks."""
    if not result.breaks:
        return ""
    rank = {name: place for place, name in enumerate(SEVERITIES)}
    urgent = sorted(result.breaks, key=lambda row: rank[row.severity])  # stable: class and reference stay in order
    shown = urgent[:MOST_ROWS]
    left = len(urgent) - len(shown)
    note = f'<p class="note">{left:,} less urgent ones are only in the breaks file.</p>' if left else ""
    present = [name for name in CLASSES if result.by_class[name]]
    options = "".join(f'<option value="{name}">{name.replace("_", " ")}</option>' for name in present)
    heads = "".join(
        f'<th scope="col"{" class=n" if number else ""}>{name}</th>'
        for name, number in _HEADS
        if name != "First seen" or result.name
    )
    return (
        '<section><h2>Breaks</h2><div class="controls">'
        '<input id="search" type="search" placeholder="Search" aria-label="Search the breaks">'
        f'<select id="class" aria-label="Class"><option value="">all classes</option>{options}</select>'
        f'<output id="shown">{len(shown):,}</output></div>'
        f'<div class="table"><table class="breaks"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(_row(row, result) for row in shown)}</tbody></table></div>{note}</section>"
    )


def ignored_section(result: Result) -> str:
    """What people took out of the count, and why."""
    if not result.ignored:
        return ""
    rows = "".join(
        f'<tr><td data-l="Class" class="nowrap">{row.break_class.replace("_", " ")}</td>'
        f'<td data-l="Reference" class="ref">{escape(row.reference)}</td>'
        f'<td data-l="Difference" class="n">{grouped(row.difference)} {escape(row.currency or "")}</td>'
        f'<td data-l="Reason">{escape(reason)}</td></tr>'
        for row, reason in result.ignored[:MOST_ROWS]
    )
    return (
        '<section><h2>Ignored</h2><div class="table"><table class="ignored"><thead><tr><th>Class</th><th>Reference</th>'
        f'<th class="n">Difference</th><th>Reason</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _row(row: Break, result: Result) -> str:
    rank = SEVERITIES.index(row.severity)
    age = "" if row.age_days is None else str(row.age_days)
    first_seen = result.first_seen.get(row.break_id)
    cells = [
        f'<td data-l="Severity" class="s s-{row.severity}" data-v="{rank}">{row.severity}</td>',
        f'<td data-l="Class" class="nowrap">{row.break_class.replace("_", " ")}</td>',
        f'<td data-l="Reference" class="ref">{escape(row.reference)}</td>',
        _amount("Ledger", row.ledger_amount, row.ledger_status),
        _amount("Gateway", row.gateway_amount, row.gateway_status),
        _amount("Difference", row.difference, row.currency),
        f'<td data-l="Age, days" class="n" data-v="{age}">{age}</td>',
        _day("Due by", row.due_by),
        _day("First seen", first_seen) if result.name else "",
        f'<td data-l="Next step" class="words"><div>{escape(row.suggested_action)}<small>{escape(row.evidence)}</small></div></td>',
    ]
    return f'<tr data-class="{row.break_class}">{"".join(cells)}</tr>'


def _amount(label: str, amount: Decimal | None, below: str | None) -> str:
    small = f"<small>{escape(below)}</small>" if below else ""
    if amount is None:
        return f'<td data-l="{label}" class="n none" data-v=""></td>'
    return f'<td data-l="{label}" class="n" data-v="{plain(amount)}"><div>{grouped(amount)}{small}</div></td>'


def _day(label: str, day: date | None) -> str:
    text = day.isoformat() if day else ""
    return f'<td data-l="{label}" class="nowrap">{text}</td>'
