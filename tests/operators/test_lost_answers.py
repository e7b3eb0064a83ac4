"""The answer to a submission was lost. In the gateway's own ledger, money moves at most once all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, forget_process, moved, payment
from tests.operators.conftest import Pay, remove_books

Age = Callable[[float], None]

LOST = [
    "http_500", "http_502_html", "http_404", "redirect", "html_200", "empty_body", "timeout_after", "reset_after",
    "undecryptable", "other_amount", "other_id", "unknown_code", "duplicate",
]  # fmt: skip


def task(try_number: int) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="pay", map_index=-1, try_number=try_number)}


@pytest.mark.parametrize("merchant", ["docs-v1", "v2"])
@pytest.mark.parametrize("fault", LOST)
def test_executed_all_the_same_it_is_found_and_adopted(
    sandbox: Sandbox, connect: Any, pay: Pay, fault: str, merchant: str
) -> None:
    connect(merchant, timeout=0.25)
    sandbox.fault("initiate", fault, executes=True)
    result = pay()
    assert (result["status"], result["sender_id"], result["amount"]) == ("SUCCESS", "INV-1", "1250.00")
    assert pay()["transaction_id"] == result["transaction_id"]
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


@pytest.mark.parametrize("fault", [*LOST, "timeout_before", "reset_before"])
def test_not_found_proves_nothing_until_the_window_has_passed_and_then_the_same_id_is_sent_once_more(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, fault: str
) -> None:
    connect(timeout=0.25, visibility_window=50)
    sandbox.fault("initiate", fault, executes=False)
    for _ in range(2):
        with pytest.raises(errors.OutcomeUnknown) as raised:
            pay()
        assert not isinstance(raised.value, AirflowFailException)
        assert (moved(sandbox), calls(sandbox, "initiate")) == (0, 1)
    age(40)
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    connect(timeout=0.25, visibility_window=1)
    assert pay()["status"] == "SUCCESS"
    (line,) = sandbox.ledger()["lines"]
    assert line["sender_id"] == "INV-1"
    assert calls(sandbox, "initiate") == 2


@pytest.mark.parametrize("fault", ["reset_after", "http_502_html", "undecryptable"])
def test_a_stale_read_hides_what_was_executed_and_a_retry_adopts_it(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age, fault: str
) -> None:
    connect(timeout=0.25, visibility_window=100)
    sandbox.fault("initiate", "stale", seconds=30, times=1)
    sandbox.fault("initiate", fault, executes=True)
    for _ in range(2):
        with pytest.raises(errors.OutcomeUnknown):
            pay()
    sandbox.advance(30)
    age(30)
    assert pay()["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_sent_twice_and_never_found_is_left_to_a_person(sandbox: Sandbox, connect: Any, pay: Pay, age: Age) -> None:
    connect(visibility_window=1)
    sandbox.fault("initiate", "http_500", times=None)
    for _ in range(4):
        with pytest.raises(errors.OutcomeUnknown) as raised:
            pay()
        age(10)
    assert "resolve" in str(raised.value)
    assert (moved(sandbox), calls(sandbox, "initiate")) == (0, 2)


def test_a_repeat_that_was_refused_says_nothing_of_the_first_try(
    sandbox: Sandbox, connect: Any, pay: Pay, age: Age
) -> None:
    connect(visibility_window=1)
    sandbox.fault("initiate", "http_500")
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    age(10)
    sandbox.merchant("docs-v1", commercials=["NEFT"])
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    sandbox.merchant("docs-v1", commercials=["IMPS"])
    with pytest.raises(errors.OutcomeUnknown):  # the window begins anew with every try
        pay()
    age(10)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


@pytest.mark.parametrize("fault", ["http_500", "http_502_html", "html_200", "undecryptable", "reset_after", "http_404",
                                   "empty_body", "throttle_429", "unknown_code", "other_id", "redirect"])  # fmt: skip
def test_when_even_the_look_up_fails_the_outcome_is_unknown_and_nothing_is_sent(
    sandbox: Sandbox, pay: Pay, fault: str
) -> None:
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", fault)
    with pytest.raises(errors.OutcomeUnknown) as raised:
        pay()
    assert raised.value.gateway == "paywize"
    assert pay()["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_an_http_404_is_never_an_absence(sandbox: Sandbox, connect: Any, pay: Pay, age: Age) -> None:
    connect(visibility_window=1)
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", "http_404", times=None)
    for _ in range(4):
        with pytest.raises(errors.OutcomeUnknown):
            pay()
        age(100)
    assert calls(sandbox, "initiate") == 1
    sandbox.clear_faults()
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def bare(**fields: Any) -> None:
    """Somebody pays by hand, past the journal."""
    PaywizeHook().initiate_payout(Payout(**payment(**fields)))


def test_a_duplicate_is_looked_up_and_adopted_when_it_is_the_same_payment(sandbox: Sandbox, pay: Pay) -> None:
    bare()
    result = pay()
    assert (result["status"], result["already_paid"]) == ("SUCCESS", True)
    assert moved(sandbox) == 1


@pytest.mark.parametrize("other", [{"amount": "1.00"}, {"beneficiary_account": "999999999999"},
                                   {"beneficiary_ifsc": "ICIC0001234"}])  # fmt: skip
def test_a_duplicate_for_somebody_else_is_a_conflict(sandbox: Sandbox, pay: Pay, other: dict[str, str]) -> None:
    bare(**other)
    for _ in range(2):
        with pytest.raises(errors.ReferenceConflict) as raised:
            pay()
        assert isinstance(raised.value, AirflowFailException)
    assert moved(sandbox) == 1


@pytest.mark.parametrize("fault", ["other_amount", "other_id"])
def test_a_look_up_that_tells_of_another_payment_is_not_adopted(sandbox: Sandbox, pay: Pay, fault: str) -> None:
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", fault, amount="1250.005" if fault == "other_amount" else None)
    with pytest.raises((errors.ReferenceConflict, errors.OutcomeUnknown)):
        pay()
    assert pay()["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_other_fields_for_an_unknown_payment_are_a_conflict_before_anything_else(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", "http_500")
    with pytest.raises(errors.OutcomeUnknown):
        pay()
    with pytest.raises(errors.ReferenceConflict):
        pay(amount="1.00")
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1


@pytest.mark.parametrize("dedupe", [True, False])
@pytest.mark.parametrize("new_process", [True, False])
def test_books_that_are_lost_between_two_tries_do_not_pay_again(
    sandbox: Sandbox, connect: Any, pay: Pay, books: Path, dedupe: bool, new_process: bool
) -> None:
    connect(visibility_window=60)
    sandbox.merchant("docs-v1", dedupe=dedupe)
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("status", "http_500")
    with pytest.raises(errors.OutcomeUnknown):
        pay(context=task(1))
    remove_books(books)
    if new_process:
        forget_process()
    assert pay(context=task(2))["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate")) == (1, 1)


def test_books_that_are_lost_after_success_are_made_good_from_the_gateway(
    sandbox: Sandbox, pay: Pay, books: Path
) -> None:
    first = pay()
    remove_books(books)
    again = pay()
    assert again == {**first, "already_paid": True}
    assert moved(sandbox) == 1


def test_a_process_that_had_the_lost_books_open_writes_into_the_new_ones(
    sandbox: Sandbox, pay: Pay, books: Path
) -> None:
    pay("INV-1")
    remove_books(books)
    pay("INV-2")
    forget_process()
    assert PaywizeHook().journal.find("INV-2") is not None


def test_after_the_gateway_forgot_the_token_in_mid_flight_the_same_bytes_go_out_once_more(
    sandbox: Sandbox, connect: Any, pay: Pay
) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    sandbox.fault("initiate", "token_expired")
    assert pay()["status"] == "SUCCESS"
    assert (moved(sandbox), calls(sandbox, "initiate"), calls(sandbox, "auth")) == (1, 2, 2)


def test_the_second_answer_may_be_lost_too(sandbox: Sandbox, pay: Pay) -> None:
    sandbox.fault("initiate", "token_expired")
    sandbox.fault("initiate", "reset_after", after=0)
    assert pay()["status"] == "SUCCESS"
    assert moved(sandbox) == 1
