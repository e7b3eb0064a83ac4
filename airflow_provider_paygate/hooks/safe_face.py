"""What the safe faces of all gateways share: the journal of a connection, and what is found out about a payment in it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, NotFound, ReferenceConflict
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Task
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.lifecycle import Event, State

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.facts import Beneficiary, Payment


class SafeFace:
    """Payments of one connection, through the journal.

    :param hook: the gateway's hook.
    :param who: the task, or the person, at work.
    """

    hook: Any

    def __init__(self, hook: Any, who: Who) -> None:
        self.hook = hook
        self.who = who

    def asked(self, entry: Entry) -> Flow[tuple[Payment, Beneficiary]]:
        """Ask the gateway where a payment stands. Fault(NOT_FOUND) only when it says that it has none."""
        raise NotImplementedError

    @cached_property
    def journal(self) -> Journal:
        """The journal of the connection's account."""
        journal: Journal = self.hook.journal
        return journal

    def begin(self) -> None:
        """Take down that the task has come; what it then sends, a later try will know of. Call before anything is checked."""
        self.who = self.journal.seen(self.who)

    def followed(self, entry: Entry) -> Flow[Entry]:
        """Ask once where a payment stands and take the answer down; the entry as it is then.

        :raises ReferenceConflict: the gateway has another payment under its id.
        """
        if entry.state is State.SENDING:
            entry = yield Task(lambda: self.journal.expired(entry, self.who))
        try:
            payment, told = yield from self.asked(entry)
        except Fault as fault:
            if fault.kind is not Kind.NOT_FOUND or entry.state is not State.UNKNOWN:
                raise
            window = self.hook.settings.visibility_window
            entry, _ = yield Task(lambda: self.journal.absent(entry, self.who, window))
            return entry
        difference = self.journal.difference(entry, payment.amount, told)
        if entry.state is State.UNKNOWN and difference is not None:
            raise ReferenceConflict(
                f"{entry.reference}: the gateway has a payment under this id whose {difference} is another; "
                "what became of this one, only the bank can tell",
                gateway=self.hook.gateway,
                operation="status",
            )
        seen: Entry = yield Task(lambda: self.journal.observed(entry, payment, self.who))
        return seen

    def resolved(self, reference: str) -> Entry:
        """Ask the gateway about one payment, now; the entry as it is then.

        :raises NotFound: this journal does not know the reference.
        """
        entry: Entry = self.hook.run("status", self.followed(self.found(reference)))
        return entry

    def resolved_by_hand(self, reference: str, *, paid: bool, why: str) -> Entry:
        """Take down what only the bank could tell, after a fresh look-up that does not contradict it.

        :raises InvalidRequest: the payment is not in doubt, the gateway says otherwise, or its silence proves nothing yet.
        """
        try:
            entry = self.resolved(reference)
        except ReferenceConflict:
            if paid:
                raise
            return self.journal.decided_by_hand(self.found(reference), Event.FAILED, why, self.who)
        if entry.state is not State.UNKNOWN:
            raise InvalidRequest(
                f"{reference} is not in doubt: the gateway says {entry.status or entry.state.value}, so it is {entry.state.value}",
                operation="resolve",
            )
        window = self.hook.settings.visibility_window
        entry, wait = self.journal.absent(entry, self.who, window)
        if wait > 0:
            raise InvalidRequest(
                f"{reference}: the gateway not knowing it proves nothing for another {wait:.0f} s; decide after that",
                operation="resolve",
            )
        return self.journal.decided_by_hand(entry, Event.SETTLED if paid else Event.FAILED, why, self.who)

    def found(self, reference: str) -> Entry:
        """The journal's entry of a reference. Raises NotFound."""
        entry = self.journal.find(reference.strip())
        if entry is None:
            raise NotFound(
                f"{reference}: the journal of {self.hook.conn_id} does not know this reference", operation="journal"
            )
        return entry
