"""What a batch costs in the database grows with its rows, and not faster."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

from airflow_provider_paygate.database import database
from airflow_provider_paygate.hooks.payouts import PaywizePayouts
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts.entry import Who
from airflow_provider_paygate.payouts.following import of_batch
from airflow_provider_paygate.payouts.plan import Plan
from airflow_provider_paygate.payouts.rows import from_list
from airflow_provider_paygate.payouts.second_reading import SecondReading
from airflow_provider_paygate.payouts.summary import results_of, summary_of
from tests.conftest import payment

STEP = 100


@pytest.fixture
def instructions(books: object) -> Iterator[Callable[[], int]]:
    """How many instructions SQLite's machine has carried out, in hundreds."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    def watch(connection: sqlite3.Connection, *_: Any) -> None:
        connection.set_progress_handler(count, STEP)

    engine = database().engine
    event.listen(engine, "checkout", watch)
    yield lambda: counted
    event.remove(engine, "checkout", watch)


def cost_of(rows: int, name: str, instructions: Callable[[], int]) -> dict[str, float]:
    """Hundreds of instructions for each row, in each act of a batch."""
    payouts = PaywizePayouts(PaywizeHook(), Who())
    # Every second pair is a repeat: the rows that a check has to go back to.
    given = [payment(f"{name}-{n - (n % 4 == 3)}") for n in range(rows)]
    source = from_list(given, {})
    spent = {}

    def act(what: str, done: Callable[[], Any]) -> None:
        before = instructions()
        done()
        spent[what] = (instructions() - before) / rows

    plan = Plan(payouts.journal, name, "W", Who())
    act("check", lambda: plan.read(source()))
    first = SecondReading(plan, Who())
    act("plan", lambda: [first.paid_before(payout.reference) for payout, _, _ in first.to_send(source())])
    plan = Plan(payouts.journal, name, "W", Who())
    act("check again", lambda: plan.read(source()))
    act("plan again", lambda: list(SecondReading(plan, Who()).to_send(source())))
    with database().begin() as connection:
        connection.execute(text("UPDATE paygate_payouts SET state = 'accepted'"))

    def pages() -> None:
        after = 0
        while page := of_batch(plan.batch).page(database(), after):
            after = page[-1].id

    act("follow", pages)
    act("sum up", lambda: summary_of(database(), plan.batch, name))
    act("write results", lambda: list(results_of(database(), plan.batch)))
    return spent


def test_a_row_of_a_large_batch_costs_what_a_row_of_a_small_one_does(
    connect: Any, instructions: Callable[[], int]
) -> None:
    connect()
    small, large = (cost_of(rows, f"B-{rows}", instructions) for rows in (500, 4000))
    assert {what: large[what] < 1.5 * small[what] + 0.5 for what in small} == dict.fromkeys(small, True), (small, large)
