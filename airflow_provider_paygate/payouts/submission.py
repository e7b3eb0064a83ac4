"""Paying one payout safely: plan it, send it once, and ask before ever sending again.

It is a flow: a worker's thread drives one, the event loop of a batch many at a time. What :func:`submit` does next
follows from where the journal says the payment stands::

    planned, refused   send it (after a look-up, when an earlier try may have written in another journal)
    sending            another worker has it: wait for its answer; past its deadline, unknown
    unknown            ask the gateway: found and equal, adopt; found and different, conflict; absent, see `_looked_up`
    accepted, final    nothing to send
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic

from airflow_provider_paygate.exceptions import (
    BadReply,
    DuplicateReference,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PaygateError,
    Refused,
)
from airflow_provider_paygate.gateways.facts import Beneficiary, Payment
from airflow_provider_paygate.gateways.wire import Flow, Pause, Task, Write
from airflow_provider_paygate.payouts import doubts
from airflow_provider_paygate.payouts.ceilings import Ceilings
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.lifecycle import Event, State
from airflow_provider_paygate.payouts.rail import P, Rail

# Two look-ups that prove absence are this far apart, or a tenth of a shorter visibility window.
BETWEEN_LOOKUPS = 5.0
# How often a worker looks whether the other one, which holds the same reference, has its answer.
WATCH_SECONDS = 0.2
RESENDS = 1


@dataclass(frozen=True)
class Submitted:
    """Where the payment stands now, and whether this call sent it.

    :ivar already_paid: it was accepted or paid before this task came, by another run or by hand.
    """

    entry: Entry
    sent: bool
    already_paid: bool


def submit(
    journal: Journal,
    rail: Rail[P],
    payout: P,
    wallet_id: str,
    who: Who,
    ceilings: Ceilings,
    entry: Entry | None = None,
) -> Flow[Submitted]:
    """Bring `payout` to accepted or final, sending it at most once. `entry` is its plan, when that has been made already.

    :raises Refused: it was refused; nothing moved.
    :raises NotSent: it never took effect; a retry is safe.
    :raises OutcomeUnknown: it may have moved; a retry asks before anything else.
    :raises ReferenceConflict: the reference belongs to another payment.
    """
    ceilings.check(payout)
    return (yield from _Submission(journal, rail, payout, wallet_id, who, ceilings).carried_out(entry))


class _Submission(Generic[P]):
    """One call of :func:`submit`."""

    def __init__(
        self, journal: Journal, rail: Rail[P], payout: P, wallet_id: str, who: Who, ceilings: Ceilings
    ) -> None:
        self.journal = journal
        self.rail = rail
        self.payout = payout
        self.wallet_id = wallet_id
        self.who = who
        self.ceilings = ceilings
        self.sent = False
        self.was_used = False  # the gateway refused the very first submission as a repeat

    def carried_out(self, entry: Entry | None) -> Flow[Submitted]:
        if entry is None:
            yield from self._ask_after_replaced()
            entry = yield from self._intended()
        known_before = entry.state in {State.ACCEPTED, State.SETTLED}
        waiting_for_its_own = entry.was_made_by(self.who) and entry.state is State.ACCEPTED
        if entry.state is State.PLANNED and entry.tries == 0 and (yield from self._may_have_been_sent_elsewhere()):
            entry = yield from self._written(self.journal.doubted, entry)
        while entry.state in {State.PLANNED, State.REFUSED, State.SENDING, State.UNKNOWN}:
            try:
                entry = yield from self._brought_on(entry)
            except (NotSent, Refused) as error:
                doubts.raise_if_in_doubt(entry, error)
                raise
        if entry.key_id != self.journal.fingerprints.key_id:
            entry = yield from self._compared_after_rotation(entry)
        if self.rail.tells_utr and entry.state is State.SETTLED and entry.utr is None:
            entry = yield from self._asked_once(entry)  # the bank's reference may have come since
        already_paid = self.was_used or (known_before and not waiting_for_its_own)
        return Submitted(entry, self.sent and not self.was_used, already_paid)

    def _brought_on(self, entry: Entry) -> Flow[Entry]:
        if entry.state is State.SENDING:
            return (yield from self._watched(entry))
        if entry.state is State.UNKNOWN:
            return (yield from self._looked_up(entry))
        return (yield from self._sent(entry))

    def _ask_after_replaced(self) -> Flow[None]:
        """A payment that this one replaces may have failed while nobody looked."""
        replaces = self.payout.replaces
        if not replaces:
            return
        old: Entry | None = yield Task(lambda: self.journal.find(replaces))
        if old is not None and old.state in {State.ACCEPTED, State.UNKNOWN}:
            yield from self._asked_once(old)

    def _asked_once(self, entry: Entry) -> Flow[Entry]:
        """What the gateway says of a payment that nothing will be sent for; as it was when it does not answer."""
        try:
            payment, told = yield from self.rail.look_up(entry.sender_id)
        except PaygateError:
            return entry
        if self.journal.difference(entry, payment.amount, told) is not None:
            return entry
        return (yield from self._noted(entry, payment))

    def _may_have_been_sent_elsewhere(self) -> Flow[bool]:
        """A worker may come back with its local journal gone: then a first entry on a later try proves nothing."""
        who = self.who
        if who.try_number == 1 or who.remembered:
            return False
        if who.earliest is None:
            return True
        began: float = yield Task(self.journal.began_at)
        return began > who.earliest

    def _sent(self, entry: Entry) -> Flow[Entry]:
        payout, journal, who = self.payout, self.journal, self.who
        try:
            yield from self.rail.prepare()
        except PaygateError as error:
            doubts.raise_if_unknown(entry, error)
            raise
        lease = 2 * self.rail.call_seconds + 5
        begun = time.monotonic()
        fingerprint = journal.fingerprints.of(payout.amount, payout.beneficiary_account, payout.beneficiary_ifsc)
        per_day = self.ceilings.per_day
        claimed: Entry | None = yield Write(lambda: journal.claim(entry, fingerprint, lease, who, per_day))
        if claimed is None:
            return (yield from self._intended())  # another worker moved it: look where it stands now
        self.sent = True
        try:
            payment, _ = yield from self.rail.send(payout, begun + lease)
        except Refused as error:
            after = yield from self._answered(claimed, Event.REFUSED, error)
            if _knows_better(after):
                return after
            doubts.raise_if_unknown(after, error)
            raise
        except (OutcomeUnknown, DuplicateReference, BadReply) as error:
            self.was_used = isinstance(error, DuplicateReference) and claimed.tries == 1
            return (yield from self._answered(claimed, Event.LOST, error))
        except PaygateError as error:  # not sent, throttled, keys refused: it never took effect
            after = yield from self._answered(claimed, Event.NOT_SENT, error)
            if _knows_better(after):
                return after
            doubts.raise_if_unknown(after, error)
            raise
        except GeneratorExit:
            raise  # nobody is left to write for it: it stays SENDING, and becomes unknown
        except BaseException as error:  # killed, interrupted, or a bug: it may be on its way
            why = f"interrupted by {type(error).__name__}"
            with suppress(NotSent):  # not "nothing is sent without the database": it stays SENDING, and becomes unknown
                yield Write(lambda: journal.answered(claimed, Event.LOST, who, message=why))
            raise
        return (yield from self._noted(claimed, payment))

    def _intended(self) -> Flow[Entry]:
        entry: Entry = yield Write(lambda: self.journal.intend(self.payout, self.wallet_id, self.who))
        return entry

    def _written(self, move: Callable[[Entry, Who], Entry], entry: Entry) -> Flow[Entry]:
        after: Entry = yield Write(lambda: move(entry, self.who))
        return after

    def _answered(self, claimed: Entry, event: Event, error: PaygateError) -> Flow[Entry]:
        """Take down what became of the submission. Where even that fails the row stays SENDING, and becomes unknown."""
        code, message = error.code, str(error)
        try:
            after: Entry = yield Write(
                lambda: self.journal.answered(claimed, event, self.who, code=code, message=message)
            )
        except NotSent as down:
            if event is not Event.LOST:
                raise error from down
            raise OutcomeUnknown(
                f"{doubts.may_have_moved(claimed)} ({error}), and the journal could not take that down ({down}). "
                "A retry looks it up.",
                operation="journal",
            ) from down
        return after

    def _noted(self, entry: Entry, payment: Payment) -> Flow[Entry]:
        """What the gateway answered, durable before anybody is told."""
        try:
            after: Entry = yield Write(lambda: self.journal.observed(entry, payment, self.who))
        except NotSent as down:
            raise OutcomeUnknown(
                f"{entry.reference}: the gateway has it as {payment.transaction_id}, but the journal could not take that down "
                f"({down}). A retry looks it up.",
                operation="journal",
            ) from down
        return after

    def _watched(self, entry: Entry) -> Flow[Entry]:
        """The entry once the worker that is sending it has its answer, or its deadline has passed."""
        entry = yield from self._written(self.journal.expired, entry)
        while entry.state is State.SENDING:
            yield Pause(WATCH_SECONDS)
            entry = yield from self._written(self.journal.expired, entry)
        return entry

    def _looked_up(self, entry: Entry) -> Flow[Entry]:
        """What the gateway says of an unknown payment: adopted when found, sent once more when its absence is proven.

        "Absent" proves nothing before the visibility window has passed since the last try; twice absent after that, the
        same id is sent once more; after that only a person decides.
        """
        seen = entry
        try:
            payment, told = yield from self.rail.look_up(entry.sender_id)
        except DuplicateReference:
            raise  # the rail knows that no try of ours went unanswered: somebody else used the reference
        except NotFound:
            entry, wait = yield Write(lambda: self.journal.absent(seen, self.who, self.rail.visibility_window))
        except PaygateError as error:
            raise doubts.not_told(entry, error) from error
        else:
            return (yield from self._adopted(entry, payment, told))
        if entry.state is not State.UNKNOWN:
            return entry
        if wait > 0:
            raise OutcomeUnknown(
                f"{doubts.may_have_moved(entry)}. The gateway does not know it yet, which proves nothing for another {wait:.0f} s. "
                "A retry after that looks again.",
                operation="look-up",
                retry_after=wait,
            )
        if entry.resends >= RESENDS:
            raise OutcomeUnknown(
                f"{doubts.may_have_moved(entry)}: sent twice, answered never, and unknown to the gateway. Only the bank can tell: "
                f"find out, then run `paygate payouts resolve {entry.reference}`.",
                operation="look-up",
            )
        if entry.absences >= 2:
            return (yield from self._sent(entry))
        yield Pause(min(BETWEEN_LOOKUPS, self.rail.visibility_window / 10))
        return entry

    def _adopted(self, entry: Entry, payment: Payment, told: Beneficiary) -> Flow[Entry]:
        difference = self.journal.difference(entry, payment.amount, told)
        if difference is not None:
            raise doubts.conflict(entry, f"the gateway has a payment under this id whose {difference} is another")
        return (yield from self._noted(entry, payment))

    def _compared_after_rotation(self, entry: Entry) -> Flow[Entry]:
        """The fingerprint was made with a key that has been rotated and only clear facts agree: ask the gateway for the rest."""
        payout = self.payout
        try:
            payment, told = yield from self.rail.look_up(entry.sender_id)
        except PaygateError:
            return entry  # nothing is sent either way; the next look-up that answers makes the fingerprint anew
        if told.account is None or told.ifsc is None:
            return entry
        if (payment.amount, told.account, told.ifsc.upper()) != (
            payout.amount,
            payout.beneficiary_account,
            payout.beneficiary_ifsc,
        ):
            raise doubts.conflict(entry, "the gateway has it for another amount or beneficiary")
        try:
            rekeyed: Entry = yield Write(lambda: self.journal.rekeyed(entry, payout, self.who))
        except NotSent:
            return entry  # the database: no reason to say that a payment was not sent that was
        return rekeyed


def _knows_better(after: Entry) -> bool:
    """Whether another worker has taken the payment over meanwhile: a "no" that came too late decides nothing any more."""
    return after.state in {State.SENDING, State.ACCEPTED} or after.is_final
