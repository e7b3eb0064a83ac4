"""A break as a person works on it, and how a finding becomes one: class, severity, age, due date, evidence, action."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from airflow_provider_paygate.reconciliation.calendars import local_time
from airflow_provider_paygate.reconciliation.findings import Finding, Holding
from airflow_provider_paygate.reconciliation.settings import Settings
from airflow_provider_paygate.reconciliation.vocabulary import CLASSES
from airflow_provider_paygate.reconciliation.wording import action_for, evidence_for, severity_of

_CENT = Decimal("0.01")


class Break(NamedTuple):
    """One row of the breaks file. `difference` is gateway − ledger, an absent side counting as 0."""

    break_id: str
    break_class: str
    severity: str
    reference: str
    ledger_amount: Decimal | None
    gateway_amount: Decimal | None
    difference: Decimal
    currency: str | None
    ledger_status: str | None
    gateway_status: str | None
    age_days: int | None
    due_by: date | None
    evidence: str
    suggested_action: str


# The columns of the breaks file with DuckDB's types: the fields above, `class` by its proper name.
_TYPES = {
    "ledger_amount": "DECIMAL(38, 4)",
    "gateway_amount": "DECIMAL(38, 4)",
    "difference": "DECIMAL(38, 4)",
    "age_days": "BIGINT",
    "due_by": "DATE",
}
BREAK_TYPES = {("class" if name == "break_class" else name): _TYPES.get(name, "VARCHAR") for name in Break._fields}


class Judged(NamedTuple):
    """A break with what the totals and reports need besides: the rows it accounts for, the day its payment was made."""

    row: Break
    holdings: tuple[Holding, ...]
    made_on: date | None


def judge(finding: Finding, settings: Settings) -> Judged:
    """The break that a finding is, seen from `settings.as_of`."""
    calendar = settings.calendars.of(finding.currency)
    made_on = due_by = age = None
    young = False
    if finding.created_at is not None:
        made = local_time(finding.created_at, finding.created_local, calendar)
        due = calendar.after(made, settings.window.of(finding.late_side or "gateway"))
        now = settings.as_of.local(calendar)
        made_on, due_by, young = made.date(), due.date(), now < due
        age = max(0, (now.date() - made_on).days)
    break_class = "timing" if young and finding.late_side and finding.kind != "unknown_outcome" else finding.kind
    ledger, gateway = _money(finding.ledger_amount), _money(finding.gateway_amount)
    row = Break(
        break_id=break_id(finding),
        break_class=break_class,
        severity=severity_of(break_class, finding),
        reference=finding.reference,
        ledger_amount=ledger,
        gateway_amount=gateway,
        difference=_rounded((finding.gateway_amount or Decimal(0)) - (finding.ledger_amount or Decimal(0))),
        currency=finding.currency,
        ledger_status=finding.ledger_status,
        gateway_status=finding.gateway_status,
        age_days=age,
        due_by=due_by,
        evidence=evidence_for(break_class, finding),
        suggested_action=action_for(break_class, finding),
    )
    return Judged(row, finding.holdings, made_on)


def in_order(breaks: list[Judged]) -> list[Judged]:
    """By class in order of precedence, then reference: the same for any order of the input rows."""
    rank = {name: place for place, name in enumerate(CLASSES)}
    return sorted(breaks, key=lambda one: (rank[one.row.break_class], one.row.reference, one.row.break_id))


def break_id(finding: Finding) -> str:
    """16 hex digits, a function of what the break is about and not of its class: a payment that is late today and
    missing tomorrow stays one case."""
    origin = "statement" if finding.on_statement_only else "payment"
    return hashlib.sha256(f"{origin}|{finding.reference}".encode()).hexdigest()[:16]


def _money(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else _rounded(amount)


def _rounded(amount: Decimal) -> Decimal:
    """Two places, or as many as it takes."""
    short = amount.quantize(_CENT)
    return short if short == amount else amount.normalize()
