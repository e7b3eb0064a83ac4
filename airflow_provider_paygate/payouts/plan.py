"""The plan of a batch: its whole source read and checked, row by row, before the first rupee moves.

The plan is kept in the database, so that memory does not grow with the batch, a second reading can be held against the
first, and a later try knows what an earlier one planned. It holds no account number: a row is remembered by a keyed
digest of its content.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, NotSent
from airflow_provider_paygate.payouts.entry import Entry, Who, entry_of
from airflow_provider_paygate.payouts.identity import minor_units
from airflow_provider_paygate.payouts.intents import why_not_replaced
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.lifecycle import State
from airflow_provider_paygate.payouts.payout import FIELDS, Payout
from airflow_provider_paygate.payouts.rows import REQUIRED, Row

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

CHUNK = 500


class Plan:
    """One batch of one account.

    :param journal: the account's journal.
    :param batch_id: the batch's name; the same name is the same batch, in any try.
    :param default_wallet: for rows that name none.
    """

    def __init__(self, journal: Journal, batch_id: str, default_wallet: str | None, who: Who) -> None:
        self.journal = journal
        self.batch_id = batch_id
        self._wallet = default_wallet
        self._key = journal.fingerprints.key_for("batch rows")
        self._replacing: dict[str, str] = {}  # the payment replaced → the reference that does; few rows replace any
        self.batch, self.reading, self._same_run = self._opened(who)

    # Reading the source

    def read(self, rows: Iterable[Row]) -> int:
        """Check every row and take it down; how many there were. Finds repeated and conflicting references too."""
        count = 0
        for chunk in chunks(rows):
            count += len(chunk)
            self._take_down(chunk)
        self._mark_repeats()
        self._drop_earlier()
        return count

    def payout_of(self, row: Row) -> Payout:
        """The payout in a row. Raises InvalidRequest that says what is wrong with it."""
        if row.problem:
            raise InvalidRequest(row.problem, operation="check")
        missing = [field for field in REQUIRED if field not in row.values]
        if missing:
            raise InvalidRequest(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", operation="check"
            )
        payout = Payout(**row.values)
        if not (payout.wallet_id or self._wallet):
            raise InvalidRequest("wallet_id is missing: give it in the row or in the connection", operation="check")
        return payout

    def content_of(self, payout: Payout) -> str:
        """A keyed digest of everything the row says."""
        facts = json.dumps([str(getattr(payout, field)) for field in FIELDS])
        return hmac.new(self._key, facts.encode(), hashlib.sha256).hexdigest()

    def wallet_of(self, payout: Payout) -> str:
        """The wallet that pays it."""
        return payout.wallet_id or self._wallet or ""

    def _take_down(self, rows: list[Row]) -> None:
        from sqlalchemy import insert

        from airflow_provider_paygate.database.schema import batch_rows

        planned = [self._planned(row) for row in rows]
        with self.journal.database.begin() as connection:
            self._alone(connection)
            named = [name for values, payout in planned for name in (values["reference"], payout and payout.replaces)]
            known = self._known(connection, [name for name in named if name])
            paid_before = self._paid_before(connection, list(known)) if self._same_run else {}
            for values, payout in planned:
                entry = known.get(values["reference"])
                if payout is not None and entry is not None:
                    self._hold_against(values, payout, entry, paid_before.get(entry.reference))
                if payout is not None and payout.replaces and values["problem"] is None:
                    values["problem"] = self._no_replacement(payout, entry, known.get(payout.replaces))
            connection.execute(insert(batch_rows), [values for values, _ in planned])

    def _planned(self, row: Row) -> tuple[dict[str, Any], Payout | None]:
        given = row.values.get("reference")
        values: dict[str, Any] = {
            "batch": self.batch,
            "line": row.line,
            "reading": self.reading,
            "reference": given.strip()[:200] if isinstance(given, str) else None,
            "wallet_id": None,
            "content": None,
            "amount_minor": None,
            "problem": None,
            "payout_id": None,
            "already_paid": 0,
        }
        try:
            payout = self.payout_of(row)
        except InvalidRequest as error:
            text = str(error)
            if values["reference"]:
                text = text.removeprefix(f"{values['reference'][:60]}: ")
            return {**values, "problem": text}, None
        return {
            **values,
            "wallet_id": self.wallet_of(payout),
            "content": self.content_of(payout),
            "amount_minor": minor_units(payout.amount),
        }, payout

    def _hold_against(self, values: dict[str, Any], payout: Payout, entry: Entry, paid_before: int | None) -> None:
        """What the journal already knows under the row's reference."""
        if entry.state not in {State.PLANNED, State.REFUSED} and self.journal.unlike(entry, payout):
            values["problem"] = (
                f"the reference was used before for {entry.amount} {entry.currency} to {entry.account_last_four} at {entry.ifsc} "
                f"(now {entry.state.value})"
            )
            return
        values["payout_id"] = entry.id
        # What this run itself paid in an earlier try is not "paid before by another batch or run".
        if paid_before is None:
            paid_before = int(entry.state in {State.ACCEPTED, State.SETTLED})
        values["already_paid"] = paid_before

    def _no_replacement(self, payout: Payout, entry: Entry | None, old: Entry | None) -> str | None:
        """Why the row cannot stand in for the payment it says it replaces."""
        if entry is not None and (
            entry.replaces == payout.replaces or entry.state not in {State.PLANNED, State.REFUSED}
        ):
            return None
        name = payout.replaces or ""
        return why_not_replaced(payout, old) or (
            f"replaces={name!r} is replaced by another row of this batch too"
            if self._replacing.setdefault(name, payout.reference) != payout.reference
            else None
        )

    def _known(self, connection: Connection, references: list[str]) -> dict[str, Entry]:
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        mine = payouts.c.account_id == self.journal.account.account_id
        found = connection.execute(select(payouts).where(mine, payouts.c.reference.in_(references)))
        return {row.reference: entry_of(row) for row in found}

    def _paid_before(self, connection: Connection, references: list[str]) -> dict[str, int]:
        """What an earlier reading of this run noted: whether each reference had been paid before the run."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batch_rows

        found = connection.execute(
            select(batch_rows.c.reference, batch_rows.c.already_paid)
            .where(
                batch_rows.c.batch == self.batch,
                batch_rows.c.reading < self.reading,
                batch_rows.c.reference.in_(references),
                batch_rows.c.payout_id.is_not(None),
            )
            .order_by(batch_rows.c.reading)
        )
        return {row.reference: row.already_paid for row in found}

    def _mark_repeats(self) -> None:
        """Of equal rows under one reference the first stands; of unequal ones none does."""
        from sqlalchemy import text

        place = {"batch": self.batch, "reading": self.reading}
        repeats = """
            SELECT reference, min(line) AS first, min(content) AS least, max(content) AS most, count(*) - count(content) AS unread
            FROM paygate_batch_rows WHERE batch = :batch AND reading = :reading AND reference IS NOT NULL
            GROUP BY reference HAVING count(*) > 1"""
        with self.journal.database.begin() as connection:
            for found in connection.execute(text(repeats), place).fetchall():
                unequal = found.unread > 0 or found.least != found.most
                connection.execute(
                    text(
                        "UPDATE paygate_batch_rows SET problem = :problem, payout_id = NULL "
                        "WHERE batch = :batch AND reading = :reading AND reference = :reference AND problem IS NULL "
                        "AND +line >= :line"  # the plus: SQLite would go through all later lines instead of one reference's
                    ),
                    {
                        **place,
                        "reference": found.reference,
                        "line": found.first if unequal else found.first + 1,
                        "problem": (
                            "the reference repeats in this batch for different payments"
                            if unequal
                            else f"the reference repeats line {found.first}"
                        ),
                    },
                )

    def _drop_earlier(self) -> None:
        """Forget earlier readings, but for unresolved payments that the source no longer names: those are still followed."""
        from sqlalchemy import text

        with self.journal.database.begin() as connection:
            self._alone(connection)
            connection.execute(
                text(
                    "DELETE FROM paygate_batch_rows WHERE batch = :batch AND reading < :reading AND (payout_id IS NULL "
                    "OR NOT EXISTS (SELECT 1 FROM paygate_payouts p WHERE p.id = payout_id "  # NOT IN goes through all of
                    "AND p.state IN ('planned', 'sending', 'accepted', 'unknown')) "  # them for each, if memory is short
                    "OR EXISTS (SELECT 1 FROM paygate_batch_rows n WHERE n.batch = :batch "
                    "AND +n.reading > paygate_batch_rows.reading AND n.payout_id = paygate_batch_rows.payout_id))"
                ),
                {"batch": self.batch, "reading": self.reading},
            )

    def refuse_wallet(self, wallet_id: str, problem: str) -> bool:
        """Make the rows that name a wallet bad ones; False when it is what rows get that name none."""
        from sqlalchemy import update

        from airflow_provider_paygate.database.schema import batch_rows

        if wallet_id == self._wallet:
            return False
        mine = (batch_rows.c.batch == self.batch, batch_rows.c.reading == self.reading, batch_rows.c.problem.is_(None))
        with self.journal.database.begin() as connection:
            connection.execute(
                update(batch_rows).where(*mine, batch_rows.c.wallet_id == wallet_id).values(problem=problem)
            )
        return True

    def forget(self) -> None:
        """Remove the plan; the journal's payments stay."""
        from sqlalchemy import delete

        from airflow_provider_paygate.database.schema import batch_rows, batches

        with self.journal.database.begin() as connection:
            connection.execute(delete(batch_rows).where(batch_rows.c.batch == self.batch))
            connection.execute(delete(batches).where(batches.c.id == self.batch))

    def _opened(self, who: Who) -> tuple[int, int, bool]:
        """The batch's row, its new reading, and whether the same run opened it before."""
        from contextlib import suppress

        from sqlalchemy import insert, select, update
        from sqlalchemy.exc import IntegrityError

        from airflow_provider_paygate.database.schema import batches

        account = self.journal.account.account_id
        run = None if who.dag_id is None else f"{who.dag_id} {who.run_id}"
        mine = (batches.c.account_id == account, batches.c.batch_id == self.batch_id)
        first = {"account_id": account, "batch_id": self.batch_id, "run": run, "reading": 0}
        with suppress(IntegrityError), self.journal.database.begin() as connection:
            if connection.execute(select(batches.c.id).where(*mine)).fetchone() is None:
                connection.execute(insert(batches).values(**first, created_at=self.journal.database.now(connection)))
        with self.journal.database.begin() as connection:
            row = connection.execute(select(batches).where(*mine).with_for_update()).one()
            connection.execute(update(batches).where(batches.c.id == row.id).values(reading=row.reading + 1, run=run))
            return row.id, row.reading + 1, row.run == run

    def _alone(self, connection: Connection) -> None:
        """Raise NotSent when another worker has begun to read the batch since: its checks hold then, and not ours."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batches

        query = select(batches.c.reading).where(batches.c.id == self.batch).with_for_update()
        if connection.execute(query).scalar_one() != self.reading:
            raise NotSent(
                f"Batch {self.batch_id}: another worker reads it at this moment, so this one sent nothing; a retry goes on",
                operation="check",
            )


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """`rows` a few hundred at a time."""
    stream = iter(rows)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk
