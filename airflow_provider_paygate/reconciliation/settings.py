"""What a reconciliation compares with which patience: tolerance, window, moment, calendars."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from airflow_provider_paygate.reconciliation.calendars import AsOf, Calendars
from airflow_provider_paygate.reconciliation.errors import CannotReconcile


@dataclass(frozen=True)
class Tolerance:
    """How far two amounts may lie apart and still agree: within `amount` (currency units) or `percent` of the
    ledger's amount, whichever is wider. Both 0 unless given."""

    amount: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for value in (self.amount, self.percent):
            if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
                raise CannotReconcile(f"tolerance {value} is not a decimal of 0 or more")
        if self.percent > 100:
            raise CannotReconcile(f"tolerance {self.percent} % is more than 100 %")


@dataclass(frozen=True)
class Window:
    """Business days for which a side may still lag: the gateway behind the ledger, the ledger behind the gateway."""

    gateway: int = 2
    ledger: int = 2

    def __post_init__(self) -> None:
        for days in (self.gateway, self.ledger):
            if not 0 <= days <= 366:
                raise CannotReconcile(f"a window of {days} business days: give 0 to 366")

    def of(self, late_side: str) -> int:
        return self.ledger if late_side == "ledger" else self.gateway


@dataclass(frozen=True)
class Settings:
    """All that decides an answer besides the data."""

    as_of: AsOf = field(default_factory=AsOf.now)
    window: Window = Window()
    tolerance: Tolerance = Tolerance()
    calendars: Calendars = field(default_factory=Calendars)
    allow_empty: bool = False
    """A ledger or gateway without rows is refused (an export that failed looks like that) unless this is set."""
