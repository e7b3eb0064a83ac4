"""The second reading of a batch's source, held against the plan: what is sent is what was checked."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.lifecycle import State
from airflow_provider_paygate.payouts.payout import Payout
from airflow_provider_paygate.payouts.plan import Plan, chunks
from airflow_provider_paygate.payouts.rows import Row
from airflow_provider_paygate.payouts.verdicts import Problem

CHANGED = "the row changed between the two readings of the source; nothing was sent for it"
MISSING = "the row was gone when the source was read again; nothing was sent for it"


class SecondReading:
    """Reads the source of `plan` again, a few hundred rows at a time; the account numbers are in no other place."""

    def __init__(self, plan: Plan, who: Who) -> None:
        self._plan = plan
        self._journal = plan.journal
        self._who = who

    @property
    def _rows(self) -> tuple[Any, Any]:
        from airflow_provider_paygate.database.schema import batch_rows

        return batch_rows.c.batch == self._plan.batch, batch_rows.c.reading == self._plan.reading

    def to_send(self, rows: Iterable[Row]) -> Generator[tuple[Payout, str, Entry], None, None]:
        """Read the source a second time: each row that is to be sent, with its journal entry, planned and durable.

        A row that is not as it was planned is not sent; the plan then says so.
        """
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batch_rows

        last = 0
        for chunk in chunks(rows):
            lines = [row.line for row in chunk]
            last = lines[-1]
            with self._journal.database.read() as connection:
                query = select(batch_rows).where(*self._rows, batch_rows.c.line.in_(lines))
                planned = {row.line: row for row in connection.execute(query)}
            good: list[tuple[Payout, str]] = []
            changed: list[int] = []
            for row in chunk:
                plan = planned.get(row.line)
                if plan is not None and plan.problem is not None:
                    continue
                payout = self._again(row)
                if plan is None or payout is None or plan.content != self._plan.content_of(payout):
                    changed.append(row.line)
                else:
                    good.append((payout, self._plan.wallet_of(payout)))
            self._mark_changed(changed)
            entries = self._journal.intend_all(good, self._who)
            self._link(entries)
            for (payout, wallet), entry in zip(good, entries, strict=True):
                if isinstance(entry, Entry):
                    if entry.state in {State.PLANNED, State.REFUSED, State.UNKNOWN, State.SENDING}:
                        yield payout, wallet, entry
                else:
                    self._mark(payout.reference, str(entry))
        self._mark_missing(last)

    def paid_before(self, reference: str) -> None:
        """Note that the gateway had paid a row before this batch came; safe in any thread."""
        from sqlalchemy import update

        from airflow_provider_paygate.database.schema import batch_rows

        with self._journal.database.begin() as connection:
            mine = update(batch_rows).where(*self._rows, batch_rows.c.reference == reference)
            connection.execute(mine.values(already_paid=1))

    def differences(self) -> list[Problem]:
        """The rows that were not sent because the source had changed when it was read again."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import batch_rows

        columns = (batch_rows.c.line, batch_rows.c.reference, batch_rows.c.problem)
        query = select(*columns).where(*self._rows, batch_rows.c.problem.in_((CHANGED, MISSING)))
        with self._journal.database.read() as connection:
            return [Problem(*row) for row in connection.execute(query.order_by(batch_rows.c.line))]

    def _again(self, row: Row) -> Payout | None:
        try:
            return self._plan.payout_of(row)
        except InvalidRequest:
            return None

    def _mark_changed(self, lines: list[int]) -> None:
        from sqlalchemy import bindparam, insert, update

        from airflow_provider_paygate.database.schema import batch_rows

        if not lines:
            return
        with self._journal.database.begin() as connection:
            for line in lines:
                where = update(batch_rows).where(*self._rows, batch_rows.c.line == bindparam("at"))
                if not connection.execute(where.values(problem=CHANGED), {"at": line}).rowcount:
                    connection.execute(
                        insert(batch_rows).values(
                            batch=self._plan.batch,
                            line=line,
                            reading=self._plan.reading,
                            problem=CHANGED,
                            already_paid=0,
                        )
                    )

    def _mark_missing(self, last: int) -> None:
        """The source ended at line `last` this time; what was planned and did not come again is not sent."""
        from sqlalchemy import or_, update

        from airflow_provider_paygate.database.schema import batch_rows

        missing = or_(batch_rows.c.line > last, batch_rows.c.payout_id.is_(None))
        with self._journal.database.begin() as connection:
            connection.execute(
                update(batch_rows).where(*self._rows, batch_rows.c.problem.is_(None), missing).values(problem=MISSING)
            )

    def _mark(self, reference: str, problem: str) -> None:
        from sqlalchemy import update

        from airflow_provider_paygate.database.schema import batch_rows

        with self._journal.database.begin() as connection:
            connection.execute(
                update(batch_rows)
                .where(
                    *self._rows,
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
        with self._journal.database.begin() as connection:
            connection.execute(
                update(batch_rows)
                .where(
                    *self._rows,
                    batch_rows.c.reference == bindparam("named"),
                    batch_rows.c.problem.is_(None),
                )
                .values(payout_id=bindparam("entry")),
                links,
            )
