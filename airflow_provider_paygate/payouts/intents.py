"""Intending a payment: one row for each reference of an account, and never two payments under one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError, ReferenceConflict
from airflow_provider_paygate.gateways.facts import Beneficiary, last_four
from airflow_provider_paygate.payouts.entry import Entry, Who, entry_of
from airflow_provider_paygate.payouts.identity import Account, Fingerprints, minor_units
from airflow_provider_paygate.payouts.lifecycle import State
from airflow_provider_paygate.payouts.records import Records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from airflow_provider_paygate.database import Database
    from airflow_provider_paygate.payouts.payable import Payable


class Intents:
    """The planning half of the journal."""

    def __init__(self, database: Database, account: Account, fingerprints: Fingerprints) -> None:
        self.database = database
        self.account = account
        self.fingerprints = fingerprints
        self._records = Records(account.account_id)

    def intend(self, payout: Payable, wallet_id: str, who: Who) -> Entry:
        """The entry of `payout`, made if there is none. Durable when this returns.

        :raises ReferenceConflict: the reference was used before for another amount or beneficiary.
        :raises InvalidRequest: `replaces` names nothing that finally failed, or something already replaced.
        """
        from sqlalchemy.exc import IntegrityError

        for _ in range(2):
            try:
                with self.database.begin() as connection:
                    known = self._records.find(connection, payout.reference, lock=True)
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

    def intend_all(self, payouts: Sequence[tuple[Payable, str]], who: Who) -> list[Entry | PaygateError]:
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
                new.sort(
                    key=lambda planned: planned[0].reference
                )  # in one order everywhere: two batches never deadlock
                if new:
                    connection.execute(insert(table), [self._planned(p, wallet, who, now) for p, wallet in new])
                    planned = [entry_of(row) for row in connection.execute(query) if row.reference not in known]
                    self._records.noted_all(connection, planned, "planned", who, now)
                    made = {entry.reference: entry for entry in planned}
        except IntegrityError:
            made = {}  # another worker planned one of them in this moment: look at each
        return [made.get(payout.reference) or self._intended(payout, wallet, who) for payout, wallet in payouts]

    def _intended(self, payout: Payable, wallet_id: str, who: Who) -> Entry | PaygateError:
        try:
            return self.intend(payout, wallet_id, who)
        except (ReferenceConflict, InvalidRequest) as error:
            return error

    def _insert(self, connection: Connection, payout: Payable, wallet_id: str, who: Who) -> Entry:
        from sqlalchemy import insert

        from airflow_provider_paygate.database.schema import payouts

        now = self.database.now(connection)
        if payout.replaces:
            self._replace(connection, payout, now)
        connection.execute(insert(payouts).values(**self._planned(payout, wallet_id, who, now)))
        entry = self._records.find(connection, payout.reference)
        assert entry is not None  # noqa: S101 - inserted two lines above, in this transaction
        self._records.noted(connection, entry, "planned", who, now)
        return entry

    def _planned(self, payout: Payable, wallet_id: str, who: Who, now: float) -> dict[str, Any]:
        described = self._described(payout, wallet_id)
        described["amount_minor"] = minor_units(described.pop("amount"))
        return {
            "account_id": self.account.account_id,
            "reference": payout.reference,
            "sender_id": payout.sender_id,
            "state": State.PLANNED.value,
            "replaces": payout.replaces,
            "version": 0,
            "tries": 0,
            "resends": 0,
            "absences": 0,
            "created_at": now,
            "conn_id": self.account.conn_id,
            "dag_id": who.dag_id,
            "run_id": who.run_id,
            "task_id": who.task_id,
            "map_index": who.map_index,
            "updated_at": now,
            **described,
        }

    def _described(self, payout: Payable, wallet_id: str) -> dict[str, Any]:
        return {
            "amount": payout.amount,
            "currency": self.account.currency,
            "account_last_four": payout.shown_account,
            "ifsc": payout.beneficiary_ifsc,
            "fingerprint": self.fingerprints.of(payout.amount, payout.beneficiary_account, payout.beneficiary_ifsc),
            "key_id": self.fingerprints.key_id,
            "mode": payout.mode,
            "wallet_id": wallet_id,
        }

    def _agreed(self, connection: Connection, known: Entry, payout: Payable, wallet_id: str, who: Who) -> Entry:
        """`known`, when it is the same payment; corrected, when nothing ever moved under it."""
        untouched = known.state in {State.PLANNED, State.REFUSED}
        if self.unlike(known, payout) is None:
            written = (known.mode, known.wallet_id, known.key_id, known.replaces)
            wanted = (payout.mode, wallet_id, self.fingerprints.key_id, payout.replaces or known.replaces)
            if not untouched or written == wanted:
                return known
        elif not untouched:
            raise ReferenceConflict(
                f"{payout.reference}: this reference was used before for {known.amount} {known.currency} to account "
                f"{known.account_last_four} at {known.ifsc} (now {known.state.value}); nothing was sent. "
                "Another payment needs another reference.",
                operation="journal",
            )
        now = self.database.now(connection)
        described = self._described(payout, wallet_id)
        replaces = payout.replaces or known.replaces
        corrected = self._records.moved(connection, known, now, **described, replaces=replaces)
        assert corrected is not None  # noqa: S101 - it is locked in this transaction
        if payout.replaces and payout.replaces != known.replaces:
            self._replace(connection, payout, now)
        self._records.noted(connection, corrected, "corrected", who, now)
        return corrected

    def _replace(self, connection: Connection, payout: Payable, now: float) -> None:
        old = self._records.find(connection, payout.replaces or "", lock=True)
        problem = why_not_replaced(payout, old)
        if old is None or problem is not None:
            raise InvalidRequest(f"{payout.reference}: {problem}", operation="journal")
        self._records.moved(connection, old, now, replaced_by=payout.reference)

    def unlike(self, entry: Entry, payout: Payable) -> str | None:
        """Which of amount, account and IFSC of a payment that is asked for differs from the journal's, or None."""
        told = Beneficiary(payout.beneficiary_account, payout.beneficiary_ifsc)
        return self.difference(entry, payout.amount, told, whole=True)

    def difference(self, entry: Entry, amount: Decimal | None, told: Beneficiary, *, whole: bool = False) -> str | None:
        """Which of amount, account and IFSC differs from the journal's, or None. What is not told is not compared.

        An account that is masked, or was fingerprinted with a key that has been rotated, is compared by its last digits.
        `whole`: it is not masked, whatever it looks like; a stored instrument may be named with dashes or an XX.
        """
        if amount is not None and amount != entry.amount:
            return "amount"
        if told.ifsc is not None and told.ifsc.upper() != entry.ifsc:
            return "IFSC"
        if told.account is None:
            return None
        whole = whole or (told.account.isalnum() and "XX" not in told.account.upper())
        if whole and entry.key_id == self.fingerprints.key_id:
            same = self.fingerprints.of(entry.amount, told.account, entry.ifsc) == entry.fingerprint
        else:
            same = last_four(told.account) == entry.account_last_four
        return None if same else "account"


def why_not_replaced(payout: Payable, old: Entry | None) -> str | None:
    """Why `payout` cannot stand in for `old`, the payment that it says it replaces; None when it can."""
    where = f"replaces={payout.replaces!r}"
    if old is None:
        return f"{where} names a payment that this journal does not know"
    if old.state not in {State.FAILED, State.REFUNDED}:
        return f"{where} names a payment that is {old.state.value}; only one that finally failed can be replaced"
    if old.replaced_by not in (None, payout.reference):
        return f"{where} was already replaced by {old.replaced_by}"
    return None
