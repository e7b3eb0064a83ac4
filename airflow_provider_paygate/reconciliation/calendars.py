"""Business days: until when a payment that one side does not show yet is merely late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Calendar:
    """Where and when a currency's banks work.

    `cutoff` is a local time: what is created at or after it counts as created on the next business day. None means
    midnight, that is, no cut-off.
    """

    zone: str
    cutoff: time | None = None
    holidays: frozenset[date] = frozenset()

    @property
    def tzinfo(self) -> tzinfo:
        return _zone(self.zone)

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays

    def after(self, start: datetime, days: int) -> datetime:
        """`days` business days after `start`, both local wall-clock times without a zone.

        A start outside business hours (weekend, holiday, after the cut-off) counts from the opening of the next
        business day.
        """
        day = start.date()
        clock = start.time()
        if self.cutoff is not None and clock >= self.cutoff:
            day, clock = day + timedelta(days=1), time.min
        if not self.is_business_day(day):
            clock = time.min
        return datetime.combine(_shifted(self, day, days), clock)


@dataclass(frozen=True)
class Calendars:
    """One calendar per currency, and one for all others."""

    by_currency: Mapping[str, Calendar] = field(
        default_factory=lambda: {"INR": Calendar("Asia/Kolkata"), "GBP": Calendar("Europe/London")}
    )
    otherwise: Calendar = Calendar("UTC")

    def of(self, currency: str | None) -> Calendar:
        return self.by_currency.get(currency or "", self.otherwise)

    @classmethod
    def standard(
        cls, *, cutoffs: Mapping[str, time] | None = None, holidays: Iterable[date] = (), zone: str | None = None
    ) -> Calendars:
        """India for INR, London for GBP, UTC for the rest; `zone` replaces all three. `cutoffs` is by currency."""
        free = frozenset(holidays)
        zones = {"INR": zone or "Asia/Kolkata", "GBP": zone or "Europe/London"}
        named = {*zones, *(cutoffs or {})}
        return cls(
            {
                currency: Calendar(zones.get(currency, zone or "UTC"), (cutoffs or {}).get(currency), free)
                for currency in sorted(named)
            },
            Calendar(zone or "UTC", None, free),
        )


@dataclass(frozen=True)
class AsOf:
    """The moment a reconciliation looks from: an instant, or a whole day (seen from its end, in each calendar)."""

    at: datetime | date

    def local(self, calendar: Calendar) -> datetime:
        """Wall-clock time in that calendar, without a zone."""
        return _as_of_local(self.at, calendar.zone)

    @property
    def day(self) -> date:
        return self.at.date() if isinstance(self.at, datetime) else self.at

    def __str__(self) -> str:
        return self.at.isoformat()

    @classmethod
    def now(cls) -> AsOf:
        return cls(datetime.now(UTC).replace(microsecond=0))

    @classmethod
    def parse(cls, text: str) -> AsOf:
        """An ISO date or date and time. ValueError when it is neither."""
        return cls(date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text))


def local_time(moment: datetime, is_local: bool, calendar: Calendar) -> datetime:
    """A stored moment (UTC, or local as the file wrote it) as wall-clock time in the calendar's place."""
    if is_local:
        return moment
    return moment.replace(tzinfo=UTC).astimezone(calendar.tzinfo).replace(tzinfo=None)


@lru_cache(maxsize=64)
def _as_of_local(at: datetime | date, zone: str) -> datetime:
    if not isinstance(at, datetime):
        return datetime.combine(at, time.max)
    aware = at if at.tzinfo else at.replace(tzinfo=_zone(zone))
    return aware.astimezone(_zone(zone)).replace(tzinfo=None)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def _shifted(calendar: Calendar, day: date, days: int) -> date:
    while not calendar.is_business_day(day):
        day += timedelta(days=1)
    for _ in range(days):
        day += timedelta(days=1)
        while not calendar.is_business_day(day):
            day += timedelta(days=1)
    return day
