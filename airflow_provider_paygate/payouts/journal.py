"""The journal: what was intended, sent and answered, durable before the next step is taken.

Every move of a payment is one transaction that checks the life cycle, writes the row and adds a line to its history.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.gateways.facts import Payment
from airflow_provider_paygate.payouts import ceilings, moves
from airflow_provider_paygate.payouts.entry import Entry, Who, entry_of
from airflow_provider_paygate.payouts.intents import Intents
from airflow_provider_paygate.payouts.lifecycle import Event, State, moved
from airflow_provider_paygate.payouts.moves import Decision, Move

if TYPE_CHECKING:
    from airflow_provider_paygate.payouts.payable import Payable


class Journal(Intents):
    """The payments of one account.

    :param database: where it is kept.
    :param account: whose payments.
    :param fingerprints: made with the connection's present secret.
    """

    def find(self, reference: str) -> Entry | None:
        """The payment under a reference."""
        with self.database.read() as connection:
            return self._records.find(connection, reference)

    def entries(self, states: Iterable[State], limit: int) -> list[Entry]:
        """The payments in these states, the one that moved last first."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        mine = payouts.c.account_id == self.account.account_id
        query = select(payouts).where(mine, payouts.c.state.in_([state.value for state in states]))
        with self.database.read() as connection:
            return [
                entry_of(row) for row in connection.execute(query.order_by(payouts.c.updated_at.desc()).limit(limit))
            ]

    def history(self, entry: Entry) -> list[dict[str, Any]]:
        """Everything that happened to a payment, first to last: ``at``, ``event``, ``state``, ``by``, ``detail``."""
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payout_events

        query = select(payout_events).where(payout_events.c.payout_id == entry.id).order_by(payout_events.c.id)
        with self.database.read() as connection:
            return [
                {
                    "at": row.at,
                    "event": row.event,
                    "state": row.state,
                    "by": row.by,
                    "detail": json.loads(row.detail or "{}"),
                }
                for row in connection.execute(query)
            ]

    def now(self) -> float:
        """The database's clock."""
        with self.database.read() as connection:
            return self.database.now(connection)

    def seen(self, who: Who) -> Who:
        """Take down that the task has come, before anything else is done; `who`, knowing whether its first try was seen here.

        A worker may come back with its local journal gone. A journal that has seen every try of a task knows what it sent.
        """
        from sqlalchemy import text

        if who.dag_id is None:
            return who
        identity = "\0".join((who.dag_id, who.run_id or "", who.task_id or "", str(who.map_index)))
        place = {"task": hashlib.sha256(identity.encode()).hexdigest(), "try": who.try_number}
        with self.database.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO paygate_task_tries (task, since_try, at) VALUES (:task, :try, :now) "
                    "ON CONFLICT (task) DO NOTHING"
                ),
                {**place, "now": self.database.now(connection)},
            )
            query = text("SELECT since_try FROM paygate_task_tries WHERE task = :task")
            return replace(who, remembered=connection.execute(query, place).scalar_one() == 1)

    def began_at(self) -> float:
        """When this journal first saw its account: whatever was paid before then may have been written in another one."""
        from sqlalchemy import func, select

        from airflow_provider_paygate.database.schema import account_names

        query = select(func.min(account_names.c.created_at)).where(
            account_names.c.account_id == self.account.account_id
        )
        with self.database.read() as connection:
            began: float = connection.execute(query).scalar_one()
        return began

    def claim(
        self, entry: Entry, fingerprint: str, seconds: float, who: Who, ceiling: Decimal | None = None
    ) -> Entry | None:
        """Take the right to send `entry` for `seconds`: afterwards it is SENDING, and durably so.

        None when it changed since it was read: another worker has it.

        :raises LimitExceeded: the day's ceiling leaves no room for it.
        """
        # An unknown payment cannot have been corrected; a fingerprint that differs was made before the key was rotated.
        rotated = entry.state is State.UNKNOWN and entry.key_id != self.fingerprints.key_id
        if entry.fingerprint != fingerprint and not rotated:
            return None
        with self.database.begin() as connection:
            now = self.database.now(connection)
            claimed = self._records.moved(
                connection,
                entry,
                now,
                state=moved(entry.state, Event.SEND),
                tries=entry.tries + 1,
                resends=entry.resends + (entry.state is State.UNKNOWN),
                absences=0,
                lease_owner=uuid.uuid4().hex,
                deadline_at=now + seconds,
                reserved_day=entry.reserved_day or ceilings.day_of(now, self.account.day_zone),
            )
            if claimed is None:
                return None
            if entry.reserved_day is None:
                ceilings.reserve(connection, self.account, claimed, ceiling)
            self._records.noted(connection, claimed, Event.SEND, who, now)
            return claimed

    def answered(
        self, entry: Entry, event: Event, who: Who, *, code: str | None = None, message: str | None = None
    ) -> Entry:
        """Record what became of the submission that `entry` holds the lease of: NOT_SENT, REFUSED or LOST.

        Without effect when the lease has passed to somebody else, who knows more by now.
        """
        return self._move(entry, who, moves.answered(entry.lease_owner, event, code, message))

    def expired(self, entry: Entry, who: Who) -> Entry:
        """Turn a submission whose worker never came back into UNKNOWN, once its deadline has passed."""
        return self._move(entry, who, moves.expired)

    def doubted(self, entry: Entry, who: Who) -> Entry:
        """Turn a payment that this journal has never sent into UNKNOWN, because another journal may have."""
        return self._move(entry, who, moves.doubted)

    def absent(self, entry: Entry, who: Who, window: float) -> tuple[Entry, float]:
        """Record that the gateway does not know `entry`, and give back the seconds until that begins to prove anything."""
        wait = 0.0

        def decided(fresh: Entry, now: float) -> Move | None:
            nonlocal wait
            wait = max(0.0, (fresh.deadline_at or fresh.updated_at) + window - now)
            if fresh.state is not State.UNKNOWN or wait:
                return None
            return Move(Event.ABSENT, {"absences": fresh.absences + 1}, {})

        return self._move(entry, who, decided), wait

    def observed(self, entry: Entry, payment: Payment, who: Who) -> Entry:
        """Record what the gateway says of the payment. Never moves back from a final state."""
        decided = moves.observed(payment)
        if decided(entry, entry.updated_at) is None:
            return entry  # nothing new: a sweep over many pending payments writes nothing
        return self._move(entry, who, decided)

    def decided_by_hand(self, entry: Entry, event: Event, why: str, who: Who) -> Entry:
        """Record what a person found out at the bank about an unknown payment: SETTLED or FAILED, and why, for good."""
        return self._move(entry, who, moves.decided_by_hand(event, why))

    def rekeyed(self, entry: Entry, payout: Payable, who: Who) -> Entry:
        """Make the fingerprint anew with the present key, once the gateway's own answer has shown it is the same payment."""
        fingerprint = self.fingerprints.of(payout.amount, payout.beneficiary_account, payout.beneficiary_ifsc)

        def decided(fresh: Entry, now: float) -> Move | None:
            return Move("rekeyed", {"fingerprint": fingerprint, "key_id": self.fingerprints.key_id}, {})

        return self._move(entry, who, decided)

    def _move(self, entry: Entry, who: Who, decided: Decision) -> Entry:
        """Do what `decided` says of the entry: as it is held, or, when it has changed since, as it is now."""
        with self.database.begin() as connection:
            now = self.database.now(connection)
            move = decided(entry, now)
            after = None if move is None else self._records.moved(connection, entry, now, **move.values)
            if after is None:
                entry = self._records.reread(connection, entry)
                move = decided(entry, now)
                after = None if move is None else self._records.moved(connection, entry, now, **move.values)
            if move is None or after is None:
                return entry
            if entry.reserved_day is not None and after.reserved_day is None:
                ceilings.release(connection, self.account, entry)
            self._records.noted(connection, after, move.event, who, now, **move.detail)
            return after
