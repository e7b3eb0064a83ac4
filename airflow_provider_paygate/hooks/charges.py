"""The safe face of the Paytia hook: money through the journal, and links that are made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_provider_paygate.exceptions import DuplicateReference, NotFound, concerning
from airflow_provider_paygate.gateways.facts import Beneficiary
from airflow_provider_paygate.gateways.wire import Flow, Task
from airflow_provider_paygate.hooks.checks import refuse_books_on_one_machine
from airflow_provider_paygate.hooks.safe_face import SafeFace
from airflow_provider_paygate.payouts.once import Asked, MadeOnce

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.paytia.payment import PaytiaPayment
    from airflow_provider_paygate.hooks.paytia import PaytiaHook
    from airflow_provider_paygate.payouts.charge import Charge
    from airflow_provider_paygate.payouts.entry import Entry
    from airflow_provider_paygate.payouts.submission import Submitted


# How often, and how many seconds apart, a worker whose request was refused as a repeat looks for the other one's answer.
LOOKS = 3
BETWEEN_LOOKS = 0.2


class PaytiaCharges(SafeFace):
    """What one connection charges, settles and pays out, at most once whatever is retried, cleared, backfilled or killed.

    :param hook: its Paytia hook.
    :param who: the task at work.
    """

    hook: PaytiaHook

    def asked(self, entry: Entry) -> Flow[tuple[PaytiaPayment, Beneficiary]]:
        return (yield from self.hook.client.find(entry.sender_id)), Beneficiary()

    @concerning("paytia")
    def pay(self, charge: Charge) -> Submitted:
        """Submit one charge; see `payouts.submission.submit`."""
        from airflow_provider_paygate.payouts.submission import submit
        from airflow_provider_paygate.transport import blocking

        hook = self.hook
        refuse_books_on_one_machine(hook.journal.database, hook.settings.merchant.base_url)
        rail = _Rail(hook, charge.reference)
        flow = submit(hook.journal, rail, charge, "", self.who, hook.settings.ceilings)
        return blocking.run(flow, hook.timeouts)

    @concerning("paytia")
    def paid(self, charge: Charge) -> PaytiaPayment:
        """The same, and where the payment stands. Raises PayoutFailed when it is finally not paid."""
        from airflow_provider_paygate.gateways.paytia.payment import PaytiaPayment
        from airflow_provider_paygate.payouts.lifecycle import State

        entry = succeeded(self.pay(charge).entry)
        return PaytiaPayment(
            reference=entry.reference,
            sender_id=entry.sender_id,
            transaction_id=entry.transaction_id,
            # One word for money that was taken, whichever the answer and the payment history use for it.
            status="COMPLETED" if entry.state is State.SETTLED else entry.status or entry.state.value.upper(),
            amount=entry.amount,
            currency=charge.currency or entry.currency,
            message=entry.message,
        )

    @concerning("paytia")
    def made_once(
        self, operation: str, reference: str, content: Mapping[str, object], make: Callable[[], PaytiaPayment]
    ) -> Mapping[str, str | None]:
        """What `make` gives for `reference`, remembered: the same request again returns the same and sends nothing.

        :raises ReferenceConflict: the reference was used before for something else.
        """
        journal = self.hook.journal
        book = MadeOnce(journal.database, journal.account.account_id)
        asked = Asked(operation, reference, {name: _plain(value) for name, value in content.items()})
        answer = book.answer(asked)
        if answer is not None:
            return answer
        try:
            made = make()
        except DuplicateReference:
            told = self._made_elsewhere(book, asked)
            if told is None:
                raise
            return told
        answer = {
            "reference": made.reference,
            "transaction_id": made.transaction_id,
            "status": made.status,
            "amount": None if made.amount is None else str(made.amount),
            "url": made.url,
        }
        book.answered(asked, answer)
        return answer

    def _made_elsewhere(self, book: MadeOnce, asked: Asked) -> Mapping[str, str | None] | None:
        """The answer that another worker got at this moment, and is about to write down."""
        for _ in range(LOOKS):
            answer = book.answer(asked)
            if answer is not None:
                return answer
            time.sleep(BETWEEN_LOOKS)
        return None


class _Rail:
    """The hook as the journal's submission sees it."""

    tells_utr = False

    def __init__(self, hook: PaytiaHook, reference: str) -> None:
        self._hook = hook
        self._reference = reference
        self.visibility_window = hook.settings.visibility_window
        self.call_seconds = hook.timeouts.whole_call

    def prepare(self) -> Flow[None]:
        if self._hook.tokens is not None:
            yield from self._hook.told("authorize", self._hook.tokens.current())

    def send(self, charge: Charge, not_after: float) -> Flow[tuple[PaytiaPayment, Beneficiary]]:
        return (yield from self._hook.submitted(charge, not_after)), Beneficiary()

    def look_up(self, sender_id: str) -> Flow[tuple[PaytiaPayment, Beneficiary]]:
        """The payment history has it, or does not; who was paid it does not tell.

        After HTTP 208 to our one and only submission, "does not" means that somebody else used the reference.
        """
        try:
            found = yield from self._hook.told("payments_taken", self._hook.client.find(sender_id))
        except NotFound:
            entry: Entry | None = yield Task(lambda: self._hook.journal.find(self._reference))
            if entry is None or (entry.code, entry.tries, entry.resends) != ("208", 1, 0):
                raise
            raise DuplicateReference(
                f"{entry.reference}: Paytia knows the reference (HTTP 208), and its payment history has no payment under it that "
                "could be ours. It may have been paid by somebody else: find out, then use a new reference.",
                gateway="paytia",
                operation=entry.mode,
                code="208",
                http_status=208,
            ) from None
        return found, Beneficiary()


def succeeded(entry: Entry) -> Entry:
    """`entry`, unless it is finally not paid: then PayoutFailed."""
    from airflow_provider_paygate.exceptions import PayoutFailed
    from airflow_provider_paygate.payouts.lifecycle import State

    if entry.state in {State.FAILED, State.REFUNDED}:
        why = f" ({entry.message})" if entry.message else ""
        raise PayoutFailed(
            f"{entry.reference}: {entry.amount} {entry.currency} on {entry.account_last_four} ended "
            f"{entry.status or entry.state.value}{why}. To pay after all, give a new reference with "
            f"replaces={entry.reference!r}.",
            gateway="paytia",
            operation=entry.mode,
            code=entry.code,
        )
    return entry


def _plain(value: object) -> str | None:
    return f"{value:.2f}" if isinstance(value, Decimal) else None if value is None else str(value)
