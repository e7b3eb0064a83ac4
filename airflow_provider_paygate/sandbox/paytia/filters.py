"""What a report is asked for: dates, references, words, a page (specs/paytia.md §6; the names are ours)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from .answers import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .accounts import Account
    from .records import Payment

EXACT = ("reference_number", "reference_id", "transaction_id", "status", "txn_type", "cdr_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """`start` and `end` are moments, the end not included; `exact` are fields that must be equal."""

    start: float | None
    end: float | None
    exact: Mapping[str, str]
    search: str | None
    page: int
    limit: int

    @classmethod
    def read(cls, asked: Mapping[str, Any], account: Account, largest: int) -> Self:
        """Names it does not know, and those the account is set not to know, are ignored, as web services do."""
        known = {name: value for name, value in asked.items() if name not in account.ignored_filters and value != ""}
        search = known.get("search")
        return cls(
            start=_moment(known, "start_date", account, 0),
            end=_moment(known, "end_date", account, 1),
            exact={name: str(known[name]) for name in EXACT if known.get(name) is not None},
            search=None if search is None else str(search).casefold(),
            page=_number(known, "page", 1),
            limit=min(_number(known, "limit", largest), largest),
        )

    def fits(self, payment: Payment, now: float) -> bool:
        step = payment.step(now)
        if not (self.start or 0.0) <= step.at < (float("inf") if self.end is None else self.end):
            return False
        facts = {
            "reference_number": payment.reference_number,
            "reference_id": payment.reference_id,
            "transaction_id": payment.transaction_id,
            "status": step.status,
            "txn_type": payment.kind,
            "cdr_id": payment.cdr_id,
        }
        if any(facts[name] != value for name, value in self.exact.items()):
            return False
        return self.search is None or any(self.search in value.casefold() for value in facts.values())


def _moment(asked: Mapping[str, Any], name: str, account: Account, days_after: int) -> float | None:
    """A date is a day in the account's zone; an end date includes its day."""
    value = asked.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise invalid(name, "YYYY-MM-DD") from None
    if len(value) == 10:
        moment += timedelta(days=days_after)
    return moment.replace(tzinfo=moment.tzinfo or ZoneInfo(account.zone)).timestamp()


def _number(asked: Mapping[str, Any], name: str, usual: int) -> int:
    value = asked.get(name)
    if value is None:
        return usual
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise invalid(name, "a whole number above zero")
    return int(text)
