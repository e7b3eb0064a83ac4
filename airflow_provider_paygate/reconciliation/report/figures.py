"""The numbers behind the charts: by class, money at risk per day, ageing, days to settle, trend."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation.breaks import Break
    from airflow_provider_paygate.reconciliation.result import Result

_AGES = ((1, "0–1"), (3, "2–3"), (7, "4–7"), (30, "8–30"))
_LAGS = 7
_DAYS = 31
_RUNS = 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Series = list[tuple[str, Decimal]]


def at_risk(row: Break) -> Decimal:
    """The money a break puts in question: the difference where both sides have it, else the whole payment."""
    if row.break_class == "timing":
        return Decimal(0)
    if row.break_class in ("amount_mismatch", "fee") and row.difference:
        return abs(row.difference)
    return max(abs(row.ledger_amount or Decimal(0)), abs(row.gateway_amount or Decimal(0)))


def risk_by_currency(result: Result) -> list[tuple[str, Decimal]]:
    """Currency ("" where none is stated) and the sum in question, largest first."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in result.breaks:
        if row.break_class != "timing":
            sums[row.currency or ""] += at_risk(row)
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def by_class(result: Result) -> Series:
    """Classes that have breaks, in order of precedence."""
    return [(name, Decimal(count)) for name, count in result.by_class.items() if count]


def risk_by_day(result: Result, currency: str) -> Series:
    """Sum in question by the day the payment was made; days before the last 31 that have any are one bar."""
    sums: dict[date | None, Decimal] = defaultdict(Decimal)
    for row in result.breaks:
        if (row.currency or "") == currency and row.break_class != "timing":
            sums[result.made_on.get(row.break_id)] += at_risk(row)
    undated = sums.pop(None, Decimal(0))
    days = sorted(day for day in sums if day is not None)
    series: Series = [(_short(day), sums[day]) for day in days[-_DAYS:]]
    if earlier := sum((sums[day] for day in days[:-_DAYS]), Decimal(0)):
        series.insert(0, ("earlier", earlier))
    return [*series, ("undated", undated)] if undated else series


def ages(result: Result) -> Series:
    """Breaks by age in days, those not yet due included."""
    counts: Counter[str] = Counter()
    for row in result.breaks:
        counts[_age_band(row.age_days)] += 1
    names = [name for _, name in _AGES] + ["over 30", "unknown"]
    return [(name, Decimal(counts[name])) for name in names if counts[name] or name != "unknown"] if counts else []


def lags(result: Result) -> Series:
    """The gateway's payments by days from creation to settlement."""
    counts: Counter[str] = Counter()
    for days, payments in result.lags.items():
        counts["before" if days < 0 else str(days) if days <= _LAGS else f"over {_LAGS}"] += payments
    names = ["before", *map(str, range(_LAGS + 1)), f"over {_LAGS}"]
    known: Series = [(name, Decimal(counts[name])) for name in names]
    while known and not known[-1][1]:
        known.pop()
    return known[1:] if known and not known[0][1] else known


def trend(result: Result) -> list[tuple[str, int, int]]:
    """(day, breaks, not yet due) of the last runs and this one; empty without earlier runs."""
    if not result.past:
        return []
    runs: Sequence[tuple[date, dict[str, int]]] = [(run.day, dict(run.by_class)) for run in result.past[-_RUNS + 1 :]]
    runs = [*runs, (result.as_of.day, result.by_class)]
    return [
        (_short(day), sum(counts.values()) - counts.get("timing", 0), counts.get("timing", 0)) for day, counts in runs
    ]


def _short(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _age_band(days: int | None) -> str:
    if days is None:
        return "unknown"
    return next((name for limit, name in _AGES if days <= limit), "over 30")
