"""Following a batch to its end: look again and again at what is unresolved, and only at that."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.payouts.entry import Entry, entry_of
from airflow_provider_paygate.payouts.lifecycle import State

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database

PAGE = 50
AT_ONCE = 8

# One look at one payment: whether it is still worth looking again.
Look = Callable[[Entry], Awaitable[bool]]


async def follow(database: Database, selection: Selection, look: Look, every: float, deadline: float) -> bool:
    """Look at everything in `selection` until nothing is left to look at; False when that is not by `deadline`.

    One sweep begins every `every` seconds, or when the last one ends. Rows are read a page at a time, off the event loop.
    """
    while True:
        begun = time.time()
        if not await look_once(database, selection, look, deadline):
            return True
        left = deadline - time.time()
        if left <= 0:
            return False
        await asyncio.sleep(max(0.0, min(left, begun + every - time.time())))


class Selection:
    """Which payments to look at.

    :param where: an SQL condition on ``p``, the journal's table.
    :param values: its bound values.
    :param among: the tables to read, ``p`` among them.
    :param place: the column by which an index of the first table holds them in order.
    """

    def __init__(
        self, where: str, values: dict[str, Any], among: str = "paygate_payouts p", place: str = "p.id"
    ) -> None:
        self.values = values
        self._rows = f"FROM {among} WHERE p.state IN ('sending', 'accepted', 'unknown') AND {where}"
        self._place = place

    def page(self, database: Database, after: int) -> list[Entry]:
        """The next unresolved payments behind the row id `after`."""
        from sqlalchemy import text

        query = text(f"SELECT p.* {self._rows} AND {self._place} > :after ORDER BY {self._place} LIMIT {PAGE}")
        with database.read() as connection:
            return [entry_of(row) for row in connection.execute(query, {**self.values, "after": after})]

    def count(self, database: Database) -> int:
        """How many unresolved payments there are now."""
        from sqlalchemy import text

        with database.read() as connection:
            count: int = connection.execute(text(f"SELECT count(*) {self._rows}"), self.values).scalar_one()
        return count


def of_batch(batch: int, condition: str = "") -> Selection:
    """The payments of one batch, those of earlier readings too; `condition` narrows them further."""
    rows = "paygate_batch_rows r JOIN paygate_payouts p ON p.id = r.payout_id"
    return Selection(f"r.batch = :batch {condition}", {"batch": batch}, rows, "r.payout_id")


def in_doubt(account_id: str) -> Selection:
    """Every unknown or stale payment of an account."""
    return Selection("p.account_id = :account AND p.state IN ('sending', 'unknown')", {"account": account_id})


def unfinished(account_id: str) -> Selection:
    """Every payment of an account that is not final."""
    return Selection("p.account_id = :account", {"account": account_id})


async def look_once(database: Database, selection: Selection, look: Look, deadline: float = math.inf) -> int:
    """Look once at each; how many are worth looking at again. What `deadline` leaves out counts as such."""
    after, again = 0, 0
    while page := await asyncio.to_thread(selection.page, database, after):
        after = page[-1].id
        # A few tasks that share the page, not one for each of it: what lives long makes Python's garbage collector go
        # through everything that Airflow has loaded, and the event loop stands still meanwhile.
        left = iter(page)
        again += sum(await asyncio.gather(*(_look_at(left, look, deadline) for _ in range(AT_ONCE))))
        if time.time() > deadline:
            return again or 1
    return again


async def _look_at(entries: Iterator[Entry], look: Look, deadline: float) -> int:
    return sum([time.time() > deadline or await look(entry) for entry in entries])


def worth_another_look(entry: Entry) -> bool:
    """Accepted: its end will come. Unknown: until twice absent, when only sending again, or a person, can help."""
    if entry.state in {State.ACCEPTED, State.SENDING}:
        return True
    return entry.state is State.UNKNOWN and entry.absences < 2
