"""The Reporting API: pages of rows whose shape nobody here has seen, read once each (specs/paytia.md §6).

What a page looks like and how it ends are on parts of the page that cannot be read. So rows are found where any of the
usual shapes puts them, and a report ends at an empty page, at one that repeats its predecessor, or at one that is
shorter than those before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_provider_paygate.gateways.paytia.cards import refuse_card_data
from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.paths import Names, plain
from airflow_provider_paygate.gateways.paytia.payment import row_id_of
from airflow_provider_paygate.gateways.paytia.service import checked_day
from airflow_provider_paygate.gateways.wire import Fault, Kind

LIMIT = 100
MOST_PAGES = 20_000
# How many rows back a repetition is recognised; rows that come while a report is read push others to the next page.
REMEMBERED = 50_000
SAME_PAGE = (
    "page 2 is the same as page 1: either there is no more, or this account calls `page` and `search` otherwise "
    "(`field_names` in the connection)"
)
_ROWS = ("data", "result", "results", "records", "rows", "items", "list", "payments", "transactions", "logs", "cdrs")
_ENVELOPE = frozenset({"httpstatus", "status", "statuscode", "referenceid", "requestid", "message"})
_PAGING = frozenset(
    {"page", "limit", "total", "count", "perpage", "currentpage", "lastpage", "totalpages", "from", "to"}
)


@dataclass
class Seen:
    """What a reader of a report has met: ids in constant memory, and what is worth telling.

    :ivar rows: how many were given out.
    :ivar repeated: rows left out because their id had been given out.
    :ivar without_id: rows given out that have no id to be recognised by.
    :ivar pages: how many were read.
    :ivar ended: why the report ended: ``empty``, ``short`` or ``repeats``.
    """

    rows: int = 0
    repeated: int = 0
    without_id: int = 0
    pages: int = 0
    ended: str = ""
    _ids: dict[bytes, None] = field(default_factory=dict, repr=False)

    def new(self, row_id: str | None) -> bool:
        """Whether a row with this id has not been given out before; counts it."""
        if row_id is None:
            self.without_id += 1
        else:
            digest = hashlib.blake2b(row_id.encode(), digest_size=8).digest()
            if digest in self._ids:
                self.repeated += 1
                return False
            self._ids[digest] = None
            if len(self._ids) > REMEMBERED:
                del self._ids[next(iter(self._ids))]
        self.rows += 1
        return True


class Pages:
    """Which page to ask for next, and what is in the one that came.

    :param filters: passed on as they are, under the account's names.
    """

    def __init__(self, filters: Mapping[str, Any], names: Names, seen: Seen | None = None) -> None:
        self._filters = checked_filters(filters)
        self._names = names
        self.seen = seen or Seen()
        self._first = int(self._filters.pop("page", 1))
        self._limit = int(self._filters.pop("limit", LIMIT))
        self._longest = 0
        self._last = b""
        self.short = False  # the last page held fewer rows than were asked for: another may not exist

    def wanted(self) -> dict[str, Any] | None:
        """The body of the next request; None when the report has ended."""
        if self.seen.ended:
            return None
        body = {**self._filters, "page": self._first + self.seen.pages, "limit": self._limit}
        return self._names.outgoing(body)

    def rows(self, answer: Answer) -> Iterator[dict[str, Any]]:
        """The rows of `answer` that were not given out before."""
        if self.seen.pages >= MOST_PAGES:
            raise Fault(
                Kind.BAD_REPLY, f"Paytia report: it did not end within {MOST_PAGES} pages; nothing after them was read"
            )
        found = rows_of(answer)
        self.seen.pages += 1
        digest = _digest(found)
        if not found or digest == self._last:
            self.seen.ended = "repeats" if found else "empty"
            return
        # The first page may be short because the gateway caps its pages lower than was asked for.
        if len(found) < self._longest:
            self.seen.ended = "short"
        self._last, self._longest = digest, max(self._longest, len(found))
        self.short = len(found) < self._limit
        for row in found:
            if self.seen.new(row_id_of(row, self._names)):
                yield row

    @property
    def read_whole(self) -> bool:
        """Whether the report has ended and all of it was seen. A second page that repeats the first proves nothing: perhaps
        this gateway does not know `page` by that name."""
        return bool(self.seen.ended) and not (self.seen.ended == "repeats" and self.seen.pages == 2)

    def past_the_end(self) -> None:
        """The gateway refused a page after a short one: there was no other."""
        self.seen.ended = "short"


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """The rows in an answer, wherever it has them; none when it is an envelope without any.

    Raises Fault(BAD_REPLY) for JSON that holds something else: "no rows" must not be read out of an unknown shape.
    """
    found = _rows_in(answer.data, depth=0)
    if found is None:
        names = ", ".join(sorted(map(str, answer.content))[:8]) or type(answer.data).__name__
        raise Fault(
            Kind.BAD_REPLY,
            f"Paytia report: HTTP {answer.http_status} with rows in no known place (found: {names})",
            http_status=answer.http_status,
        )
    return found


def _rows_in(value: Any, depth: int) -> list[dict[str, Any]] | None:
    if value is None or value == "":
        return []
    if isinstance(value, list):
        if all(isinstance(row, dict) for row in value):
            return value
        return None
    if not isinstance(value, dict) or depth > 2:
        return None
    named = {plain(name): item for name, item in value.items()}
    for name in _ROWS:
        if name in named:
            return _rows_in(named[name], depth + 1)
    lists = [item for item in named.values() if isinstance(item, list)]
    if len(lists) == 1:
        return _rows_in(lists[0], depth + 1)
    nothing_else = set(named) <= _ENVELOPE | _PAGING
    return [] if nothing_else and not lists else None


def checked_filters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as JSON holds them: days as ``YYYY-MM-DD``, Decimals as text. Raises ValueError that names the filter."""
    refuse_card_data(given)
    filters: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in ("page", "limit"):
            if not str(value).isdigit() or int(value) < 1:
                raise ValueError(f"{name} must be a whole number above zero")
            filters[name] = int(value)
        elif isinstance(value, float):
            raise ValueError(f"{name} is a float: give a Decimal, an int or text")
        elif name in ("start_date", "end_date") or isinstance(value, date):
            filters[name] = checked_day(value, name)
        else:
            filters[name] = str(value) if isinstance(value, Decimal) else value
    return filters


def _digest(rows: list[dict[str, Any]]) -> bytes:
    return hashlib.blake2b(json.dumps(rows, sort_keys=True, default=str).encode(), digest_size=16).digest()
