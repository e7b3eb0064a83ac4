"""What the passes found, as facts: no judgement yet about lateness, severity or what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from airflow_provider_paygate.reconciliation.executors import Executor
from airflow_provider_paygate.reconciliation.passes import found


def upper(currency: str | None) -> str | None:
    """A currency as it is reported; sides may write it in any case, and blank for none."""
    return (currency.strip().upper() or None) if currency is not None else None


class Holding(NamedTuple):
    """Rows of one side that a finding accounts for."""

    side: str
    currency: str | None
    rows: int
    amount: Decimal


class Finding(NamedTuple):
    """One disagreement. `kind` is its class unless it turns out to be mere timing, which `late_side` allows for."""

    kind: str
    reference: str
    holdings: tuple[Holding, ...] = ()
    late_side: str | None = None
    ledger_amount: Decimal | None = None
    gateway_amount: Decimal | None = None
    ledger_currency: str | None = None
    gateway_currency: str | None = None
    ledger_status: str | None = None
    gateway_status: str | None = None
    created_at: datetime | None = None
    created_local: bool = False
    gateway_reference: str | None = None
    matched_by: str | None = None
    fee: Decimal | None = None
    settlement_id: str | None = None
    ambiguous: str | None = None
    statement_rows: int = 0
    statement_amount: Decimal | None = None
    statement_utr: str | None = None
    on_statement_only: bool = False

    @property
    def currency(self) -> str | None:
        return self.ledger_currency or self.gateway_currency

    def rows(self, side: str) -> int:
        return sum(holding.rows for holding in self.holdings if holding.side == side)


def all_findings(executor: Executor, *, with_statement: bool) -> Iterator[Finding]:
    """Every disagreement once, in no order."""
    yield from _duplicates(executor)
    yield from _differences(executor)
    yield from _missing(executor)
    yield from _settlements(executor)
    if with_statement:
        yield from _statement_lines(executor)
        yield from _statement_settlements(executor)


def _duplicates(executor: Executor) -> Iterator[Finding]:
    rows = sorted(found(executor, "find_duplicates"), key=lambda row: (row[0], row[1], row[2] or ""))
    for reference, group in groupby(rows, key=lambda row: row[0]):
        parts = list(group)
        holdings = tuple(Holding(row[1], upper(row[2]), int(row[3]), row[4]) for row in parts)
        dates = sorted((row[6], row[7] == 1) for row in parts if row[6] is not None)
        sides = {side: [row for row in parts if row[1] == side] for side in ("ledger", "gateway")}
        yield Finding(
            kind="duplicate",
            reference=reference,
            holdings=holdings,
            ledger_amount=sum((row[4] for row in sides["ledger"]), Decimal(0)) if sides["ledger"] else None,
            gateway_amount=sum((row[4] for row in sides["gateway"]), Decimal(0)) if sides["gateway"] else None,
            ledger_currency=_first(upper(row[2]) for row in sides["ledger"]),
            gateway_currency=_first(upper(row[2]) for row in sides["gateway"]),
            ledger_status=_first(row[5] for row in sides["ledger"]),
            gateway_status=_first(row[5] for row in sides["gateway"]),
            created_at=dates[0][0] if dates else None,
            created_local=dates[0][1] if dates else False,
        )


def _differences(executor: Executor) -> Iterator[Finding]:
    for row in found(executor, "find_differences"):
        (kind, late, reference, gateway_reference, matched_by, ledger, gateway, ledger_currency, gateway_currency) = (
            row[:9]
        )
        ledger_currency, gateway_currency = upper(ledger_currency), upper(gateway_currency)
        yield Finding(
            kind=kind,
            reference=reference,
            holdings=(Holding("ledger", ledger_currency, 1, ledger), Holding("gateway", gateway_currency, 1, gateway)),
            late_side=late,
            ledger_amount=ledger,
            gateway_amount=gateway,
            ledger_currency=ledger_currency,
            gateway_currency=gateway_currency,
            ledger_status=row[9],
            gateway_status=row[10],
            created_at=row[11],
            created_local=bool(row[12]),
            gateway_reference=gateway_reference,
            matched_by=matched_by,
            fee=row[13],
            statement_amount=row[14],
            statement_rows=row[15] or 0,
        )


def _missing(executor: Executor) -> Iterator[Finding]:
    for kind, late, reference, amount, currency, word, created_at, local, ambiguous, bank, bank_rows in found(
        executor, "find_missing"
    ):
        in_ledger, currency = late == "gateway", upper(currency)
        yield Finding(
            kind=kind,
            reference=reference,
            holdings=(Holding("ledger" if in_ledger else "gateway", currency, 1, amount),),
            late_side=late,
            ledger_amount=amount if in_ledger else None,
            gateway_amount=None if in_ledger else amount,
            ledger_currency=currency if in_ledger else None,
            gateway_currency=None if in_ledger else currency,
            ledger_status=word if in_ledger else None,
            gateway_status=None if in_ledger else word,
            created_at=created_at,
            created_local=bool(local),
            ambiguous=ambiguous,
            statement_amount=bank,
            statement_rows=bank_rows or 0,
        )


def _settlements(executor: Executor) -> Iterator[Finding]:
    for row in found(executor, "find_settlements"):
        kind, reference, settlement_id, ledger_rows, gateway_rows, ledger, gateway, ledger_currency, currency = row[:9]
        yield Finding(
            kind=kind,
            reference=reference,
            holdings=(
                Holding("ledger", ledger_currency, int(ledger_rows), ledger),
                Holding("gateway", currency, int(gateway_rows), gateway),
            ),
            ledger_amount=ledger,
            gateway_amount=gateway,
            ledger_currency=ledger_currency,
            gateway_currency=currency,
            ledger_status=row[9],
            gateway_status=row[10],
            created_at=row[11],
            created_local=bool(row[12]),
            matched_by="settlement_id",
            fee=row[13],
            settlement_id=settlement_id,
        )


def _statement_lines(executor: Executor) -> Iterator[Finding]:
    rows = sorted(found(executor, "find_statement_lines"), key=lambda row: (row[0], row[2] or "", row[4], row[1] or ""))
    for reference, group in groupby(rows, key=lambda row: row[0]):
        lines = list(group)
        dates = sorted((row[5], bool(row[6])) for row in lines if row[5] is not None)
        utr = _first(row[1] for row in lines)
        yield Finding(
            kind="missing_in_ledger",
            reference=reference,
            gateway_amount=sum((row[4] for row in lines), Decimal(0)),
            gateway_currency=_first(row[2] for row in lines),
            created_at=dates[0][0] if dates else None,
            created_local=dates[0][1] if dates else False,
            statement_rows=sum(int(row[3]) for row in lines),
            statement_utr=utr if utr != reference.upper() else None,
            on_statement_only=True,
        )


def _statement_settlements(executor: Executor) -> Iterator[Finding]:
    for settlement_id, currency, rows, lines, ledger, bank, created_at, local in found(
        executor, "find_statement_settlements"
    ):
        yield Finding(
            kind="amount_mismatch",
            reference=settlement_id,
            ledger_amount=ledger,
            gateway_amount=bank,
            ledger_currency=currency,
            created_at=created_at,
            created_local=bool(local),
            settlement_id=settlement_id,
            statement_rows=int(lines),
            matched_by=f"{rows} rows",
            on_statement_only=True,
        )


def _first(values: Iterator[str | None]) -> str | None:
    return min((value for value in values if value is not None), default=None)
