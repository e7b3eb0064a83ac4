"""The plan of a batch: its whole source read and checked, row by row, before the first rupee moves.

The plan is kept in the database, so that memory does not grow with the batch, a second reading can be held against the
first, and a later try knows what an earlier one planned. It holds no account number: a row is remembered by a keyed
digest of its content.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError
from airflow_provider_paygate.gateways.facts import Beneficiary
from airflow_provider_paygate.payouts.entry import Entry, Who, entry_of
from airflow_provider_paygate.payouts.identity import major_units, minor_units
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.lifecycle import State
from airflow_provider_paygate.payouts.payout import FIELDS, Payout
from airflow_provider_paygate.payouts.rows import REQUIRED, Row

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

CHUNK = 500


@dataclass(frozen=True)
class Problem:
    """A row that is not sent, and why. `line` is None for one that is gone from the source."""

    line: int | None
    reference: str | None
    text: str

    def __str__(self) -> str:
        where = "no longer in the source" if self.line is None else f"line {self.line}"
        return f"{where}{f' ({self.reference})' if self.reference else ''}: {self.text}"


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
        self.batch, self.reading, self._same_run = self._opened(who)

    # Reading the source

    def read(self, rows: Iterable[Row]) -> int:
        """Check every row and take it down; how many there were. Finds repeated and conflicting references too."""
        count = 0
        for chunk in chunks(rows):
            count += len(chunk)
            self._take_down(chunk)
        self._mark_repeats()
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
        from sqlalchemy import delete, insert

        from airflow_provider_paygate.database.schema import batch_rows

        planned = [self._planned(row) for row in rows]
        with self.journal.database.begin() as connection:
            known = self._known(connection, [values["reference"] for values, _ in planned if values["reference"]])
            flags = self._flags(connection, [values["line"] for values, _ in planned])
            for values, payout in planned:
                entry = known.get(values["reference"])
                if payout is not None and entry is not None:
                    self._hold_against(values, payout, entry, flags.get(values["line"]))
            lines = [values["line"] for values, _ in planned]
            connection.execute(delete(batch_rows).where(batch_rows.c.batch == self.batch, batch_rows.c.line.in_(lines)))
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

    def _hold_against(
        self, values: dict[str, Any], payout: Payout, entry: Entry, flag: tuple[str | None, int] | None
    ) -> None:
        """What the journal already knows under the row's reference."""
        told = Beneficiary(payout.beneficiary_account, payout.beneficiary_ifsc)
        if entry.state not in {State.PLANNED, State.REFUSED} and self.journal.difference(entry, payout.amount, told):
            values["problem"] = (
                f"the reference was used before for {entry.amount} {entry.currency} to {entry.account_last_four} at {entry.ifsc} "
                f"(now {entry.state.value})"
            )
            return
        values["payout_id"] = entry.id
        seen_before = self._same_run and flag is not None and flag[0] == values["reference"]
        if seen_before and flag is not None:
            values["already_paid"] = flag[1]
        else:
            values["already_paid"] = int(entry.state in {State.ACCEPTED, State.SETTLED})

    def _known(self, connection: Connection, references: list[str]) -> dict[str, Entry]:
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        mine = payouts.c.account_id == self.journal.account.account_id
        found = connection.execute(select(payouts).where(mine, payouts.c.reference.in_(references)))
        return {row.reference: entry_of(row) for row in found}

    def _flags(self, connection: Connection, lines: list[int]) -> dict[int, tuple[str | None, int]]:
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batch_rows

        columns = (batch_rows.c.line, batch_rows.c.reference, batch_rows.c.already_paid)
        found = connection.execute(
            select(*columns).where(batch_rows.c.batch == self.batch, batch_rows.c.line.in_(lines))
        )
        return {row.line: (row.reference, row.already_paid) for row in found}

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
                        "AND line >= :line"
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

    # What the plan says

    def problems(self, most: int) -> tuple[list[Problem], int]:
        """The first `most` rows that cannot be sent, and how many there are."""
        from sqlalchemy import text

        where = "FROM paygate_batch_rows WHERE batch = :batch AND reading = :reading AND problem IS NOT NULL"
        place = {"batch": self.batch, "reading": self.reading}
        with self.journal.database.read() as connection:
            total = connection.execute(text(f"SELECT count(*) {where}"), place).scalar_one()
            rows = connection.execute(
                text(f"SELECT line, reference, problem {where} ORDER BY line LIMIT :most"), {**place, "most": most}
            ).fetchall()
        return [Problem(row.line, row.reference, row.problem) for row in rows], total

    def gone(self) -> list[Problem]:
        """Rows of an earlier reading that the source no longer has and that are not finally resolved."""
        from sqlalchemy import text

        query = """
            SELECT r.reference, p.state FROM paygate_batch_rows r JOIN paygate_payouts p ON p.id = r.payout_id
            WHERE r.batch = :batch AND r.reading < :reading AND p.state IN ('planned', 'sending', 'accepted', 'unknown')
            AND NOT EXISTS (SELECT 1 FROM paygate_batch_rows n
                            WHERE n.batch = r.batch AND n.reading = :reading AND n.reference = r.reference)
            ORDER BY r.line"""
        with self.journal.database.read() as connection:
            rows = connection.execute(text(query), {"batch": self.batch, "reading": self.reading}).fetchall()
        return [Problem(None, row.reference, f"it is {row.state}") for row in rows]

    def total(self) -> Decimal:
        """The sum of all rows that may be sent or were."""
        return sum(self._sums("").values(), Decimal(0))

    def unresolved(self) -> dict[str, Decimal]:
        """What may still have to be sent, by wallet."""
        return self._sums("AND (p.id IS NULL OR p.state IN ('planned', 'refused', 'unknown'))")

    def not_reserved(self) -> Decimal:
        """What of it no day's ceiling counts yet."""
        sums = self._sums("AND (p.id IS NULL OR (p.state IN ('planned', 'refused') AND p.reserved_day IS NULL))")
        return sum(sums.values(), Decimal(0))

    def largest(self) -> tuple[int, str, Decimal] | None:
        """Line, reference and amount of the largest row that may be sent."""
        from sqlalchemy import text

        query = """
            SELECT line, reference, amount_minor FROM paygate_batch_rows
            WHERE batch = :batch AND reading = :reading AND problem IS NULL ORDER BY amount_minor DESC, line LIMIT 1"""
        with self.journal.database.read() as connection:
            row = connection.execute(text(query), {"batch": self.batch, "reading": self.reading}).fetchone()
        return None if row is None else (row.line, row.reference, major_units(row.amount_minor))

    def _sums(self, condition: str) -> dict[str, Decimal]:
        from sqlalchemy import text

        query = f"""
            SELECT r.wallet_id, sum(r.amount_minor) AS amount
            FROM paygate_batch_rows r LEFT JOIN paygate_payouts p ON p.id = r.payout_id
            WHERE r.batch = :batch AND r.reading = :reading AND r.problem IS NULL {condition}
            GROUP BY r.wallet_id"""
        with self.journal.database.read() as connection:
            rows = connection.execute(text(query), {"batch": self.batch, "reading": self.reading}).fetchall()
        return {row.wallet_id: major_units(int(row.amount)) for row in rows}

    def forget(self) -> None:
        """Remove the plan; the journal's payments stay."""
        from sqlalchemy import delete

        from airflow_provider_paygate.database.schema import batch_rows, batches

        with self.journal.database.begin() as connection:
            connection.execute(delete(batch_rows).where(batch_rows.c.batch == self.batch))
            connection.execute(delete(batches).where(batches.c.id == self.batch))

    # Carrying it out

    def to_send(self, rows: Iterable[Row], who: Who) -> Iterator[tuple[Payout, str, Entry]]:
        """Read the source a second time: each row that is to be sent, with its journal entry, planned and durable.

        A row that is not as it was planned is not sent; the plan then says so.
        """
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batch_rows

        for chunk in chunks(rows):
            lines = [row.line for row in chunk]
            with self.journal.database.read() as connection:
                query = select(batch_rows).where(batch_rows.c.batch == self.batch, batch_rows.c.line.in_(lines))
                planned = {row.line: row for row in connection.execute(query)}
            good: list[tuple[Payout, str]] = []
            changed: list[int] = []
            for row in chunk:
                plan = planned.get(row.line)
                if plan is not None and plan.problem is not None:
                    continue
                payout = self._again(row)
                if plan is None or payout is None or plan.content != self.content_of(payout):
                    changed.append(row.line)
                else:
                    good.append((payout, self.wallet_of(payout)))
            self._mark_changed(changed)
            entries = self.journal.intend_all(good, who)
            self._link(entries)
            for (payout, wallet), entry in zip(good, entries, strict=True):
                if isinstance(entry, Entry):
                    if entry.state in {State.PLANNED, State.REFUSED, State.UNKNOWN, State.SENDING}:
                        yield payout, wallet, entry
                else:
                    self._mark(payout.reference, str(entry))

    def _again(self, row: Row) -> Payout | None:
        try:
            return self.payout_of(row)
        except InvalidRequest:
            return None

    def _mark_changed(self, lines: list[int]) -> None:
        from sqlalchemy import bindparam, insert, update

        from airflow_provider_paygate.database.schema import batch_rows

        if not lines:
            return
        problem = "the row changed between the two readings of the source; nothing was sent for it"
        with self.journal.database.begin() as connection:
            for line in lines:
                where = update(batch_rows).where(batch_rows.c.batch == self.batch, batch_rows.c.line == bindparam("at"))
                if not connection.execute(where.values(problem=problem), {"at": line}).rowcount:
                    connection.execute(
                        insert(batch_rows).values(
                            batch=self.batch, line=line, reading=self.reading, problem=problem, already_paid=0
                        )
                    )

    def _mark(self, reference: str, problem: str) -> None:
        from sqlalchemy import update

        from airflow_provider_paygate.database.schema import batch_rows

        with self.journal.database.begin() as connection:
            connection.execute(
                update(batch_rows)
                .where(
                    batch_rows.c.batch == self.batch,
                    batch_rows.c.reading == self.reading,
                    batch_rows.c.reference == reference,
                    batch_rows.c.problem.is_(None),
                )
                .values(problem=problem)
            )

    def _link(self, entries: Sequence[Entry | PaygateError]) -> None:
        from sqlalchemy import bindparam, update

        from airflow_provider_paygate.database.schema import batch_rows

        links = [{"entry": entry.id, "named": entry.reference} for entry in entries if isinstance(entry, Entry)]
        if not links:
            return
        with self.journal.database.begin() as connection:
            connection.execute(
                update(batch_rows)
                .where(
                    batch_rows.c.batch == self.batch,
                    batch_rows.c.reading == self.reading,
                    batch_rows.c.reference == bindparam("named"),
                    batch_rows.c.problem.is_(None),
                )
                .values(payout_id=bindparam("entry")),
                links,
            )

    def _opened(self, who: Who) -> tuple[int, int, bool]:
        """The batch's row, its new reading, and whether the same run opened it before."""
        from sqlalchemy import insert, select, update

        from airflow_provider_paygate.database.schema import batches

        account = self.journal.account.account_id
        run = None if who.dag_id is None else f"{who.dag_id} {who.run_id}"
        mine = (batches.c.account_id == account, batches.c.batch_id == self.batch_id)
        with self.journal.database.begin() as connection:
            row = connection.execute(select(batches).where(*mine)).fetchone()
            if row is None:
                now = self.journal.database.now(connection)
                connection.execute(
                    insert(batches).values(
                        account_id=account, batch_id=self.batch_id, run=run, reading=1, created_at=now
                    )
                )
                row = connection.execute(select(batches).where(*mine)).one()
                return row.id, row.reading, True
            connection.execute(update(batches).where(batches.c.id == row.id).values(reading=row.reading + 1, run=run))
            return row.id, row.reading + 1, row.run == run


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """`rows` a few hundred at a time."""
    stream = iter(rows)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk
