"""Money on stored instruments: moved at most once for a reference, whatever becomes of the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_paygate.exceptions import (
    DuplicateReference,
    InvalidRequest,
    LimitExceeded,
    NotSent,
    OutcomeUnknown,
    PayoutFailed,
    ReferenceConflict,
    Refused,
)
from airflow_provider_paygate.operators.paytia import (
    PaytiaBankPayoutOperator,
    PaytiaChargeOperator,
    PaytiaReserveOperator,
)
from airflow_provider_paygate.payouts import submission
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect

KEYS = ["key-only", "enhanced"]


def moved(sandbox: Sandbox, reference: str | None = None) -> int:
    return int(sandbox.ledger(sender_id=reference)["totals"]["count"])


def charge(reference: str = "INV-1", **more: Any) -> PaytiaChargeOperator:
    fields = {"amount": "12.50", "transaction_id": "pm_ok", **more}
    return PaytiaChargeOperator(task_id="t", reference=reference, **fields)


@pytest.mark.parametrize("name", KEYS)
def test_run_again_after_success_it_returns_the_same_and_sends_nothing(
    sandbox: Sandbox, account: Connect, name: str
) -> None:
    account(name)
    first = charge().execute({})
    assert first["reference"] == "INV-1"
    assert first["status"] == "COMPLETED"
    assert first["amount"] == "12.50"
    assert charge().execute({}) == first
    assert moved(sandbox) == 1


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "fault", ["reset_after", "timeout_after", "http_500", "html_200", "empty_body", "other_amount", "other_id"]
)
def test_a_lost_answer_is_looked_up_and_adopted(sandbox: Sandbox, account: Connect, fault: str, name: str) -> None:
    account(name)
    sandbox.fault("payment_service", fault, executes=True)
    assert charge().execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


@pytest.mark.parametrize(
    "fault", ["reset_before", "timeout_before", "http_502_html", "http_503", "http_504", "http_404"]
)
def test_a_charge_that_may_not_have_arrived_is_unknown_until_absence_is_proven(
    sandbox: Sandbox, account: Connect, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account()
    sandbox.fault("payment_service", fault)
    with pytest.raises(OutcomeUnknown):
        charge().execute({})
    assert moved(sandbox) == 0
    monkeypatch.setattr(submission, "BETWEEN_LOOKUPS", 0)
    account(visibility_window=0)
    assert charge().execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


def test_absent_in_a_stale_history_proves_nothing(sandbox: Sandbox, account: Connect) -> None:
    account()
    sandbox.fault("payment_service", "reset_after")
    sandbox.fault("payments_taken", "stale", seconds=60)
    with pytest.raises(OutcomeUnknown):
        charge().execute({})
    sandbox.advance(120)
    assert charge().execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


def test_208_found_and_equal_is_adopted(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    hook.payment_service(
        {"type": "store_payment", "transaction_id": "pm_ok", "amount": "12.50", "reference_number": "INV-1"}
    )
    assert charge().execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


def test_208_found_and_different_is_a_conflict(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    hook.payment_service(
        {"type": "store_payment", "transaction_id": "pm_ok", "amount": "99.00", "reference_number": "INV-1"}
    )
    with pytest.raises(ReferenceConflict):
        charge().execute({})
    assert moved(sandbox) == 1


def test_208_to_our_only_try_and_not_found_is_a_duplicate(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    sandbox.fault("payment_service", "duplicate")
    with pytest.raises(DuplicateReference):
        charge().execute({})
    with pytest.raises(DuplicateReference):
        charge().execute({})
    assert not issubclass(DuplicateReference, Refused)
    entry = hook.journal.find("INV-1")
    assert entry is not None
    assert entry.tries == 1, "it is not sent again"


def test_208_after_an_unanswered_try_of_ours_and_not_found_is_unknown(
    sandbox: Sandbox, account: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "BETWEEN_LOOKUPS", 0)
    account(visibility_window=0)
    sandbox.fault("payment_service", "reset_before")
    sandbox.fault("payment_service", "duplicate")
    with pytest.raises(OutcomeUnknown):
        charge().execute({})
    with pytest.raises(OutcomeUnknown):
        charge().execute({})
    assert moved(sandbox) == 0


def test_a_declined_charge_is_refused(sandbox: Sandbox, account: Connect) -> None:
    account()
    with pytest.raises(Refused):
        charge(transaction_id="pm_declined").execute({})
    assert moved(sandbox) == 0


def test_a_declined_reference_that_the_gateway_counts_as_used_ends_failed(sandbox: Sandbox, account: Connect) -> None:
    account()
    with pytest.raises(Refused):
        charge(transaction_id="pm_declined").execute({})
    with pytest.raises(PayoutFailed, match="replaces"):
        charge().execute({})
    assert charge("INV-1b", replaces="INV-1").execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


def test_a_refused_instrument_is_corrected_to_another_that_ends_alike(sandbox: Sandbox, account: Connect) -> None:
    account()
    with pytest.raises(Refused):
        charge(transaction_id="tok-m_ok").execute({})
    assert charge(transaction_id="pm_ok").execute({})["status"] == "COMPLETED"
    assert moved(sandbox) == 1


def test_an_amount_or_instrument_that_changes_is_a_conflict(sandbox: Sandbox, account: Connect) -> None:
    account()
    charge().execute({})
    for other in (
        {"amount": "12.51"},
        {"transaction_id": "cus_ok"},
        {"transaction_id": "other_m_ok"},
        {"currency": "EUR"},
    ):
        with pytest.raises(ReferenceConflict):
            charge(**other).execute({})
    with pytest.raises(ReferenceConflict):
        PaytiaReserveOperator(
            task_id="t", action="settle", reference="INV-1", amount="12.50", transaction_id="pm_ok"
        ).execute({})
    assert moved(sandbox) == 1


def test_a_key_that_is_rotated_keeps_its_books(sandbox: Sandbox, account: Connect) -> None:
    account()
    first = charge().execute({})
    sandbox.account("key-only", api_key="PAYGATESANDBOX" + "9" * 50)
    account()
    assert charge().execute({}) == first
    for other in ({"amount": "12.51"}, {"transaction_id": "cus_other"}):
        with pytest.raises(ReferenceConflict):
            charge(**other).execute({})
    assert moved(sandbox) == 1


def test_ceilings_hold(sandbox: Sandbox, account: Connect) -> None:
    account(max_amount="20", max_daily_amount="25")
    with pytest.raises(LimitExceeded):
        charge(amount="20.01").execute({})
    charge("a").execute({})
    charge("b").execute({})
    with pytest.raises(LimitExceeded):
        charge("c").execute({})
    assert moved(sandbox) == 2


@pytest.mark.parametrize(
    "wrong", [{"amount": 12.5}, {"amount": "12.505"}, {"amount": "0"}, {"amount": "-1"}, {"transaction_id": ""},
              {"currency": "POUND"}, {"fields": {"cvv": "123"}}, {"fields": {"note": "4111 1111 1111 1111"}}]
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_sent(
    sandbox: Sandbox, account: Connect, wrong: dict[str, Any]
) -> None:
    account()
    with pytest.raises(InvalidRequest) as error:
        charge(**wrong).execute({})
    assert "4111" not in str(error.value)
    assert sandbox.counters()["operations"] == {}


def test_settle_takes_the_money_once_and_release_lets_it_go(sandbox: Sandbox, account: Connect) -> None:
    account()
    settle = {
        "task_id": "t",
        "action": "settle",
        "reference": "R-1",
        "amount": "100.00",
        "transaction_id": "pi_reserved",
    }
    first = PaytiaReserveOperator(**settle).execute({})
    assert PaytiaReserveOperator(**settle).execute({}) == first
    assert moved(sandbox) == 1
    release = {"task_id": "t", "action": "release", "transaction_id": "pi_reserved_too"}
    first = PaytiaReserveOperator(**release).execute({})
    before = sandbox.counters()["operations"]["payment_service"]
    assert PaytiaReserveOperator(**release).execute({}) == first
    assert sandbox.counters()["operations"]["payment_service"] == before
    assert moved(sandbox) == 1


def test_a_lost_release_may_be_asked_for_again(sandbox: Sandbox, account: Connect) -> None:
    account()
    sandbox.fault("payment_service", "reset_before")
    with pytest.raises(NotSent):
        account().release_reserve(transaction_id="pi_reserved")
    account().release_reserve(transaction_id="pi_reserved")


def test_a_bank_payout_is_accepted_once_and_its_end_is_read(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    payout = {"task_id": "t", "reference": "P-1", "amount": "40.00", "bank_token": "bank_ok"}
    first = PaytiaBankPayoutOperator(**payout).execute({})
    assert PaytiaBankPayoutOperator(**payout).execute({}) == first
    assert moved(sandbox, "P-1") == 1
    assert hook.get_payment(reference="P-1").amount == Decimal("40.00")


def test_hooks_charge_through_the_journal_too(sandbox: Sandbox, account: Connect) -> None:
    sandbox.fault("payment_service", "reset_after")
    hook = account()
    paid = hook.charge_stored(reference="INV-1", amount="5.00", transaction_id="pm_ok")
    assert paid.succeeded
    assert hook.charge_stored(reference="INV-1", amount=5, transaction_id="pm_ok") == paid
    assert moved(sandbox) == 1


def test_a_long_reference_has_one_number_of_its_own(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    name = "Rechnung für März, Müller & Söhne, zweite Mahnung " * 2
    paid = hook.charge_stored(reference=name, amount="5.00", transaction_id="pm_ok")
    assert paid.reference == name.strip()
    assert hook.get_payment(reference=name).succeeded
    assert sandbox.payments()[0]["reference_number"] == paid.sender_id


def test_a_person_can_list_show_and_resolve_what_is_in_doubt(
    sandbox: Sandbox, account: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    from airflow_provider_paygate.cli import main

    account()
    sandbox.fault("payment_service", "reset_after")
    sandbox.fault("payments_taken", "stale", seconds=60)
    with pytest.raises(OutcomeUnknown):
        charge().execute({})
    books = ["payouts", "--connection", "paytia_default"]
    assert main([*books, "list"]) == 0
    assert "unknown" in capsys.readouterr().out
    sandbox.advance(120)
    assert main([*books, "resolve", "INV-1"]) == 0
    assert main([*books, "show", "INV-1"]) == 0
    assert "settled" in capsys.readouterr().out
    assert main([*books, "check", "x.csv"]) == 2
    assert "Paytia" in capsys.readouterr().err
