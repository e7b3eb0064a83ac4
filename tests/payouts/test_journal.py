"""What a gateway says is taken down whatever it looks like."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_paygate.gateways.facts import Payment
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.payouts.entry import Entry, Who
from airflow_provider_paygate.payouts.lifecycle import Event, State
from tests.conftest import payment

STRANGE = ["x" * 500, "a\0b", "\ud800", "ünï · ₹", ""]


@pytest.fixture
def sending(connect: None, any_books: str) -> tuple[PaywizeHook, Entry]:
    connect()  # type: ignore[misc]
    hook = PaywizeHook()
    payout = Payout(**payment())
    entry = hook.journal.intend(payout, "W", Who())
    claimed = hook.journal.claim(entry, entry.fingerprint, 10, Who())
    assert claimed is not None
    return hook, claimed


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
def test_facts_of_any_length_and_with_any_sign(sending: tuple[PaywizeHook, Entry], strange: str) -> None:
    hook, entry = sending
    told = Payment(status="SUCCESS", transaction_id=strange, utr=strange, message=strange, amount=Decimal(1250))
    assert hook.journal.observed(entry, told, Who()).state is State.SETTLED
    found = hook.journal.find("INV-1")
    assert found is not None
    assert found.state is State.SETTLED


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
def test_a_status_nobody_knows_is_not_final(sending: tuple[PaywizeHook, Entry], strange: str) -> None:
    hook, entry = sending
    assert hook.journal.observed(entry, Payment(status=strange), Who()).state is State.ACCEPTED


@pytest.mark.parametrize("event", [Event.LOST, Event.REFUSED, Event.NOT_SENT])
@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
def test_refusals_and_failures_too(sending: tuple[PaywizeHook, Entry], event: Event, strange: str) -> None:
    hook, entry = sending
    after = hook.journal.answered(entry, event, Who(), code=strange, message=strange)
    assert after.state in {State.UNKNOWN, State.REFUSED, State.PLANNED}
    assert hook.journal.history(after)[-1]["state"] == after.state.value
