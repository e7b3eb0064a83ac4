"""Sending a batch: a bounded number of payouts at a time, and a stop for what is wrong with everything."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
from airflow_provider_paygate.payouts.ceilings import Ceilings
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.payout import Payout
from airflow_provider_paygate.payouts.submission import Rail, submit

TRIES_WHEN_NOT_SENT = 3
PAUSE_WHEN_NOT_SENT = 1.0
# Rows read and planned ahead of the threads, so that none of them waits while the next few hundred are planned.
READ_AHEAD = 500


@dataclass
class Progress:
    """How far the sending has come."""

    sent: int = 0
    refused: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        return f"{self.sent} accepted, {self.refused} refused, {self.unknown} unknown"


class Sender:
    """Submits rows with `concurrency` threads; each row ends in a named state in the journal.

    :param told: is called with the progress after every row, from any thread.
    :param paid_before: is called with the reference of a row that the gateway turns out to have paid before, likewise.
    """

    def __init__(
        self,
        journal: Journal,
        rail: Rail[Payout],
        who: Who,
        ceilings: Ceilings,
        concurrency: int,
        told: Callable[[Progress], None],
        paid_before: Callable[[str], None],
    ) -> None:
        self._journal, self._rail, self._who, self._ceilings = journal, rail, who, ceilings
        self._concurrency = concurrency
        self._told = told
        self._paid_before = paid_before
        self._rows: queue.Queue[tuple[Payout, str, Entry] | None] = queue.Queue(maxsize=READ_AHEAD)
        self._stop: BaseException | None = None
        self._counting = threading.Lock()
        self.progress = Progress()

    def send(self, rows: Iterator[tuple[Payout, str, Entry]]) -> Progress:
        """Submit all `rows`. Raises what is wrong with everything, once the payouts under way have their answers."""
        threads = [threading.Thread(target=self._work, name=f"payout-{n}") for n in range(self._concurrency)]
        for thread in threads:
            thread.start()
        try:
            for row in rows:
                if self._stop is not None:
                    break
                self._rows.put(row)
        except BaseException as error:
            self._stop = self._stop or error
            raise
        finally:
            for _ in threads:
                self._rows.put(None)
            for thread in threads:
                thread.join()
        if self._stop is not None:
            raise self._stop
        return self.progress

    def _work(self) -> None:
        while (row := self._rows.get()) is not None:
            if self._stop is None:
                try:
                    self._submit(*row)
                except BaseException as error:  # noqa: BLE001 - it ends the batch, in the thread that started it
                    self._stop = self._stop or error

    def _submit(self, payout: Payout, wallet_id: str, entry: Entry) -> None:
        outcome = "sent"
        try:
            self._patiently(payout, wallet_id, entry)
        except (OutcomeUnknown, ReferenceConflict):
            outcome = "unknown"
        except Refused as error:
            if concerns_everything(error):
                raise
            outcome = "refused"
        with self._counting:
            setattr(self.progress, outcome, getattr(self.progress, outcome) + 1)
            self._told(self.progress)

    def _patiently(self, payout: Payout, wallet_id: str, entry: Entry) -> None:
        """A payout that never left is tried again a few times; an outage longer than that is the batch's, not the row's."""
        for more in reversed(range(TRIES_WHEN_NOT_SENT)):
            try:
                submitted = submit(self._journal, self._rail, payout, wallet_id, self._who, self._ceilings, entry)
                if submitted.already_paid:
                    self._paid_before(payout.reference)
                return
            except NotSent as error:
                if not more or self._stop is not None:
                    raise
                patience = error.retry_after if isinstance(error, Throttled) else None
                time.sleep(patience or PAUSE_WHEN_NOT_SENT)
                entry = self._journal.find(payout.reference) or entry


def concerns_everything(error: PaygateError) -> bool:
    """Whether the next row would meet the same: keys, the address, an empty wallet, the day's limit."""
    if isinstance(error, AuthenticationFailed | InsufficientFunds):
        return True
    if isinstance(error, LimitExceeded):
        return error.code == "4013" or error.operation == "ceiling"
    return isinstance(error, NotPermitted) and error.http_status == 403 and error.code not in {"4003", "4024", "4015"}
