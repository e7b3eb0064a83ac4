"""Totals that tie out: every row that came in is matched, a break, timing or ignored, and so is every unit of money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from airflow_provider_paygate.reconciliation.errors import TotalsDoNotTie
from airflow_provider_paygate.reconciliation.findings import Holding
from airflow_provider_paygate.reconciliation.vocabulary import BUCKETS, SIDES


@dataclass
class Tally:
    """Rows and money by side, bucket and currency ("" where none is stated)."""

    rows: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    money: dict[tuple[str, str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, bucket: str, holdings: Iterable[Holding]) -> None:
        for side, currency, rows, amount in holdings:
            self.rows[side, bucket, currency or ""] += rows
            self.money[side, bucket, currency or ""] += amount

    @property
    def currencies(self) -> list[str]:
        return sorted({currency for _, _, currency in self.rows})

    def count(self, side: str, bucket: str, currency: str | None = None) -> int:
        """Rows; of all currencies when none is given."""
        wanted = self.currencies if currency is None else [currency]
        return sum(self.rows.get((side, bucket, one), 0) for one in wanted)

    def amount(self, side: str, bucket: str, currency: str | None = None) -> Decimal:
        """Money; over all currencies it is a control total, good for checking that nothing was lost."""
        wanted = self.currencies if currency is None else [currency]
        return sum((self.money.get((side, bucket, one), Decimal(0)) for one in wanted), Decimal(0))

    def check(self) -> None:
        """Raise TotalsDoNotTie unless input = matched + breaks + timing + ignored on both sides, in every currency."""
        for side in SIDES:
            for currency in self.currencies:
                rows = self.count(side, "input", currency) - sum(self.count(side, b, currency) for b in BUCKETS[1:])
                money = self.amount(side, "input", currency) - sum(
                    (self.amount(side, b, currency) for b in BUCKETS[1:]), Decimal(0)
                )
                if rows or money:
                    raise TotalsDoNotTie(
                        f"{side} {currency or 'without currency'}: {rows} rows and {money:f} are unaccounted for"
                    )
