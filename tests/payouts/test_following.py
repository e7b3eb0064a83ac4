"""Looking at many payments that are not final: each once, a few at a time, and nothing piles up meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from airflow_provider_paygate.database import database
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout, following
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.following import Selection, look_once, unfinished
from tests.conftest import payment


@pytest.fixture
def many(connect: Any, any_books: str) -> Selection:
    """As many accepted payments as make two pages and a bit."""
    connect()
    journal = PaywizeHook().journal
    rows = [(Payout(**payment(f"INV-{number}")), "W") for number in range(2 * following.PAGE + 3)]
    journal.intend_all(rows, Who())
    with database().begin() as connection:
        connection.execute(text("UPDATE paygate_payouts SET state = 'accepted'"))
    return unfinished(journal.account.account_id)


def test_each_is_looked_at_once_and_a_few_at_a_time(many: Selection) -> None:
    seen: Counter[str] = Counter()
    at_once: list[int] = []
    tasks: list[int] = []
    now = 0

    async def look(entry: Entry) -> bool:
        nonlocal now
        now += 1
        at_once.append(now)
        tasks.append(len(asyncio.all_tasks()))
        seen[entry.reference] += 1
        await asyncio.sleep(0)
        now -= 1
        return entry.reference.endswith("1")

    again = asyncio.run(look_once(database(), many, look))
    assert set(seen.values()) == {1}
    assert len(seen) == 2 * following.PAGE + 3
    assert again == sum(name.endswith("1") for name in seen)
    assert max(at_once) == following.AT_ONCE
    assert max(tasks) <= following.AT_ONCE + 2


def test_what_a_deadline_leaves_out_is_not_asked_and_counts_as_open(many: Selection) -> None:
    async def look(entry: Entry) -> bool:
        raise AssertionError(entry.reference)

    assert asyncio.run(look_once(database(), many, look, deadline=time.time() - 1)) == following.PAGE
