"""Payment links: made once, remembered, and honest about a lost answer."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_paygate.exceptions import (
    BadReply,
    DuplicateReference,
    InvalidRequest,
    NotSent,
    OutcomeUnknown,
    ReferenceConflict,
)
from airflow_provider_paygate.operators.paytia import PaytiaPaymentLinkOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect
from tests.processes import at_once


def link(reference: str = "L-1", **more: Any) -> PaytiaPaymentLinkOperator:
    return PaytiaPaymentLinkOperator(task_id="t", reference=reference, **{"amount": "30.00", **more})


def test_run_again_it_returns_the_same_link_and_sends_nothing(sandbox: Sandbox, account: Connect) -> None:
    account()
    first = link(description="UNPAID").execute({})
    assert set(first) == {"reference", "transaction_id", "status", "amount", "url"}
    assert first["url"].startswith("http")
    assert link(description="UNPAID").execute({}) == first
    assert sandbox.counters()["operations"]["payment_service"] == 1


def test_another_amount_under_the_same_reference_is_a_conflict(sandbox: Sandbox, account: Connect) -> None:
    account()
    link().execute({})
    with pytest.raises(ReferenceConflict):
        link(amount="31.00").execute({})


def test_two_workers_that_ask_at_the_same_moment_get_the_same_link(
    sandbox: Sandbox, account: Connect, any_books: str
) -> None:
    account(timeout=10)
    sandbox.fault("payment_service", "timeout_after", seconds=0.3)  # the second is refused while the first waits
    first, second = at_once([lambda: link().execute({})] * 2)
    assert first == second
    assert first["url"].startswith("http")


@pytest.mark.parametrize("fault", ["reset_after", "http_500", "html_200"])
def test_a_lost_answer_moved_no_money_and_asks_for_a_new_reference(
    sandbox: Sandbox, account: Connect, fault: str
) -> None:
    account()
    sandbox.fault("payment_service", fault, executes=True)
    with pytest.raises(NotSent, match=r"No money moved.*new reference") as lost:
        link().execute({})
    assert not isinstance(lost.value, OutcomeUnknown)
    with pytest.raises(DuplicateReference, match="new reference"):
        link().execute({})
    assert link("L-2").execute({})["url"]


def test_a_request_that_never_arrived_may_be_made_again(sandbox: Sandbox, account: Connect) -> None:
    account()
    sandbox.fault("payment_service", "reset_before")
    with pytest.raises(NotSent):
        link().execute({})
    assert link().execute({})["url"]


def test_send_email_keeps_the_link_unless_it_is_off(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    emailed = hook.create_payment_link(reference="L-1", amount="5.00", email="a@example.com", send_email=True)
    assert emailed.url is None
    assert hook.create_payment_link(reference="L-2", amount="5.00", email="a@example.com").url


def test_an_answer_without_a_link_is_told(fake: Any, link: Connect) -> None:
    fake.fail("payment_service", (200, {"httpStatus": True, "status": {"statusCode": 200}}))
    with pytest.raises(BadReply, match="no link"):
        link().create_payment_link(reference="L-1", amount="5.00")


def test_a_checkout_page_has_a_url(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    assert hook.create_checkout(reference="C-1", amount="5.00", phone_number="7700900000").status
    assert link("C-2", checkout=True).execute({})["status"]


@pytest.mark.parametrize("flag", ["0", 1, "2", "3", 5, "7"])
def test_flows_that_need_a_telephone_are_refused_with_a_sentence(sandbox: Sandbox, account: Connect, flag: Any) -> None:
    with pytest.raises(InvalidRequest, match="live telephone call"):
        account().payment_service({"transaction_flag": flag, "amount": "1.00", "agent_id": "100"})
    assert sandbox.counters()["operations"] == {}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"type": "update", "intervalfrequency": 2, "end_date": "2027-01-01"}, "intervalfrequency and end_date"),
        ({"type": "update", "interval": "fortnightly"}, "interval"),
        ({"type": "update", "start_date": "01/02/2027"}, "start_date"),
        ({"gateway_customer_control": "2"}, "gateway_customer_control"),
        ({"gateway_customer_control": 1}, "gateway_customer_id"),
        ({"type": "store_payment", "amount": "1.00", "reference_number": "x"}, "transaction_id"),
        ({"type": "remove"}, "transaction_id"),
        ({"transaction_flag": "6"}, "not live"),
        ({"transaction_flag": 4, "amount": 1.5, "reference_number": "x"}, "float"),
        ({"transaction_flag": 4, "amount": "1.505", "reference_number": "x"}, "two decimals"),
        ({"webhook_url": "nowhere"}, "webhook_url"),
        ({"card_number": "x"}, "card_number"),
    ],
)  # fmt: skip
def test_what_the_pages_rule_out_is_refused_by_name(
    sandbox: Sandbox, account: Connect, fields: dict[str, Any], names: str
) -> None:
    with pytest.raises(InvalidRequest, match=names):
        account().payment_service(fields)
    assert sandbox.counters()["operations"] == {}


def test_unknown_fields_pass_and_names_can_be_corrected(fake: Any, link: Connect) -> None:
    hook = link(field_names={"reference_number": "invoiceNo", "shade": "colour"})
    hook.payment_service({"transaction_flag": 4, "amount": 3, "reference_number": "A", "shade": "blue", "extra": None})
    sent = fake.seen[-1][2]
    assert sent == {"transaction_flag": "4", "amount": "3.00", "invoiceNo": "A", "colour": "blue"}


def test_braintrees_third_case_is_the_gateways_to_tell(sandbox: Sandbox, account: Connect) -> None:
    hook = account("braintree")
    fields = {"type": "store_payment", "transaction_id": "pm_ok", "amount": "1.00", "reference_number": "B-1"}
    with pytest.raises(InvalidRequest, match="another gateway_customer_id"):
        hook.payment_service({**fields, "gateway_customer_control": 1, "gateway_customer_id": "existing-customer"})
