"""What every gateway of this package promises. A new one writes its folder, joins `gateways.py`, and passes this."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import pytest

from airflow_provider_paygate.exceptions import (
    AuthenticationFailed,
    BadReply,
    InvalidRequest,
    LimitExceeded,
    NotSent,
    OutcomeUnknown,
    PaygateError,
    ReferenceConflict,
    Refused,
    Throttled,
    WebhookRejected,
)
from airflow_provider_paygate.payouts import submission
from tests.conformance.gateways import INSTRUMENT_CANARY, Gateway, amount_of

LOST = ["reset_after", "timeout_after", "html_200", "empty_body", "other_amount", "other_id"]
DOUBTFUL = ["http_500", "http_502_html", "http_503", "http_504", "http_404"]
NEVER_ARRIVED = ["reset_before", "timeout_before"]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_paygate.gateways.paytia import conversation

    monkeypatch.setattr(conversation, "READ_PAUSES", (0.01,))
    monkeypatch.setattr(submission, "BETWEEN_LOOKUPS", 0)


# Authentication


def test_many_calls_of_many_threads_share_one_token_call(rail: Gateway) -> None:
    rail.connect()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                rail.read(rail.hook())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rail.calls(*rail.token_calls) == 1


def test_wrong_keys_fail_at_once_and_say_so(rail: Gateway) -> None:
    hook = rail.connect(api_key="PAYGATESANDBOX" + "0" * 18)
    with pytest.raises(AuthenticationFailed):
        rail.read(hook)
    ok, message = hook.test_connection()
    assert not ok
    assert message
    assert rail.moved() == 0


def test_the_connection_test_says_what_is_right(rail: Gateway) -> None:
    ok, message = rail.connect().test_connection()
    assert ok, message
    assert "right" in message
    assert rail.moved() == 0


# Expiry


def test_a_token_that_the_gateway_ended_is_renewed_once(rail: Gateway) -> None:
    hook = rail.connect()
    rail.read(hook)
    rail.sandbox.advance(rail.token_life + 1)
    rail.read(hook)
    assert rail.calls(*rail.token_calls) == 2


def test_money_goes_through_on_an_ended_token_and_moves_once(rail: Gateway) -> None:
    rail.read(rail.connect())
    rail.sandbox.advance(rail.token_life + 1)
    rail.pay()
    assert rail.moved() == 1


@pytest.mark.parametrize("operation", ["money", "reading"])
def test_a_gateway_that_refuses_every_token_is_not_asked_for_ever(rail: Gateway, operation: str) -> None:
    hook = rail.connect()
    rail.sandbox.fault(getattr(rail, operation), "token_expired", times=None)
    with pytest.raises(PaygateError):
        if operation == "money":
            rail.pay()
        else:
            rail.read(hook)
    assert rail.calls(*rail.token_calls) <= 6
    assert rail.moved() == 0


# Refusal


def test_what_the_gateway_refuses_moved_nothing(rail: Gateway) -> None:
    rail.connect()
    with pytest.raises(Refused):
        rail.pay(**rail.bad_row)
    assert rail.moved() == 0


@pytest.mark.parametrize("amount", [12.5, "12.505", "0", "-3", "1e3", "", None])
def test_a_bad_amount_is_named_before_anything_is_sent(rail: Gateway, amount: Any) -> None:
    rail.connect()
    with pytest.raises(InvalidRequest, match="amount"):
        rail.pay(amount=amount)
    assert rail.calls(rail.money) == 0


def test_ceilings_stop_a_payment_before_it_is_sent(rail: Gateway) -> None:
    rail.connect(max_amount="20", max_daily_amount="25")
    with pytest.raises(LimitExceeded):
        rail.pay(amount="20.01")
    rail.pay("A")
    rail.pay("B")
    with pytest.raises(LimitExceeded):
        rail.pay("C")
    assert rail.moved() == 2


def test_throttling_moved_nothing_and_a_retry_is_safe(rail: Gateway) -> None:
    rail.connect()
    rail.sandbox.fault(rail.money, "throttle_429", retry_after=1)
    with pytest.raises(Throttled) as throttled:
        rail.pay()
    assert throttled.value.retry_after == 1
    rail.pay()
    assert rail.moved() == 1


# Lost answers


@pytest.mark.parametrize("fault", LOST)
def test_an_executed_payment_whose_answer_is_lost_is_found(rail: Gateway, fault: str) -> None:
    rail.connect()
    rail.sandbox.fault(rail.money, fault)
    told = rail.pay()
    assert amount_of(told) == amount_of({"amount": "12.50"})
    assert rail.moved() == 1


@pytest.mark.parametrize("fault", DOUBTFUL)
def test_an_executed_payment_with_a_doubtful_answer_is_found(rail: Gateway, fault: str) -> None:
    rail.connect()
    rail.sandbox.fault(rail.money, fault, executes=True)
    rail.pay()
    assert rail.moved() == 1


@pytest.mark.parametrize("fault", [*DOUBTFUL, *NEVER_ARRIVED])
def test_a_payment_that_was_not_executed_is_unknown_until_absence_is_proven(rail: Gateway, fault: str) -> None:
    rail.connect()
    rail.sandbox.fault(rail.money, fault)
    with pytest.raises(OutcomeUnknown):
        rail.pay()
    rail.connect(visibility_window=0)
    rail.pay()
    assert rail.moved() == 1


def test_nothing_is_sent_again_while_the_look_up_fails(rail: Gateway) -> None:
    rail.connect(visibility_window=0)
    rail.sandbox.fault(rail.money, "reset_before")
    rail.sandbox.fault(rail.look_up, "http_503", times=None)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            rail.pay()
    assert rail.calls(rail.money) == 1
    assert rail.moved() == 0


def test_absence_within_the_window_proves_nothing(rail: Gateway) -> None:
    rail.connect()
    rail.sandbox.fault(rail.money, "reset_after")
    rail.sandbox.fault(rail.look_up, "stale", seconds=300)
    with pytest.raises(OutcomeUnknown):
        rail.pay()
    assert rail.calls(rail.money) == 1


# Retries and re-runs


def test_run_again_after_success_it_sends_nothing(rail: Gateway) -> None:
    rail.connect()
    first = rail.pay()
    again = rail.pay()
    assert {**again, "already_paid": None} == {**first, "already_paid": None}
    assert rail.moved() == 1
    assert rail.calls(rail.money) == 1


def test_another_amount_under_a_used_reference_is_a_conflict(rail: Gateway) -> None:
    rail.connect()
    rail.pay()
    with pytest.raises(ReferenceConflict) as conflict:
        rail.pay(amount="12.51")
    assert conflict.value.gateway == rail.name
    assert rail.moved() == 1


def test_two_workers_at_once_pay_once(rail: Gateway) -> None:
    rail.connect(timeout=5)
    rail.sandbox.fault(rail.money, "slow", seconds=0.3)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            rail.pay()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rail.moved() == 1


def test_where_nobody_listens_nothing_was_sent(rail: Gateway) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rail.connect(host=f"http://127.0.0.1:{port}")
    with pytest.raises(NotSent):
        rail.pay()
    with pytest.raises(NotSent):
        rail.read(rail.hook())


@pytest.mark.parametrize("fault", ["http_500", "http_502_html", "html_200", "empty_body", "http_404", "redirect"])
def test_a_read_that_cannot_be_read_is_a_typed_error_with_its_status(rail: Gateway, fault: str) -> None:
    hook = rail.connect()
    rail.read(hook)
    rail.sandbox.fault(rail.reading, fault, times=None)
    with pytest.raises((BadReply, NotSent)) as error:
        rail.read(hook)
    assert error.value.gateway == rail.name
    assert error.value.http_status


def test_it_reads_on_an_event_loop(rail: Gateway) -> None:
    hook = rail.connect()

    async def reads() -> list[Any]:
        return list(await asyncio.gather(*(rail.aread(hook) for _ in range(5))))

    assert len(asyncio.run(reads())) == 5
    assert rail.calls(*rail.token_calls) == 1


# Secrets


@pytest.mark.parametrize(
    "fault", ["http_500", "html_200", "duplicate", "unknown_code", "token_expired", "timeout_before", "throttle_429"]
)
def test_no_error_log_or_repr_shows_a_secret(rail: Gateway, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hook = rail.connect()
    rail.sandbox.fault(rail.money, fault)
    try:
        rail.pay()
        said = ""
    except PaygateError as error:
        said = f"{error!s} {error!r} {error.__cause__!r} {error.__context__!r} {vars(error)}"
    said += caplog.text + repr(hook.settings) + repr(hook.client) + repr(vars(hook.settings))
    for secret in [*rail.secrets(), INSTRUMENT_CANARY]:
        assert secret not in said


def test_nothing_secret_is_in_the_database(rail: Gateway, books: Any) -> None:
    hook = rail.connect()
    rail.pay()
    raw = b"".join(path.read_bytes() for path in books.parent.glob("paygate.db*"))
    tokens = hook.tokens.handled() if hasattr(hook, "tokens") and hook.tokens else ()
    for secret in [*rail.secrets(), INSTRUMENT_CANARY, *tokens]:
        assert secret.encode() not in raw


@pytest.mark.parametrize("value", ["", "***"])
def test_a_missing_or_masked_secret_is_named_before_any_request(rail: Gateway, value: str) -> None:
    for name in rail.required:
        hook = rail.connect(**{name: value})
        with pytest.raises(InvalidRequest, match=name):
            rail.read(hook)
        ok, message = hook.test_connection()
        assert not ok
        assert name in message
    assert rail.sandbox.counters()["operations"] == {}


def test_plain_http_leaves_this_machine_for_nobody(rail: Gateway) -> None:
    with pytest.raises(InvalidRequest, match="http"):
        rail.read(rail.connect(host="http://gateway.example"))


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html></html>", b"[]"])
def test_a_webhook_that_cannot_be_read_is_rejected(rail: Gateway, body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        rail.connect().parse_webhook(body, {})
