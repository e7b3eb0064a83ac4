"""Sending a batch: a bounded number of payouts at a time, and a stop for what is wrong with everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_paygate.database import DatabaseUnavailable
from airflow_provider_paygate.exceptions import (
    AuthenticationFailed,
    InsufficientFunds,
    LimitExceeded,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    PaygateError,
    ReferenceConflict,
    Refused,
    Throttled,
)
from airflow_provider_paygate.gateways.wire import Flow, Pause, Task, Write
from airflow_provider_paygate.payouts.ceilings import Ceilings
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.payout import Payout
from airflow_provider_paygate.payouts.rail import Rail
from airflow_provider_paygate.payouts.submission import submit

if TYPE_CHECKING:
    from airflow_provider_paygate.transport.blocking import Timeouts

TRIES_WHEN_NOT_SENT = 3
PAUSE_WHEN_NOT_SENT = 1.0
# Rows taken at a time from the reading, which plans some hundreds ahead.
TAKEN = 100

ToSend = tuple[Payout, str, Entry]


@dataclass
class Progress:
    """How far the sending has come."""

    sent: int = 0
    refused: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        return f"{self.sent} accepted, {self.refused} refused, {self.unknown} unknown"


class Sender:
    """Submits rows, `concurrency` at a time, on an event loop of its own; each row ends in a named state in the journal.

    :param timeouts: how long to wait for the gateway.
    :param told: is called with the progress after every row, from the loop's thread.
    :param paid_before: is called with the reference of a row that the gateway turns out to have paid before, in one
        transaction.
    """

    def __init__(
        self,
        journal: Journal,
        rail: Rail[Payout],
        who: Who,
        ceilings: Ceilings,
        concurrency: int,
        timeouts: Timeouts,
        told: Callable[[Progress], None],
        paid_before: Callable[[str], None],
    ) -> None:
        self._journal, self._rail, self._who, self._ceilings = journal, rail, who, ceilings
        self._concurrency = concurrency
        self._timeouts = timeouts
        self._told = told
        self._paid_before = paid_before
        self._stop: BaseException | None = None
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.progress = Progress()

    def send(self, rows: Generator[ToSend, None, None]) -> Progress:
        """Submit all `rows`. Raises what is wrong with everything, once the payouts under way have their answers."""
        # A thread of its own: an interrupt reaches the caller's, and must not tear down what is under way.
        with ThreadPoolExecutor(1, "paygate-batch") as thread:
            try:
                thread.submit(asyncio.run, self._all(rows)).result()
            except BaseException as error:
                self._end(error)
                raise
        return self.progress

    def _end(self, error: BaseException) -> None:
        """Send no more, whichever thread says so; who waits for a turn need not wait for it any longer."""
        self._stop = self._stop or error
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def _all(self, rows: Generator[ToSend, None, None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self._concurrency, "paygate-batch"))
        waiting: asyncio.Queue[ToSend | None] = asyncio.Queue(maxsize=TAKEN)
        await asyncio.gather(self._read(rows, waiting), *(self._work(waiting) for _ in range(self._concurrency)))
        if self._stop is not None:
            raise self._stop

    async def _read(self, rows: Generator[ToSend, None, None], waiting: asyncio.Queue[ToSend | None]) -> None:
        loop = asyncio.get_running_loop()
        # One thread, from the first row to the end: a source may hold a database connection that no other may use.
        with ThreadPoolExecutor(1, "paygate-reading") as reading:
            try:
                try:
                    while self._stop is None and (
                        taken := await loop.run_in_executor(reading, lambda: list(islice(rows, TAKEN)))
                    ):
                        for row in taken:
                            await waiting.put(row)
                finally:
                    await loop.run_in_executor(reading, rows.close)
            except BaseException as error:  # noqa: BLE001 - it ends the batch, once all is answered
                self._end(error)
        for _ in range(self._concurrency):
            await waiting.put(None)

    async def _work(self, waiting: asyncio.Queue[ToSend | None]) -> None:
        while (row := await waiting.get()) is not None:
            if self._stop is None:
                try:
                    await self._submit(*row)
                except BaseException as error:  # noqa: BLE001 - it ends the batch, once all is answered
                    self._end(error)

    async def _submit(self, payout: Payout, wallet_id: str, entry: Entry) -> None:
        from airflow_provider_paygate.transport import awaiting

        outcome = "sent"
        try:
            flow = self._patiently(payout, wallet_id, entry)
            await awaiting.run(flow, self._timeouts, self._journal.database.written, self._pause)
        except (OutcomeUnknown, ReferenceConflict, Refused) as error:
            if isinstance(error.__cause__, DatabaseUnavailable) and error.operation != "database":
                raise error.__cause__ from None  # the answer was not taken down: with such books no more is sent
            if concerns_everything(error):
                raise
            outcome = "refused" if isinstance(error, Refused) else "unknown"
        setattr(self.progress, outcome, getattr(self.progress, outcome) + 1)
        self._told(self.progress)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
            raise NotSent("the batch was stopped before this payout's turn came", operation="batch")

    def _patiently(self, payout: Payout, wallet_id: str, entry: Entry) -> Flow[None]:
        """A payout that never left is tried again a few times; an outage longer than that is the batch's, not the row's."""
        for more in reversed(range(TRIES_WHEN_NOT_SENT)):
            try:
                submitted = yield from submit(
                    self._journal, self._rail, payout, wallet_id, self._who, self._ceilings, entry
                )
                if submitted.already_paid:
                    yield Write(partial(self._paid_before, payout.reference))
                return
            except NotSent as error:
                if not more or self._stop is not None:
                    raise
                patience = error.retry_after if isinstance(error, Throttled) else None
                yield Pause(patience or PAUSE_WHEN_NOT_SENT)
                found: Entry | None = yield Task(partial(self._journal.find, payout.reference))
                entry = found or entry


def concerns_everything(error: PaygateError) -> bool:
    """Whether the next row would meet the same: keys, the address, an empty wallet, the day's limit."""
    if isinstance(error, AuthenticationFailed | InsufficientFunds):
        return True
    if isinstance(error, LimitExceeded):
        return error.code == "4013" or error.operation == "ceiling"
    return isinstance(error, NotPermitted) and error.http_status == 403 and error.code not in {"4003", "4024", "4015"}
