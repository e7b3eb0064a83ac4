"""One payout, from the connection to the settled payment, as a unit test or a worker runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.exceptions import AirflowException
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, moved, payment
from tests.operators.conftest import Pay

RESULT = {"reference", "sender_id", "transaction_id", "status", "utr", "amount", "already_paid"}


@pytest.mark.parametrize("merchant", ["docs-v1", "v2", "live-v2"])
def test_it_pays_once_and_tells_how_it_ended(sandbox: Sandbox, connect: Any, pay: Pay, merchant: str) -> None:
    connect(merchant)
    result = pay("INV-1")
    assert set(result) == RESULT
    assert result["reference"] == result["sender_id"] == "INV-1"
    assert (result["status"], result["amount"], result["already_paid"]) == ("SUCCESS", "1250.00", False)
    assert len(result["utr"]) == 12
    assert json.loads(json.dumps(result)) == result
    (line,) = sandbox.ledger()["lines"]
    assert (line["sender_id"], line["amount"], line["account"]) == ("INV-1", "1250.00", "000123456789")
    assert calls(sandbox, "auth") == 1


@pytest.mark.parametrize("reference", ["INV/2026/0001", "x" * 200, "Rechnung Nr. 5 · März", "a b", "ünï"])
def test_any_business_name_is_paid_once(sandbox: Sandbox, pay: Pay, reference: str) -> None:
    first = pay(reference)
    again = pay(f"  {reference} ")
    assert first["reference"] == again["reference"] == reference
    assert first["sender_id"] == again["sender_id"]
    assert again["already_paid"] is True
    assert moved(sandbox) == 1


@pytest.mark.parametrize("context", [
    {},
    {"ti": SimpleNamespace(dag_id="d", run_id="r1", task_id="pay", map_index=-1, try_number=1)},
    {"task_instance": SimpleNamespace(dag_id="d", run_id="r2", task_id="other", map_index=7, try_number=3)},
    {"ti": SimpleNamespace()},
    {"ti": object(), "dag_run": object()},
])  # fmt: skip
def test_a_clear_a_backfill_or_another_dag_never_pay_again(sandbox: Sandbox, pay: Pay, context: dict[str, Any]) -> None:
    first = pay()
    again = pay(context=context)
    assert again == {**first, "already_paid": True}
    assert moved(sandbox) == 1


@pytest.mark.parametrize("amount", [1250, "1250", " 1250.0 ", Decimal("1250.00"), "1250.00"])
def test_the_same_money_spelt_otherwise_is_the_same_payment(sandbox: Sandbox, pay: Pay, amount: Any) -> None:
    pay()
    assert pay(amount=amount, beneficiary_ifsc="hdfc0001234", beneficiary_account=" 000123456789 ")["already_paid"]
    assert moved(sandbox) == 1


@pytest.mark.parametrize("other", [
    {"amount": "1250.01"}, {"beneficiary_account": "000123456780"}, {"beneficiary_account": "123456789"},
    {"beneficiary_ifsc": "ICIC0001234"}, {"beneficiary_account": "999123456789"},
])  # fmt: skip
def test_another_amount_or_beneficiary_under_a_used_reference_is_refused(
    sandbox: Sandbox, pay: Pay, other: dict[str, str]
) -> None:
    pay()
    with pytest.raises(errors.ReferenceConflict) as raised:
        pay(**other)
    assert isinstance(raised.value, AirflowFailException)
    assert moved(sandbox) == 1


@pytest.mark.parametrize("other", [{"mode": "NEFT"}, {"remarks": "else"}, {"beneficiary_name": "A. Rao"}])
def test_mode_remarks_and_spelling_of_the_name_do_not_make_it_another_payment(
    sandbox: Sandbox, pay: Pay, other: dict[str, str]
) -> None:
    pay()
    assert pay(**other)["already_paid"]
    assert moved(sandbox) == 1


def test_a_failed_payment_fails_the_task_at_once(sandbox: Sandbox, pay: Pay) -> None:
    with pytest.raises(errors.PayoutFailed) as raised:
        pay(beneficiary_account="9876543210")
    assert isinstance(raised.value, AirflowFailException)
    assert raised.value.gateway == "paywize"
    assert "replaces" in str(raised.value)
    assert "9876543210" not in str(raised.value)
    with pytest.raises(errors.PayoutFailed):
        pay(beneficiary_account="9876543210")
    assert moved(sandbox) == 1


def test_a_failed_payment_is_replaced_once_under_a_new_reference(sandbox: Sandbox, pay: Pay) -> None:
    with pytest.raises(errors.PayoutFailed):
        pay("INV-1", beneficiary_account="9876543210")
    assert pay("INV-1b", replaces="INV-1")["status"] == "SUCCESS"
    assert pay("INV-1b", replaces="INV-1")["already_paid"]
    with pytest.raises(errors.InvalidRequest, match="INV-1b"):
        pay("INV-1c", replaces="INV-1")
    with pytest.raises(errors.InvalidRequest, match="settled"):
        pay("INV-2", replaces="INV-1b")
    with pytest.raises(errors.InvalidRequest, match="INV-0"):
        pay("INV-3", replaces="INV-0")
    assert sorted(line["sender_id"] for line in sandbox.ledger()["lines"]) == ["INV-1", "INV-1b"]


def test_a_payment_that_is_not_final_cannot_be_replaced(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    pay("INV-1", wait_for_completion=False)
    with pytest.raises(errors.InvalidRequest, match="accepted"):
        pay("INV-2", replaces="INV-1")
    assert moved(sandbox) == 1


def test_not_final_in_time_is_pending_and_a_retry_goes_on_waiting(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    for _ in range(2):
        with pytest.raises(errors.StillPending) as raised:
            pay(timeout=0.05)
        assert not isinstance(raised.value, AirflowFailException)
    sandbox.advance(10)
    assert pay()["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_a_retry_that_goes_on_waiting_did_not_find_it_already_paid(sandbox: Sandbox, pay: Pay) -> None:
    task = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="pay", map_index=-1, try_number=1)}
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    with pytest.raises(errors.StillPending):
        pay(timeout=0, context=task)
    sandbox.advance(10)
    assert pay(context=task)["already_paid"] is False


def test_accepted_is_enough_when_nobody_waits(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    result = pay(wait_for_completion=False)
    assert (result["status"], result["utr"], result["already_paid"]) == ("INITIATED", None, False)
    assert calls(sandbox, "status") == 0
    sandbox.advance(10)
    assert pay(wait_for_completion="False")["status"] in {"INITIATED", "SUCCESS"}
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


@pytest.mark.parametrize(
    "fault", ["http_500", "http_502_html", "throttle_429", "reset_after", "empty_body", "undecryptable"]
)
def test_waiting_outlasts_passing_failures(sandbox: Sandbox, pay: Pay, fault: str) -> None:
    sandbox.fault("status", fault, times=3)
    assert pay()["status"] == "SUCCESS"


def test_not_found_right_after_acceptance_is_not_yet(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.fault("initiate", "stale", seconds=1000, times=1)
    with pytest.raises(errors.StillPending):
        pay(timeout=0.1)
    sandbox.advance(2000)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def test_waiting_gives_up_on_what_waiting_cannot_mend(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.fault("status", "undecryptable", times=None)
    with pytest.raises(errors.BadReply):
        pay(poll_interval=0.005)
    sandbox.clear_faults()
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


@pytest.mark.parametrize(("remarks", "status"), [("PENDING", None), ("PENDINGOK", "SUCCESS"), ("NOUTR", "SUCCESS")])
def test_pending_is_waited_for_and_success_needs_no_utr(sandbox: Sandbox, pay: Pay, remarks: str, status: str) -> None:
    if status is None:
        with pytest.raises(errors.StillPending):
            pay(remarks=remarks, timeout=0.05)
        return
    sandbox.merchant("docs-v1", pending_after=0 if remarks == "PENDINGOK" else 60)
    assert pay(remarks=remarks)["status"] == status


def test_mixed_case_words_of_the_gateway_are_upper_case_here(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.merchant("docs-v1", status_spelling="mixed")
    assert pay()["status"] == "SUCCESS"


FULL, EMPTY, MISTYPED = "PAYWIZE12345679", "PAYWIZEEMPTY0001", "PAYWIZE1234567O"
# What is asked for, what is set at the gateway, what it comes to, and what of it to correct.
REFUSALS: list[tuple[dict[str, str], dict[str, Any], type[errors.PaygateError], str, dict[str, str]]] = [
    ({"wallet_id": EMPTY, "amount": "1000", "mode": "NEFT"}, {}, errors.InsufficientFunds, "4000", {"wallet_id": FULL}),
    ({"wallet_id": MISTYPED, "mode": "NEFT"}, {}, errors.InvalidRequest, "4023", {"wallet_id": FULL}),
    ({"mode": "IMPS"}, {}, errors.NotPermitted, "4003", {"mode": "NEFT"}),
    ({"amount": "10000.01", "mode": "NEFT"}, {}, errors.LimitExceeded, "4003", {"amount": "10000.00"}),
    ({"amount": "99.99", "mode": "NEFT"}, {}, errors.LimitExceeded, "4003", {"amount": "100.00"}),
    ({"amount": "200000", "mode": "RTGS"}, {"transaction_limit": "300000.00"}, errors.NotPermitted, "4024",
     {"amount": "1000", "mode": "NEFT"}),
    ({"amount": "9000", "mode": "NEFT"}, {"daily_limit": "8000.00"}, errors.LimitExceeded, "4013", {"amount": "7000"}),
]  # fmt: skip


@pytest.mark.parametrize("always_200", [False, True])
@pytest.mark.parametrize(("fields", "settings", "kind", "code", "corrected"), REFUSALS)
def test_what_the_gateway_refused_moved_nothing_and_may_be_sent_again_corrected(
    sandbox: Sandbox, connect: Any, pay: Pay, fields: Any, settings: Any, kind: type[errors.PaygateError], code: str,
    corrected: Any, always_200: bool,
) -> None:  # fmt: skip
    sandbox.merchant("limits", always_200=always_200, **settings)
    connect("limits")
    with pytest.raises(kind) as raised:
        pay(**fields)
    error = raised.value
    assert isinstance(error, errors.Refused)
    assert isinstance(error, AirflowFailException)
    assert (error.gateway, error.operation, error.code) == ("paywize", "initiate", code)
    assert isinstance(error.http_status, int)
    assert moved(sandbox) == 0
    result = pay(**{**fields, **corrected})
    assert (result["status"], result["already_paid"]) == ("SUCCESS", False)
    assert moved(sandbox) == 1


@pytest.mark.parametrize(("fault", "kind"), [("throttle_429", errors.Throttled), ("code_4290", errors.Throttled)])
def test_what_never_took_effect_is_simply_tried_again(sandbox: Sandbox, pay: Pay, fault: str, kind: Any) -> None:
    sandbox.fault("initiate", fault, retry_after=7)
    with pytest.raises(kind) as raised:
        pay()
    assert not isinstance(raised.value, AirflowFailException)
    assert isinstance(raised.value, errors.NotSent)
    if fault == "throttle_429":
        assert (raised.value.retry_after, raised.value.http_status) == (7, 429)  # type: ignore[attr-defined]
    assert pay()["already_paid"] is False
    assert moved(sandbox) == 1


@pytest.mark.parametrize(
    "fault", ["http_500", "http_502_html", "timeout_after", "reset_before", "empty_body", "html_200"]
)
def test_a_token_call_that_fails_has_sent_nothing(sandbox: Sandbox, connect: Any, pay: Pay, fault: str) -> None:
    connect(timeout=0.3)
    sandbox.fault("auth", fault)
    with pytest.raises(errors.NotSent) as raised:
        pay()
    assert not isinstance(raised.value, AirflowFailException)
    assert (raised.value.gateway, raised.value.operation) == ("paywize", "auth")
    assert calls(sandbox, "initiate") == 0
    assert pay()["status"] == "SUCCESS"


def test_wrong_keys_fail_and_the_right_ones_pay_under_the_same_reference(
    sandbox: Sandbox, connect: Any, pay: Pay
) -> None:
    """The fingerprint of the first try was made with the wrong secret: the row must not stand in the way."""
    connect(password="WRONG00000000000")
    with pytest.raises(errors.AuthenticationFailed) as raised:
        pay()
    assert isinstance(raised.value, AirflowFailException)
    assert raised.value.code == "4001"
    connect()
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def test_a_machine_that_is_not_allow_listed_is_told_so(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.merchant("docs-v1", allowed_ips=["10.9.9.9"])
    with pytest.raises(errors.NotPermitted) as raised:
        pay()
    assert raised.value.http_status == 403
    assert "address" in str(raised.value)
    assert moved(sandbox) == 0


@pytest.mark.parametrize("signal", [401, 200])
def test_a_token_that_expires_in_mid_flight_costs_one_renewal_and_one_repeat(
    sandbox: Sandbox, pay: Pay, signal: int
) -> None:
    sandbox.merchant("docs-v1", expired_status=signal)
    pay("INV-0")
    sandbox.advance(301)
    sandbox.reset_counters()
    assert pay("INV-1")["already_paid"] is False
    assert (calls(sandbox, "auth"), calls(sandbox, "initiate"), moved(sandbox, "INV-1")) == (1, 2, 1)


def test_a_token_refused_twice_is_not_tried_a_third_time(sandbox: Sandbox, pay: Pay) -> None:
    pay("INV-0")
    sandbox.reset_counters()
    sandbox.fault("initiate", "token_expired", times=None)
    with pytest.raises(errors.AuthenticationFailed):
        pay("INV-1")
    assert (calls(sandbox, "initiate"), calls(sandbox, "auth")) == (2, 1)
    sandbox.clear_faults()
    assert pay("INV-1")["status"] == "SUCCESS"
    assert moved(sandbox, "INV-1") == 1


@pytest.mark.parametrize("fields", [
    {"amount": 1250.0}, {"beneficiary_account": 123456789}, {"mode": "UPI"}, {"reference": ""}, {"beneficiary_ifsc": "X"},
    {"remarks": "x" * 21}, {"amount": "500000.01"}, {"poll_interval": "soon"}, {"timeout": -1}, {"wallet_id": 5},
])  # fmt: skip
def test_a_wrong_field_is_named_before_any_request(sandbox: Sandbox, pay: Pay, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequest, match=next(iter(fields))):
        pay(**fields)
    assert sandbox.counters()["total"] == 0


def test_a_payout_without_any_wallet_is_refused_before_any_request(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    connect(wallet_id=None)
    with pytest.raises(errors.InvalidRequest, match="wallet_id"):
        pay()
    assert sandbox.counters()["total"] == 0
    assert pay(wallet_id="PAYWIZE12345679")["status"] == "SUCCESS"


def test_a_callback_url_is_the_payouts_else_the_connections_else_left_out(
    sandbox: Sandbox, connect: Any, pay: Pay
) -> None:
    pay("INV-1")
    connect(callback_url="http://127.0.0.1:9/connection")
    pay("INV-2")
    pay("INV-3", callback_url="http://127.0.0.1:9/payout")
    urls = {post["reference"]: post["url"].rpartition("/")[2] for post in sandbox.webhooks()}
    assert urls == {"INV-2": "connection", "INV-3": "payout"}


def test_every_field_and_the_connection_are_templates() -> None:
    operator = PaywizePayoutOperator(task_id="pay", **payment())
    assert {*payment(), "wallet_id", "callback_url", "replaces", "paywize_conn_id"} <= set(operator.template_fields)
    operator = PaywizePayoutOperator(
        task_id="pay", paywize_conn_id="{{ conn }}", **payment("INV-{{ n }}", amount="{{ amount }}")
    )
    operator.render_template_fields({"conn": "other", "n": 5, "amount": "12.50"})
    assert (operator.paywize_conn_id, operator.reference, operator.amount) == ("other", "INV-5", "12.50")


def test_everything_this_package_raises_has_one_root(pay: Pay) -> None:
    with pytest.raises(AirflowException) as raised:
        pay(mode="UPI")
    assert isinstance(raised.value, errors.PaygateError)


@pytest.mark.parametrize("extra", [{"max_amount": "1000"}, {"max_amount": 1000}, {"max_daily_amount": "1249.99"}])
def test_beyond_a_ceiling_nothing_is_sent(sandbox: Sandbox, connect: Any, pay: Pay, extra: dict[str, Any]) -> None:
    connect(**extra)
    with pytest.raises(errors.LimitExceeded, match=next(iter(extra))) as raised:
        pay()
    assert isinstance(raised.value, AirflowFailException)
    assert calls(sandbox, "initiate") == 0
    assert moved(sandbox) == 0
    connect()
    assert pay()["status"] == "SUCCESS"


def test_the_day_counts_what_may_have_moved_and_nothing_else(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    connect(max_daily_amount="3000")
    pay("INV-1", amount="1000")
    pay("INV-1", amount="1000")  # not sent again, so not counted again
    with pytest.raises(errors.InvalidRequest):
        pay("INV-2", amount="1500", wallet_id="nobody's")
    sandbox.fault("initiate", "throttle_429")
    with pytest.raises(errors.NotSent):
        pay("INV-3", amount="1500")
    with pytest.raises(errors.PayoutFailed):
        pay("INV-4", amount="1500", beneficiary_account="9876543210")
    pay("INV-5", amount="1500")
    sandbox.fault("initiate", "http_500")
    with pytest.raises(errors.OutcomeUnknown):
        pay("INV-6", amount="500")  # it may have moved: it counts
    with pytest.raises(errors.LimitExceeded):
        pay("INV-7", amount="1")


def test_two_connections_with_one_host_and_key_are_one_account(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    pay("INV-1")
    connect(conn_id="second")
    assert pay("INV-1", paywize_conn_id="second")["already_paid"]
    with pytest.raises(errors.ReferenceConflict):
        pay("INV-1", paywize_conn_id="second", amount="1.00")
    connect("v2", conn_id="third")
    assert pay("INV-1", paywize_conn_id="third")["already_paid"] is False
    assert moved(sandbox) == 2


def test_a_key_that_is_rotated_keeps_its_account(sandbox: Sandbox, connect: Any, pay: Pay) -> None:
    pay("INV-1")
    sandbox.merchant("docs-v1", api_key="PAYGATESANDBOXROTATED00000000000", secret_key="ROTATEDSECRET000", dedupe=False)
    connect()
    assert pay("INV-1")["already_paid"]
    for other in ({"amount": "1.00"}, {"beneficiary_account": "999123456789"}):
        with pytest.raises(errors.ReferenceConflict):
            pay("INV-1", **other)
    assert pay("INV-2")["already_paid"] is False
    assert moved(sandbox) == 2


@pytest.mark.parametrize("lost", ["refused", "not sent", "unknown"])
def test_a_rotated_secret_does_not_hold_up_what_was_not_paid_yet(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Callable[[float], None], lost: str
) -> None:
    connect(visibility_window=1)
    if lost == "refused":
        with pytest.raises(errors.InvalidRequest):
            pay(wallet_id="nobody's")
    else:
        sandbox.fault("initiate", "throttle_429" if lost == "not sent" else "http_500")
        with pytest.raises((errors.NotSent, errors.OutcomeUnknown)):
            pay()
    sandbox.merchant("docs-v1", secret_key="ROTATEDSECRET000")
    connect(visibility_window=1)
    age(10)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def test_sqlite_books_under_a_remote_executor_are_refused_before_any_money_is_sent(
    sandbox: Sandbox, connect: Any, pay: Pay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    assert pay()["status"] == "SUCCESS"  # a loopback host is a sandbox
    connect(host="https://merchant.invalid", api_key="k" * 32, timeout=0.2)
    with pytest.raises(errors.InvalidRequest, match="AIRFLOW__PAYGATE__DATABASE"):
        pay("INV-2")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,my_company.executors.KubernetesExecutor")
    with pytest.raises(errors.InvalidRequest, match="KubernetesExecutor"):
        pay("INV-2")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    with pytest.raises(errors.NotSent):
        pay("INV-2")
