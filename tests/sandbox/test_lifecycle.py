"""What becomes of a payout on a clock that is moved (specs/paywize.md §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


def test_initiated_processing_success_with_a_utr_of_twelve_digits(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1", beneficiary_acc_number="1234567890", beneficiary_ifsc="TEST0001234")
    seen = []
    for _ in range(4):
        seen.append(merchant.state("INV-1"))
        sandbox.advance(1)
    assert seen == ["INITIATED", "PROCESSING", "PROCESSING", "SUCCESS"]
    data = merchant.status("INV-1").data
    assert len(data["utr_number"]) == 12
    assert data["utr_number"].isdigit()
    assert data["timestamps"]["updated_at"] > data["timestamps"]["created_at"]


def test_the_failing_account_fails_and_is_refunded_later(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1", beneficiary_acc_number="9876543210", beneficiary_ifsc="TEST0001234")
    sandbox.advance(3)
    assert merchant.state("INV-1") == "FAILED"
    assert merchant.status("INV-1").data["utr_number"] is None
    assert merchant.balance() == "99999000.00"
    sandbox.advance(10)
    assert merchant.state("INV-1") == "REFUNDED"
    assert merchant.balance() == "100000000.00"
    ledger = sandbox.ledger()
    assert (len(ledger["lines"]), len(ledger["refunds"]), ledger["totals"]["refunded"]) == (1, 1, "1000.00")


def test_slow_modes_take_longer_and_a_failed_one_carries_a_utr(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1", payment_mode="NEFT", remarks="FAIL")
    sandbox.advance(19)
    assert merchant.state("INV-1") == "PROCESSING"
    sandbox.advance(1)
    assert merchant.state("INV-1") == "FAILED"
    assert merchant.status("INV-1").data["utr_number"]


@pytest.mark.parametrize(
    ("remarks", "states"),
    [
        ("PENDING", ["PENDING", "PENDING"]),
        ("PENDINGOK", ["PENDING", "SUCCESS"]),
        ("PENDINGFAIL", ["PENDING", "REFUNDED"]),
        ("REVERSED", ["SUCCESS", "REFUNDED"]),
        ("FAIL", ["FAILED", "REFUNDED"]),
        ("fail", ["SUCCESS", "SUCCESS"]),
    ],
)
def test_remarks_choose_a_fate(sandbox: Sandbox, merchant: Merchant, remarks: str, states: list[str]) -> None:
    merchant.pay("INV-1", remarks=remarks)
    sandbox.advance(3)
    first = merchant.state("INV-1")
    sandbox.advance(80)
    assert [first, merchant.state("INV-1")] == states


def test_a_success_may_get_its_utr_later(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1", remarks="NOUTR")
    sandbox.advance(3)
    assert (merchant.state("INV-1"), merchant.status("INV-1").data["utr_number"]) == ("SUCCESS", None)
    sandbox.advance(60)
    assert merchant.status("INV-1").data["utr_number"]


def test_settings_decide_durations_outcomes_and_the_share_of_failures(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [0, 0]}, failure_rate=0.25)
    assert merchant.pay("INV-0").data["status"] == "INITIATED"
    for number in range(1, 60):
        merchant.pay(f"INV-{number}")
    states = [merchant.state(f"INV-{number}") for number in range(60)]
    assert set(states) == {"SUCCESS", "FAILED"}
    assert 5 <= states.count("FAILED") <= 25
    sandbox.merchant("docs-v1", failure_rate=0, outcome="PENDING")
    merchant.pay("INV-60")
    assert merchant.state("INV-60") == "PENDING"


def test_a_payout_can_be_brought_into_a_state_by_hand(sandbox: Sandbox, merchant: Merchant) -> None:
    transaction_id = merchant.pay("INV-1").data["transaction_id"]
    sandbox.advance(5)
    assert merchant.state("INV-1") == "SUCCESS"
    sandbox.move("REFUNDED", transaction_id=transaction_id)
    assert merchant.state("INV-1") == "REFUNDED"
    assert merchant.balance() == "100000000.00"
    assert sandbox.payouts("docs-v1")[0]["status"] == "REFUNDED"
    sandbox.move("SUCCESS", utr="415612345678", merchant="docs-v1", sender_id="INV-1")
    assert merchant.status("INV-1").data["utr_number"] == "415612345678"


def test_states_may_be_spelt_as_the_live_service_spells_them(sandbox: Sandbox) -> None:
    sandbox.merchant("live-v2", status_spelling="mixed")
    live = Merchant(sandbox, "live-v2")
    live.pay("INV-1")
    sandbox.advance(3)
    assert live.state("INV-1") == "Success"
