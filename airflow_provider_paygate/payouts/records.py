"""The journal's rows: reading them, moving them under their version, adding to their history.

This is the only place that writes the two tables. Every submission passes here several times, so the statements are made
once and reused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.payouts.entry import Entry, Who, entry_of
from airflow_provider_paygate.payouts.identity import minor_units

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import TextClause


class Records:
    """The rows of one account."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def find(self, connection: Connection, reference: str, *, lock: bool = False) -> Entry | None:
        """The payment under a reference; locked until the transaction ends where the database can."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        query = select(payouts).where(payouts.c.account_id == self._account_id, payouts.c.reference == reference)
        row = connection.execute(query.with_for_update() if lock else query).fetchone()
        return None if row is None else entry_of(row)

    def reread(self, connection: Connection, entry: Entry) -> Entry:
        """The entry as it is now, locked until the transaction ends where the database can."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        return entry_of(connection.execute(select(payouts).where(payouts.c.id == entry.id).with_for_update()).one())

    def moved(self, connection: Connection, entry: Entry, now: float, **values: Any) -> Entry | None:
        """Write `values` to the row and give the entry back as it is then; None when it has changed since `entry` was read."""
        after = replace(entry, **values, version=entry.version + 1, updated_at=now)
        written = {"updated_at": now, **values}
        if "state" in written:
            written["state"] = str(after.state)
        if "amount" in written:
            written["amount_minor"] = minor_units(written.pop("amount"))
        statement = _update(tuple(written))
        place = {"id": entry.id, "seen": entry.version, "version": after.version}
        return after if connection.execute(statement, {**written, **place}).rowcount else None

    def noted(self, connection: Connection, entry: Entry, event: str, who: Who, now: float, **detail: Any) -> None:
        """Add a line to its history."""
        self.noted_all(connection, [entry], event, who, now, **detail)

    def noted_all(
        self, connection: Connection, entries: list[Entry], event: str, who: Who, now: float, **detail: Any
    ) -> None:
        """Add a line to the history of each."""
        told = {name: value for name, value in detail.items() if value is not None}
        line = {"at": now, "event": str(event), "by": str(who)[:1024], "detail": json.dumps(told) if told else None}
        lines = [{"payout": entry.id, "state": str(entry.state), **line} for entry in entries]
        connection.execute(_insert_line(), lines if len(lines) > 1 else lines[0])


@lru_cache
def _update(columns: tuple[str, ...]) -> TextClause:
    from sqlalchemy import text

    settings = ", ".join(f"{column} = :{column}" for column in columns)
    return text(f"UPDATE paygate_payouts SET version = :version, {settings} WHERE id = :id AND version = :seen")


@lru_cache
def _insert_line() -> TextClause:
    from sqlalchemy import text

    return text(
        "INSERT INTO paygate_payout_events (payout_id, at, event, state, by, detail) "
        "VALUES (:payout, :at, :event, :state, :by, :detail)"
    )
