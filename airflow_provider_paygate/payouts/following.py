"""Following a batch to its end: look again and again at what is unresolved, and only at that."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.payouts.entry import Entry, entry_of
from airflow_provider_paygate.payouts.lifecycle import State

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database

PAGE = 200
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
    """

    def __init__(self, where: str, values: dict[str, Any]) -> None:
        self.where, self.values = where, values

    def page(self, database: Database, after: int) -> list[Entry]:
        """The next unresolved payments behind the row id `after`."""
        from sqlalchemy import text

        query = text(
            f"SELECT p.* FROM paygate_payouts p WHERE p.state IN ('sending', 'accepted', 'unknown') AND p.id > :after "
            f"AND {self.where} ORDER BY p.id LIMIT {PAGE}"
        )
        with database.read() as connection:
            return [entry_of(row) for row in connection.execute(query, {**self.values, "after": after})]


def of_batch(batch: int, condition: str = "") -> Selection:
    """The payments of one batch, those of earlier readings too; `condition` narrows them further."""
    rows = f"p.id IN (SELECT payout_id FROM paygate_batch_rows WHERE batch = :batch) {condition}"
    return Selection(rows, {"batch": batch})


def in_doubt(account_id: str) -> Selection:
    """Every unknown or stale payment of an account."""
    return Selection("p.account_id = :account AND p.state IN ('sending', 'unknown')", {"account": account_id})


def unfinished(account_id: str) -> Selection:
    """Every payment of an account that is not final."""
    return Selection("p.account_id = :account", {"account": account_id})


def count_of(database: Database, selection: Selection) -> int:
    """How many unresolved payments a selection holds now."""
    from sqlalchemy import text

    query = text(
        f"SELECT count(*) FROM paygate_payouts p WHERE p.state IN ('sending', 'accepted', 'unknown') AND {selection.where}"
    )
    with database.read() as connection:
        count: int = connection.execute(query, selection.values).scalar_one()
    return count


async def look_once(database: Database, selection: Selection, look: Look, deadline: float = math.inf) -> int:
    """Look once at each; how many are worth looking at again. What `deadline` leaves out counts as such."""
    after, again = 0, 0
    while page := await asyncio.to_thread(selection.page, database, after):
        after = page[-1].id
        places = asyncio.Semaphore(AT_ONCE)

        async def one(entry: Entry, places: asyncio.Semaphore = places) -> bool:
            async with places:
                return time.time() > deadline or await look(entry)

        again += sum(await asyncio.gather(*(one(entry) for entry in page)))
        if time.time() > deadline:
            return again or 1
    return again


def worth_another_look(entry: Entry) -> bool:
    """Accepted: its end will come. Unknown: until twice absent, when only sending again, or a person, can help."""
    if entry.state in {State.ACCEPTED, State.SENDING}:
        return True
    return entry.state is State.UNKNOWN and entry.absences < 2
