"""A batch: everything checked before the first rupee moves, then sent row by row, each row ending in a named state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from airflow_provider_paygate.exceptions import InsufficientFunds, InvalidRequest, LimitExceeded
from airflow_provider_paygate.payouts.ceilings import Ceilings, reserved_today
from airflow_provider_paygate.payouts.plan import Plan
from airflow_provider_paygate.payouts.rows import Source
from airflow_provider_paygate.payouts.verdicts import (
    gone,
    largest_row,
    not_reserved,
    planned_total,
    problems,
    unresolved,
)

# So many bad rows stand in the exception; the log and the results file have them all.
SHOWN_PROBLEMS = 50


class Log(Protocol):
    """Where a batch says what it does."""

    def info(self, message: str, *args: object) -> None: ...

    def warning(self, message: str, *args: object) -> None: ...


@dataclass(frozen=True)
class Checks:
    """What a batch is held against before it is sent.

    :ivar on_invalid: ``fail`` sends nothing when one row is bad, ``skip`` sends the good ones.
    :ivar balance: what a wallet holds now.
    """

    ceilings: Ceilings
    on_invalid: str
    balance: Callable[[str], Decimal]


def check(plan: Plan, source: Source, checks: Checks, log: Log) -> int:
    """Read and check the whole source; how many rows it has. Nothing has been sent when this raises.

    :raises InvalidRequest: bad rows, by line.
    :raises LimitExceeded: a ceiling would be passed.
    :raises InsufficientFunds: a wallet does not hold what is still to be paid from it.
    """
    count = plan.read(source())
    _check_rows(plan, checks, log)
    for row in gone(plan):
        log.warning("batch %s: %s; it is still followed, and not sent again", plan.batch_id, row)
    _check_ceilings(plan, checks.ceilings)
    return count


def check_balance(plan: Plan, checks: Checks, log: Log) -> None:
    """Raise InsufficientFunds unless every wallet holds what may still have to be paid from it.

    A wallet that the gateway does not know makes its rows bad ones; the connection's own makes everything bad.
    """
    for wallet, amount in sorted(unresolved(plan).items()):
        try:
            available = checks.balance(wallet)
        except InvalidRequest as error:
            if error.code is None or not plan.refuse_wallet(wallet, f"wallet {wallet}: {error}"):
                raise
            _check_rows(plan, checks, log)
            continue
        if available < amount:
            raise InsufficientFunds(
                f"Batch {plan.batch_id}: wallet {wallet} holds {available} and the unpaid rows need {amount}; nothing was sent. "
                "Top it up and run the task again.",
                operation="check",
            )


def _check_rows(plan: Plan, checks: Checks, log: Log) -> None:
    found, total = problems(plan, SHOWN_PROBLEMS)
    if not total:
        return
    for problem in found:
        log.warning("batch %s: %s", plan.batch_id, problem)
    if total > len(found):
        log.warning("batch %s: and %d more bad rows", plan.batch_id, total - len(found))
    if checks.on_invalid == "fail":
        listed = "; ".join(str(problem) for problem in found)
        more = f"; and {total - len(found)} more" if total > len(found) else ""
        raise InvalidRequest(
            f"Batch {plan.batch_id}: {total} bad row{'s' if total > 1 else ''}, so nothing was sent: {listed}{more}",
            operation="check",
        )


def _check_ceilings(plan: Plan, ceilings: Ceilings) -> None:
    largest = largest_row(plan)
    if ceilings.per_payout is not None and largest is not None and largest[2] > ceilings.per_payout:
        line, reference, amount = largest
        raise LimitExceeded(
            f"Batch {plan.batch_id}: line {line} ({reference}): {amount} is above max_amount {ceilings.per_payout}; "
            "nothing was sent",
            operation="ceiling",
        )
    total = planned_total(plan)
    if ceilings.per_batch is not None and total > ceilings.per_batch:
        raise LimitExceeded(
            f"Batch {plan.batch_id}: its total {total} is above max_batch_amount {ceilings.per_batch}; nothing was sent",
            operation="ceiling",
        )
    if ceilings.per_day is not None:
        journal, wanted = plan.journal, not_reserved(plan)
        with journal.database.read() as connection:
            day, before = reserved_today(connection, journal.account, journal.database.now(connection))
        if before + wanted > ceilings.per_day:
            raise LimitExceeded(
                f"Batch {plan.batch_id}: {wanted} more would pass max_daily_amount {ceilings.per_day} for {day} "
                f"({before} is already sent or under way); nothing was sent",
                operation="ceiling",
            )
