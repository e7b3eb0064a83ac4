"""The safe face of the Paywize hook, for operators and triggers: through the journal, within the rates."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest, NotSent, ReferenceConflict
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind
from airflow_provider_paygate.hooks.checks import refuse_books_on_one_machine
from airflow_provider_paygate.hooks.safe_face import SafeFace
from airflow_provider_paygate.payouts.entry import Entry
from airflow_provider_paygate.payouts.following import Selection, follow, look_once, of_batch, worth_another_look
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.waiting import WAIT_SECONDS

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.facts import Beneficiary, Payment
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts.batch import Checks
    from airflow_provider_paygate.payouts.payout import Payout
    from airflow_provider_paygate.payouts.plan import Plan
    from airflow_provider_paygate.payouts.rates import Rates
    from airflow_provider_paygate.payouts.rows import Source
    from airflow_provider_paygate.payouts.sending import Progress
    from airflow_provider_paygate.payouts.submission import Submitted

log = logging.getLogger(__name__)

_PASSING = frozenset({Kind.NOT_FOUND, Kind.NOT_SENT, Kind.THROTTLED, Kind.BAD_REPLY})


class PaywizePayouts(SafeFace):
    """Payouts of one connection, at most once whatever is retried, cleared, backfilled or killed.

    :param hook: its Paywize hook.
    :param who: the task at work.
    """

    hook: PaywizeHook

    @cached_property
    def rates(self) -> Rates:
        """The account's per-minute limits."""
        return self.hook.rates

    # Paying

    def pay(self, payout: Payout) -> Submitted:
        """Submit one payout; see `payouts.submission.submit`."""
        from airflow_provider_paygate.payouts.submission import submit
        from airflow_provider_paygate.transport import blocking

        self._refuse_scattered_books()
        ceilings = self.hook.settings.ceilings
        flow = submit(self.journal, _Rail(self), payout, self._wallet(payout), self.who, ceilings)
        return blocking.run(flow, self.hook.timeouts)

    def pay_batch(
        self, source: Source, batch_id: str, checks: Checks, concurrency: int, told: Callable[[Progress], None]
    ) -> Plan:
        """Check a batch whole, then send what of it is unresolved; see `payouts.batch`."""
        from airflow_provider_paygate.payouts import batch
        from airflow_provider_paygate.payouts.plan import Plan
        from airflow_provider_paygate.payouts.second_reading import SecondReading
        from airflow_provider_paygate.payouts.sending import Sender

        self._refuse_scattered_books()
        with self._grouped_journal() as journal:
            plan = Plan(journal, batch_id, self.hook.settings.merchant.wallet_id, self.who)
            if batch.check(plan, source, checks, log):
                self._settle_doubts(plan)
                batch.check_balance(plan, checks, log)
                again = SecondReading(plan, self.who)
                sender = Sender(
                    journal,
                    _Rail(self),
                    self.who,
                    checks.ceilings,
                    concurrency,
                    self.hook.timeouts,
                    told,
                    again.paid_before,
                )
                sender.send(again.to_send(source()))
                for problem in again.differences()[: batch.SHOWN_PROBLEMS]:
                    log.warning("batch %s: %s", batch_id, problem)
        return plan

    def balance(self, wallet_id: str) -> Decimal:
        """What a wallet holds, asked within the rates."""
        return self.hook.run("balance", self.rates.paced("balance", self.hook.client.balance(wallet_id))).available

    # Following

    def asked(self, entry: Entry) -> Flow[tuple[Payment, Beneficiary]]:
        return (yield from self.rates.paced("status", self.hook.client.payout(sender_id=entry.sender_id)))

    async def follow(self, selection: Selection, every: float, deadline: float) -> bool:
        """Look at everything in `selection` until nothing is left to look at; False when that is not by `deadline`."""
        await self.hook.aprepare()
        return await follow(self.journal.database, selection, self._look, every, deadline)

    async def look_once(self, selection: Selection) -> int:
        """Look at everything in `selection` once; how much of it is worth looking at again."""
        await self.hook.aprepare()
        return await look_once(self.journal.database, selection, self._look)

    def patience(self, rows: int) -> float:
        """Seconds to wait for a batch by default: four hours, or three sweeps at the status rate if that is longer."""
        per_minute = self.hook.settings.rate_limits.get("status")
        return max(WAIT_SECONDS, 3 * 60 * rows / per_minute) if per_minute else WAIT_SECONDS

    async def _look(self, entry: Entry) -> bool:
        try:
            return worth_another_look(await self.hook.arun("status", self._patiently(entry)))
        except ReferenceConflict as conflict:
            log.error("%s", conflict)
            return False  # no look will ever find it

    def _patiently(self, entry: Entry) -> Flow[Entry]:
        """A failure that passes leaves the payment as it is, to be looked at in the next sweep."""
        try:
            return (yield from self.followed(entry))
        except Fault as fault:
            if fault.kind not in _PASSING:
                raise
        except NotSent as down:  # the database
            log.warning("%s: not looked at in this sweep: %s", entry.reference, down)
        return entry

    def _settle_doubts(self, plan: Plan) -> None:
        """Ask after unknown rows first: what was paid after all needs no money from the wallet any more."""
        doubtful = of_batch(plan.batch, "AND p.state IN ('sending', 'unknown')")
        if doubtful.page(self.journal.database, 0):
            asyncio.run(self.look_once(doubtful))

    @contextmanager
    def _grouped_journal(self) -> Iterator[Journal]:
        """The journal as a batch uses it: on SQLite its writes share their flush to disk."""
        from airflow_provider_paygate.database.grouped import GroupedDatabase

        journal = self.journal
        if not journal.database.is_sqlite:
            yield journal
            return
        with GroupedDatabase(journal.database) as grouped:
            yield Journal(grouped, journal.account, journal.fingerprints)

    def _refuse_scattered_books(self) -> None:
        refuse_books_on_one_machine(self.journal.database, self.hook.settings.merchant.base_url)

    def _wallet(self, payout: Payout) -> str:
        wallet = payout.wallet_id or self.hook.settings.merchant.wallet_id
        if not wallet:
            raise InvalidRequest(
                f"{payout.reference}: wallet_id is missing: give it in the payout or in the connection",
                gateway="paywize",
                operation="check",
            )
        return wallet


class _Rail:
    """The hook as the journal's submission sees it."""

    tells_utr = True

    def __init__(self, payouts: PaywizePayouts) -> None:
        self._hook, self._rates = payouts.hook, payouts.rates
        self.visibility_window = self._hook.settings.visibility_window
        self.call_seconds = self._hook.timeouts.whole_call

    def prepare(self) -> Flow[None]:
        yield from self._hook.told("auth", self._hook.client.tokens.current())
        yield from self._hook.told("initiate", self._rates.place("initiate"))

    def send(self, payout: Payout, not_after: float) -> Flow[tuple[Payment, Beneficiary]]:
        return self._hook.submitted(payout, not_after, self._rates)

    def look_up(self, sender_id: str) -> Flow[tuple[Payment, Beneficiary]]:
        flow: Flow[Any] = self._rates.paced("status", self._hook.client.payout(sender_id=sender_id))
        return self._hook.told("status", flow)
