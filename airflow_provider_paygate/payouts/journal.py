"""The journal: what was intended, sent and answered, durable before the next step is taken.

Every move of a payment is one transaction that checks the life cycle, writes the row and adds a line to its history.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError, ReferenceConflict
from airflow_provider_paygate.gateways.facts import RETURNED, Beneficiary, Payment, last_four
from airflow_provider_paygate.payouts import ceilings
from airflow_provider_paygate.payouts.identity import Account, Fingerprints, major_units, minor_units
from airflow_provider_paygate.payouts.lifecycle import FINAL, MOVES, Event, State, moved

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from airflow_provider_paygate.database import Database
    from airflow_provider_paygate.payouts.payout import Payout


@dataclass(frozen=True)
class Who:
    """Which task is at work. All empty without a task's context: identity comes from the reference alone."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int = 1
    earliest: float | None = None  # before this, the run cannot have begun; None when that is not known

    def __str__(self) -> str:
        if self.dag_id is None:
            return "no task"
        mapped = "" if self.map_index in (None, -1) else f"[{self.map_index}]"
        return f"{self.dag_id} {self.run_id} {self.task_id}{mapped} try {self.try_number}"


@dataclass(frozen=True)
class Entry:
    """A payment as the journal has it. Times are seconds since 1970; amounts are Decimal."""

    id: int
    account_id: str
    reference: str
    sender_id: str
    state: State
    amount: Decimal
    currency: str
    account_last_four: str
    ifsc: str
    fingerprint: str
    key_id: str
    mode: str
    wallet_id: str | None
    replaces: str | None
    replaced_by: str | None
    transaction_id: str | None
    utr: str | None
    status: str | None
    code: str | None
    message: str | None
    tries: int
    resends: int
    absences: int
    lease_owner: str | None
    deadline_at: float | None
    created_at: float
    updated_at: float
    final_at: float | None
    reserved_day: str | None
    conn_id: str | None
    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.state in FINAL

    def was_made_by(self, who: Who) -> bool:
        """Whether the same task instance of the same run planned it, in this try or an earlier one."""
        mine = (who.dag_id, who.run_id, who.task_id, who.map_index)
        return who.dag_id is not None and mine == (self.dag_id, self.run_id, self.task_id, self.map_index)


class Journal:
    """The payments of one account.

    :param database: where it is kept.
    :param account: whose payments.
    :param fingerprints: made with the connection's present secret.
    """

    def __init__(self, database: Database, account: Account, fingerprints: Fingerprints) -> None:
        self.database = database
        self.account = account
        self.fingerprints = fingerprints

    # What is known

    def find(self, reference: str) -> Entry | None:
        """The payment under a reference."""
        with self.database.read() as connection:
            return self._find(connection, reference)

    def now(self) -> float:
        """The database's clock."""
        with self.database.read() as connection:
            return self.database.now(connection)

    def began_at(self) -> float:
        """When this journal first saw its account: whatever was paid before then may have been written in another one."""
        from sqlalchemy import func, select

        from airflow_provider_paygate.database.schema import account_keys

        query = select(func.min(account_keys.c.created_at)).where(account_keys.c.account_id == self.account.account_id)
        with self.database.read() as connection:
            began: float = connection.execute(query).scalar_one()
        return began

    # Intending

    def intend(self, payout: Payout, wallet_id: str, who: Who) -> Entry:
        """The entry of `payout`, made if there is none. Durable when this returns.

        :raises ReferenceConflict: the reference was used before for another amount or beneficiary.
        :raises InvalidRequest: `replaces` names nothing that finally failed, or something already replaced.
        """
        from sqlalchemy.exc import IntegrityError

        for _ in range(2):
            try:
                with self.database.begin() as connection:
                    known = self._find(connection, payout.reference, lock=True)
                    if known is None:
                        return self._insert(connection, payout, wallet_id, who)
                    return self._agreed(connection, known, payout, wallet_id, who)
            except IntegrityError:
                continue  # another worker planned it in this moment; the second look finds its row
        raise ReferenceConflict(
            f"{payout.reference}: another reference already stands for the gateway id {payout.sender_id}; nothing was sent. "
            "Give this payment a reference of its own.",
            operation="journal",
        )

    def intend_all(self, payouts: list[tuple[Payout, str]], who: Who) -> list[Entry | PaygateError]:
        """The entries of several payouts with their wallets, made in one transaction; what `intend` would raise in place."""
        from sqlalchemy import insert, select
        from sqlalchemy.exc import IntegrityError

        from airflow_provider_paygate.database import schema

        table, mine = schema.payouts, schema.payouts.c.account_id == self.account.account_id
        query = select(table).where(mine, table.c.reference.in_([payout.reference for payout, _ in payouts]))
        made: dict[str, Entry] = {}
        try:
            with self.database.begin() as connection:
                known = {row.reference for row in connection.execute(query)}
                now = self.database.now(connection)
                new = [(p, wallet) for p, wallet in payouts if p.reference not in known and p.replaces is None]
                if new:
                    connection.execute(insert(table), [self._planned(p, wallet, who, now) for p, wallet in new])
                    planned = [entry_of(row) for row in connection.execute(query) if row.reference not in known]
                    self._note_all(connection, planned, "planned", State.PLANNED, who, now)
                    made = {entry.reference: entry for entry in planned}
        except IntegrityError:
            made = {}  # another worker planned one of them in this moment: look at each
        return [made.get(payout.reference) or self._intended(payout, wallet, who) for payout, wallet in payouts]

    def _intended(self, payout: Payout, wallet_id: str, who: Who) -> Entry | PaygateError:
        try:
            return self.intend(payout, wallet_id, who)
        except (ReferenceConflict, InvalidRequest) as error:
            return error

    def _insert(self, connection: Connection, payout: Payout, wallet_id: str, who: Who) -> Entry:
        from sqlalchemy import insert

        from airflow_provider_paygate.database.schema import payouts

        now = self.database.now(connection)
        if payout.replaces:
            self._replace(connection, payout, now)
        connection.execute(insert(payouts).values(**self._planned(payout, wallet_id, who, now)))
        entry = self._find(connection, payout.reference)
        assert entry is not None  # noqa: S101 - inserted two lines above, in this transaction
        self._note(connection, entry, "planned", entry.state, who, now)
        return entry

    def _planned(self, payout: Payout, wallet_id: str, who: Who, now: float) -> dict[str, Any]:
        return {
            "account_id": self.account.account_id,
            "reference": payout.reference,
            "sender_id": payout.sender_id,
            "state": State.PLANNED.value,
            "replaces": payout.replaces,
            "tries": 0,
            "resends": 0,
            "absences": 0,
            "created_at": now,
            "conn_id": self.account.conn_id,
            "dag_id": who.dag_id,
            "run_id": who.run_id,
            "task_id": who.task_id,
            "map_index": who.map_index,
            **self._described(payout, wallet_id, now),
        }

    def _described(self, payout: Payout, wallet_id: str, now: float) -> dict[str, Any]:
        return {
            "amount_minor": minor_units(payout.amount),
            "currency": self.account.currency,
            "account_last_four": payout.shown_account,
            "ifsc": payout.beneficiary_ifsc,
            "fingerprint": self.fingerprints.of(payout.amount, payout.beneficiary_account, payout.beneficiary_ifsc),
            "key_id": self.fingerprints.key_id,
            "mode": payout.mode,
            "wallet_id": wallet_id,
            "updated_at": now,
        }

    def _agreed(self, connection: Connection, known: Entry, payout: Payout, wallet_id: str, who: Who) -> Entry:
        """`known`, when it is the same payment; corrected, when nothing ever moved under it."""
        untouched = known.state in {State.PLANNED, State.REFUSED}
        if (
            self.difference(known, payout.amount, Beneficiary(payout.beneficiary_account, payout.beneficiary_ifsc))
            is None
        ):
            written = (known.mode, known.wallet_id, known.key_id)
            if not untouched or written == (payout.mode, wallet_id, self.fingerprints.key_id):
                return known
        elif not untouched:
            raise ReferenceConflict(
                f"{payout.reference}: this reference was used before for {known.amount} {known.currency} to account "
                f"{known.account_last_four} at {known.ifsc} (now {known.state.value}); nothing was sent. "
                "Another payment needs another reference.",
                operation="journal",
            )
        now = self.database.now(connection)
        self._update(connection, known, **self._described(payout, wallet_id, now))
        self._note(connection, known, "corrected", known.state, who, now)
        return self._reread(connection, known)

    def _replace(self, connection: Connection, payout: Payout, now: float) -> None:
        old = self._find(connection, payout.replaces or "", lock=True)
        where = f"{payout.reference}: replaces={payout.replaces!r}"
        if old is None:
            raise InvalidRequest(f"{where} names a payment that this journal does not know", operation="journal")
        if old.state not in {State.FAILED, State.REFUNDED}:
            raise InvalidRequest(
                f"{where} names a payment that is {old.state.value}; only one that finally failed can be replaced",
                operation="journal",
            )
        if old.replaced_by not in (None, payout.reference):
            raise InvalidRequest(f"{where} was already replaced by {old.replaced_by}", operation="journal")
        self._update(connection, old, replaced_by=payout.reference, updated_at=now)

    # Moving

    def claim(
        self, entry: Entry, fingerprint: str, seconds: float, who: Who, ceiling: Decimal | None = None
    ) -> Entry | None:
        """Take the right to send `entry` for `seconds`: afterwards it is SENDING, and durably so.

        None when it changed since it was read: another worker has it.

        :raises LimitExceeded: the day's ceiling leaves no room for it.
        """
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            # An unknown payment cannot have been corrected; a fingerprint that differs was made before the key was rotated.
            rotated = fresh.state is State.UNKNOWN and fresh.key_id != self.fingerprints.key_id
            changed = fresh.fingerprint != fingerprint and not rotated
            if (fresh.state, fresh.tries) != (entry.state, entry.tries) or changed:
                return None
            now = self.database.now(connection)
            day = ceilings.reserved(connection, self.account, fresh, now, ceiling)
            self._update(
                connection,
                fresh,
                state=moved(fresh.state, Event.SEND).value,
                tries=fresh.tries + 1,
                resends=fresh.resends + (fresh.state is State.UNKNOWN),
                absences=0,
                lease_owner=uuid.uuid4().hex,
                deadline_at=now + seconds,
                reserved_day=day,
                updated_at=now,
            )
            self._note(connection, fresh, Event.SEND.value, State.SENDING, who, now)
            return self._reread(connection, fresh)

    def answered(
        self, entry: Entry, event: Event, who: Who, *, code: str | None = None, message: str | None = None
    ) -> Entry:
        """Record what became of the submission that `entry` holds the lease of: NOT_SENT, REFUSED or LOST.

        Without effect when the lease has passed to somebody else, who knows more by now.
        """
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            if fresh.lease_owner != entry.lease_owner or (fresh.state, event) not in MOVES:
                return fresh
            now = self.database.now(connection)
            resends = fresh.resends
            if resends and event is not Event.LOST:
                # This repeat moved nothing, which says nothing of the try before it: still unknown, and the repeat is given back.
                event, resends = Event.LOST, resends - 1
            state = moved(fresh.state, event)
            if event is not Event.LOST:
                ceilings.released(connection, self.account, fresh)
            self._update(
                connection,
                fresh,
                state=state.value,
                code=code,
                message=message,
                resends=resends,
                lease_owner=None,
                # The connection is closed: from here on, only what the gateway already has can still happen.
                deadline_at=now,
                reserved_day=fresh.reserved_day if event is Event.LOST else None,
                updated_at=now,
            )
            self._note(connection, fresh, event.value, state, who, now, code=code, message=message)
            return self._reread(connection, fresh)

    def expired(self, entry: Entry, who: Who) -> Entry:
        """Turn a submission whose worker never came back into UNKNOWN, once its deadline has passed."""
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            now = self.database.now(connection)
            if fresh.state is State.SENDING and (fresh.deadline_at or 0) <= now:
                self._update(connection, fresh, state=State.UNKNOWN.value, lease_owner=None, updated_at=now)
                self._note(
                    connection, fresh, Event.LOST.value, State.UNKNOWN, who, now, message="its worker never came back"
                )
            return self._reread(connection, fresh)

    def doubted(self, entry: Entry, who: Who) -> Entry:
        """Turn a payment that this journal has never sent into UNKNOWN, because another journal may have."""
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            if fresh.state is State.PLANNED and fresh.tries == 0:
                now = self.database.now(connection)
                state = moved(fresh.state, Event.LOST)
                self._update(connection, fresh, state=state.value, deadline_at=now, updated_at=now)
                self._note(
                    connection, fresh, Event.LOST.value, state, who, now, message="an earlier try may have sent it"
                )
            return self._reread(connection, fresh)

    def absent(self, entry: Entry, who: Who, window: float) -> tuple[Entry, float]:
        """Record that the gateway does not know `entry`, and give back the seconds until that begins to prove anything."""
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            now = self.database.now(connection)
            wait = (fresh.deadline_at or fresh.updated_at) + window - now
            if fresh.state is State.UNKNOWN and wait <= 0:
                self._update(connection, fresh, absences=fresh.absences + 1, updated_at=now)
                self._note(connection, fresh, Event.ABSENT.value, fresh.state, who, now)
            return self._reread(connection, fresh), max(0.0, wait)

    def observed(self, entry: Entry, payment: Payment, who: Who) -> Entry:
        """Record what the gateway says of the payment. Never moves back from a final state."""
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            event = event_of(payment)
            if (fresh.state, event) not in MOVES:
                return fresh
            state = moved(fresh.state, event)
            told = {
                "transaction_id": payment.transaction_id or fresh.transaction_id,
                "utr": payment.utr or fresh.utr,
                "status": payment.status,
                "message": payment.message,
                "code": None,
            }
            if state is fresh.state and all(getattr(fresh, name) == value for name, value in told.items()):
                return fresh
            now = self.database.now(connection)
            if state in {State.FAILED, State.REFUNDED}:
                ceilings.released(connection, self.account, fresh)
                told["reserved_day"] = None
            final_at = (fresh.final_at or now) if state in FINAL else None
            self._update(
                connection,
                fresh,
                state=state.value,
                lease_owner=None,
                final_at=final_at,
                updated_at=now,
                absences=0,
                **told,
            )
            self._note(connection, fresh, event.value, state, who, now, status=payment.status, message=payment.message)
            return self._reread(connection, fresh)

    def rekeyed(self, entry: Entry, payout: Payout, who: Who) -> Entry:
        """Make the fingerprint anew with the present key, once the gateway's own answer has shown it is the same payment."""
        with self.database.begin() as connection:
            fresh = self._locked(connection, entry)
            now = self.database.now(connection)
            fingerprint = self.fingerprints.of(payout.amount, payout.beneficiary_account, payout.beneficiary_ifsc)
            self._update(connection, fresh, fingerprint=fingerprint, key_id=self.fingerprints.key_id, updated_at=now)
            self._note(connection, fresh, "rekeyed", fresh.state, who, now)
            return self._reread(connection, fresh)

    def difference(self, entry: Entry, amount: Decimal | None, told: Beneficiary) -> str | None:
        """Which of amount, account and IFSC differs from the journal's, or None. What is not told is not compared.

        An account that is masked, or was fingerprinted with a key that has been rotated, is compared by its last digits.
        """
        if amount is not None and amount != entry.amount:
            return "amount"
        if told.ifsc is not None and told.ifsc.upper() != entry.ifsc:
            return "IFSC"
        if told.account is None:
            return None
        if told.account.isalnum() and "XX" not in told.account.upper() and entry.key_id == self.fingerprints.key_id:
            same = self.fingerprints.of(entry.amount, told.account, entry.ifsc) == entry.fingerprint
        else:
            same = last_four(told.account) == entry.account_last_four
        return None if same else "account"

    # Rows

    def _find(self, connection: Connection, reference: str, *, lock: bool = False) -> Entry | None:
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        query = select(payouts).where(payouts.c.account_id == self.account.account_id, payouts.c.reference == reference)
        row = connection.execute(query.with_for_update() if lock else query).fetchone()
        return None if row is None else entry_of(row)

    def _locked(self, connection: Connection, entry: Entry) -> Entry:
        return self._reread(connection, entry, lock=True)

    def _reread(self, connection: Connection, entry: Entry, *, lock: bool = False) -> Entry:
        from sqlalchemy import select

        from airflow_provider_paygate.database.schema import payouts

        query = select(payouts).where(payouts.c.id == entry.id)
        return entry_of(connection.execute(query.with_for_update() if lock else query).one())

    def _update(self, connection: Connection, entry: Entry, **values: Any) -> None:
        from sqlalchemy import update

        from airflow_provider_paygate.database.schema import payouts

        connection.execute(update(payouts).where(payouts.c.id == entry.id).values(**values))

    def _note(
        self, connection: Connection, entry: Entry, event: str, state: State, who: Who, now: float, **detail: Any
    ) -> None:
        self._note_all(connection, [entry], event, state, who, now, **detail)

    def _note_all(
        self,
        connection: Connection,
        entries: list[Entry],
        event: str,
        state: State,
        who: Who,
        now: float,
        **detail: Any,
    ) -> None:
        """A line in the history of each."""
        from sqlalchemy import insert

        from airflow_provider_paygate.database.schema import payout_events

        told = {name: value for name, value in detail.items() if value is not None}
        line = {
            "at": now,
            "event": event,
            "state": state.value,
            "by": str(who)[:1024],
            "detail": json.dumps(told) if told else None,
        }
        connection.execute(insert(payout_events), [{"payout_id": entry.id, **line} for entry in entries])


def event_of(payment: Payment) -> Event:
    """What the gateway's word for a payment's status moves."""
    if payment.succeeded:
        return Event.SETTLED
    if payment.status in RETURNED:
        return Event.REFUNDED
    return Event.FAILED if payment.is_final else Event.ACCEPTED


_COLUMNS = tuple(spec.name for spec in fields(Entry) if spec.name not in {"state", "amount"})


def entry_of(row: Row[Any]) -> Entry:
    """The entry in a row of the table."""
    values = row._mapping
    return Entry(
        **{name: values[name] for name in _COLUMNS},
        state=State(values["state"]),
        amount=major_units(values["amount_minor"]),
    )
