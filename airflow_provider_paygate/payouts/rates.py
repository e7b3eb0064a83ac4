"""The gateway's per-minute limits, kept by all workers together: one row per account and operation, on the database's clock.

A worker reserves the moment of its next request and waits for it; waiting costs no request. The limit holds for every
span of a minute, not only for whole minutes: the row keeps the moments of the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Pause, T, Task

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database

# A minute at the gateway, and what a request may be late in reaching it.
WINDOW_SECONDS = 60 + 2
THROTTLED_SECONDS = 10.0


class Rates:
    """The limits of one account.

    :param limits: operation → requests per minute; 0 or a missing one is no limit.
    """

    def __init__(self, database: Database, account_id: str, limits: Mapping[str, int]) -> None:
        self._database = database
        self._account_id = account_id
        self._limits = limits

    def paced(self, operation: str, flow: Flow[T]) -> Flow[T]:
        """`flow`, begun when the limit allows."""
        yield from self.place(operation)
        return (yield from self.heeding(operation, flow))

    def heeding(self, operation: str, flow: Flow[T]) -> Flow[T]:
        """`flow` as it is; when the gateway asks for patience all the same, everybody waits."""
        try:
            return (yield from flow)
        except Fault as fault:
            if fault.kind is Kind.THROTTLED:
                yield from self.throttled(operation, fault.retry_after)
            raise

    def reserve_call(self, operation: str) -> Callable[[], float]:
        """A call that reserves the next free moment; the seconds until it comes, none without a limit."""
        return lambda: self._reserved(operation) if self._limits.get(operation) else 0.0

    def place(self, operation: str) -> Flow[None]:
        """Wait for the next free moment."""
        if not self._limits.get(operation):
            return
        wait: float = yield Task(partial(self._reserved, operation))
        if wait > 0:
            yield Pause(wait)

    def throttled(self, operation: str, seconds: float | None) -> Flow[None]:
        """The gateway said 429: nobody asks again for `seconds`."""
        if self._limits.get(operation):
            yield Task(partial(self._held, operation, seconds or THROTTLED_SECONDS))

    def _reserved(self, operation: str) -> float:
        """Reserve the next free moment; the seconds until it comes."""
        from sqlalchemy import text

        limit = self._limits[operation]
        with self._database.begin() as connection:
            place = {"account": self._account_id, "operation": operation}
            connection.execute(
                text(
                    "INSERT INTO paygate_rates (account_id, operation, sends, not_before) VALUES (:account, :operation, '[]', 0) "
                    "ON CONFLICT (account_id, operation) DO NOTHING"
                ),
                place,
            )
            lock = "" if self._database.is_sqlite else " FOR UPDATE"
            row = connection.execute(
                text(
                    "SELECT sends, not_before FROM paygate_rates WHERE account_id = :account AND operation = :operation"
                    + lock
                ),
                place,
            ).one()
            now = self._database.now(connection)
            sends = [moment for moment in json.loads(row.sends) if moment > now - WINDOW_SECONDS]
            earliest = sends[-limit] + WINDOW_SECONDS if len(sends) >= limit else now
            moment: float = max(now, earliest, row.not_before, *sends[-1:])
            sends.append(round(moment, 3))
            connection.execute(
                text("UPDATE paygate_rates SET sends = :sends WHERE account_id = :account AND operation = :operation"),
                {**place, "sends": json.dumps(sends[-limit:])},
            )
        return moment - now

    def _held(self, operation: str, seconds: float) -> None:
        from sqlalchemy import text

        with self._database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE paygate_rates SET not_before = :until WHERE account_id = :account AND operation = :operation "
                    "AND not_before < :until"
                ),
                {
                    "account": self._account_id,
                    "operation": operation,
                    "until": self._database.now(connection) + seconds,
                },
            )
