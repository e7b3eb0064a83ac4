"""Our own ceilings: per payment, and per day of the account. Beyond one, nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_paygate.exceptions import LimitExceeded
from airflow_provider_paygate.payouts.identity import Account, major_units, minor_units

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import TextClause

    from airflow_provider_paygate.payouts.entry import Entry
    from airflow_provider_paygate.payouts.payable import Payable


@dataclass(frozen=True)
class Ceilings:
    """The most that may be sent, in the account's currency; None where the connection sets none."""

    per_payout: Decimal | None = None
    per_batch: Decimal | None = None
    per_day: Decimal | None = None

    def tightened(self, per_payout: Decimal | None, per_batch: Decimal | None) -> Ceilings:
        """With an operator's own, which can only be lower."""
        return Ceilings(_lower(self.per_payout, per_payout), _lower(self.per_batch, per_batch), self.per_day)

    def check(self, payout: Payable) -> None:
        """Raise LimitExceeded when one payout alone is too much."""
        if self.per_payout is not None and payout.amount > self.per_payout:
            raise LimitExceeded(
                f"{payout.reference}: amount {payout.amount} is above max_amount {self.per_payout}; nothing was sent",
                operation="ceiling",
            )


def reserve(connection: Connection, account: Account, entry: Entry, ceiling: Decimal | None) -> None:
    """Count `entry` towards its day, in the caller's transaction.

    :raises LimitExceeded: `ceiling` leaves no room for it; the caller's transaction must not be kept.
    """
    day = entry.reserved_day or ""
    place = {"account": account.account_id, "day": day, "amount": minor_units(entry.amount)}
    if ceiling is not None and _reserved(connection, place, lock=True) + entry.amount > ceiling:
        raise LimitExceeded(
            f"{entry.reference}: {entry.amount} more would pass max_daily_amount {ceiling} for {day} "
            f"({_reserved(connection, place)} is already sent or under way); nothing was sent",
            operation="ceiling",
        )
    connection.execute(_add(), place)


def release(connection: Connection, account: Account, entry: Entry) -> None:
    """Take `entry` out of its day again, because nothing moved or it came back."""
    place = {"account": account.account_id, "day": entry.reserved_day, "amount": -minor_units(entry.amount)}
    connection.execute(_add(), place)


@lru_cache
def _add() -> TextClause:
    from sqlalchemy import text

    return text(
        "INSERT INTO paygate_day_totals (account_id, day, reserved_minor) VALUES (:account, :day, :amount) "
        "ON CONFLICT (account_id, day) DO UPDATE SET reserved_minor = paygate_day_totals.reserved_minor + :amount"
    )


def day_of(now: float, zone: str) -> str:
    """The calendar day there, as ``2026-11-21``."""
    return datetime.fromtimestamp(now, ZoneInfo(zone)).date().isoformat()


def reserved_today(connection: Connection, account: Account, now: float) -> tuple[str, Decimal]:
    """The account's day, and what is already counted towards it."""
    day = day_of(now, account.day_zone)
    return day, _reserved(connection, {"account": account.account_id, "day": day})


def _lower(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    given = [amount for amount in (one, other) if amount is not None]
    return min(given) if given else None


def _reserved(connection: Connection, place: Mapping[str, object], *, lock: bool = False) -> Decimal:
    """What is counted towards a day; with `lock`, nobody else counts until the transaction ends."""
    from sqlalchemy import text

    if lock:
        connection.execute(_add(), {**place, "amount": 0})  # on PostgreSQL this holds the row; SQLite has one writer
    query = text("SELECT reserved_minor FROM paygate_day_totals WHERE account_id = :account AND day = :day")
    return major_units(connection.execute(query, place).scalar() or 0)
