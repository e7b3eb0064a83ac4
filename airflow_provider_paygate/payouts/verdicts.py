"""What a plan says once its source has been read: bad rows, sums, what is gone."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_provider_paygate.payouts.identity import major_units

if TYPE_CHECKING:
    from airflow_provider_paygate.payouts.plan import Plan


@dataclass(frozen=True)
class Problem:
    """A row that is not sent, and why. `line` is None for one that is gone from the source."""

    line: int | None
    reference: str | None
    text: str

    def __str__(self) -> str:
        where = "no longer in the source" if self.line is None else f"line {self.line}"
        return f"{where}{f' ({self.reference})' if self.reference else ''}: {self.text}"


def problems(plan: Plan, most: int) -> tuple[list[Problem], int]:
    """The first `most` rows that cannot be sent, and how many there are."""
    from sqlalchemy import text

    where = "FROM paygate_batch_rows WHERE batch = :batch AND reading = :reading AND problem IS NOT NULL"
    place = {"batch": plan.batch, "reading": plan.reading}
    with plan.journal.database.read() as connection:
        total = connection.execute(text(f"SELECT count(*) {where}"), place).scalar_one()
        rows = connection.execute(
            text(f"SELECT line, reference, problem {where} ORDER BY line LIMIT :most"), {**place, "most": most}
        ).fetchall()
    return [Problem(row.line, row.reference, row.problem) for row in rows], total


def gone(plan: Plan) -> list[Problem]:
    """Rows of an earlier reading that the source no longer has and that are not finally resolved."""
    from sqlalchemy import text

    query = """
        SELECT r.reference, p.state FROM paygate_batch_rows r JOIN paygate_payouts p ON p.id = r.payout_id
        WHERE r.batch = :batch AND r.reading < :reading AND p.state IN ('planned', 'sending', 'accepted', 'unknown')
        ORDER BY r.line"""
    with plan.journal.database.read() as connection:
        rows = connection.execute(text(query), {"batch": plan.batch, "reading": plan.reading}).fetchall()
    return [Problem(None, row.reference, f"it is {row.state}") for row in rows]


def planned_total(plan: Plan) -> Decimal:
    """The sum of all rows that may be sent or were."""
    return sum(_sums(plan, "").values(), Decimal(0))


def unresolved(plan: Plan) -> dict[str, Decimal]:
    """What may still have to be sent, by wallet."""
    return _sums(plan, "AND (p.id IS NULL OR p.state IN ('planned', 'refused', 'unknown'))")


def not_reserved(plan: Plan) -> Decimal:
    """What of it no day's ceiling counts yet."""
    sums = _sums(plan, "AND (p.id IS NULL OR (p.state IN ('planned', 'refused') AND p.reserved_day IS NULL))")
    return sum(sums.values(), Decimal(0))


def largest_row(plan: Plan) -> tuple[int, str, Decimal] | None:
    """Line, reference and amount of the largest row that may be sent."""
    from sqlalchemy import text

    query = """
        SELECT line, reference, amount_minor FROM paygate_batch_rows
        WHERE batch = :batch AND reading = :reading AND problem IS NULL ORDER BY amount_minor DESC, line LIMIT 1"""
    with plan.journal.database.read() as connection:
        row = connection.execute(text(query), {"batch": plan.batch, "reading": plan.reading}).fetchone()
    return None if row is None else (row.line, row.reference, major_units(row.amount_minor))


def _sums(plan: Plan, condition: str) -> dict[str, Decimal]:
    from sqlalchemy import text

    query = f"""
        SELECT r.wallet_id, sum(r.amount_minor) AS amount
        FROM paygate_batch_rows r LEFT JOIN paygate_payouts p ON p.id = r.payout_id
        WHERE r.batch = :batch AND r.reading = :reading AND r.problem IS NULL {condition}
        GROUP BY r.wallet_id"""
    with plan.journal.database.read() as connection:
        rows = connection.execute(text(query), {"batch": plan.batch, "reading": plan.reading}).fetchall()
    return {row.wallet_id: major_units(int(row.amount)) for row in rows}
