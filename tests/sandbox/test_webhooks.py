"""Webhooks are really posted: body, headers, signature, retries on the moved clock, and the ways they go wrong (§4)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox
    from tests.sandbox.conftest import Receiver


def events(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(delivery["event"], delivery["state"]) for delivery in sandbox.webhooks()]


def opened(merchant: Merchant, receiver: Receiver, outer: str = "data") -> list[dict[str, Any]]:
    return [json.loads(merchant.cipher.decrypt(json.loads(body)[outer])) for _, body in receiver.arrived]


@pytest.mark.parametrize("name", ["docs-v1", "v2"])
def test_a_payout_tells_of_each_state_after_the_first(sandbox: Sandbox, receiver: Receiver, name: str) -> None:
    merchant = Merchant(sandbox, name)
    merchant.pay("INV-1", callback_url=receiver.url, remarks="FAIL")
    for seconds in (0, 1, 2, 10):
        sandbox.advance(seconds)
        sandbox.webhooks()
    told = opened(merchant, receiver)
    assert [event["status"] for event in told] == ["PROCESSING", "FAILED", "REFUNDED"]
    assert told[-1] == merchant.status("INV-1").data


def test_it_carries_the_documented_headers_and_a_signature_of_the_raw_body(
    sandbox: Sandbox, merchant: Merchant, receiver: Receiver
) -> None:
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(1)
    sandbox.webhooks()
    [(headers, body)] = receiver.arrived
    assert headers["user-agent"] == "PayWize-Webhook/1.0"
    assert headers["content-type"] == "application/json"
    expected = hmac.new(merchant.secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-paywize-signature"] == f"sha256={expected}"


def test_a_separate_webhook_secret_signs_instead(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    sandbox.merchant("docs-v1", webhook_secret="another")
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(1)
    sandbox.webhooks()
    [(headers, body)] = receiver.arrived
    assert headers["x-paywize-signature"][7:] == hmac.new(b"another", body, hashlib.sha256).hexdigest()


def test_no_callback_url_no_webhook(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1")
    sandbox.advance(100)
    assert events(sandbox) == []


def test_events_of_one_payment_keep_their_order_when_the_clock_jumps(
    sandbox: Sandbox, merchant: Merchant, receiver: Receiver
) -> None:
    for number in range(5):
        merchant.pay(f"INV-{number}", callback_url=receiver.url, remarks="FAIL")
    sandbox.advance(100)
    sandbox.webhooks()
    for number in range(5):
        told = [event["status"] for event in opened(merchant, receiver) if event["sender_id"] == f"INV-{number}"]
        assert told == ["PROCESSING", "FAILED", "REFUNDED"]


def test_three_retries_after_one_two_and_four_seconds(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 404, 503]
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 1000]})
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(1)
    tries = []
    for seconds in (0, 0.5, 0.5, 1.5, 0.5, 3.5, 0.5, 60):
        sandbox.advance(seconds)
        tries.append(len(sandbox.webhooks()[0]["attempts"]))
    assert tries == [1, 1, 2, 2, 3, 3, 4, 4]
    [delivery] = sandbox.webhooks()
    assert delivery["state"] == "given up"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 302, 404, 503]


def test_a_retry_that_is_answered_is_the_last(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    receiver.answers = [500]
    merchant.pay("INV-1", callback_url=receiver.url, remarks="PENDING", payment_mode="NEFT")
    sandbox.advance(5)
    assert events(sandbox) == [("PROCESSING", "waiting")]
    sandbox.advance(1)
    assert events(sandbox) == [("PROCESSING", "delivered")]
    assert len(receiver.arrived) == 2
    assert receiver.arrived[0][1] == receiver.arrived[1][1]


def test_a_target_that_is_down_is_an_attempt(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    url = receiver.url
    receiver.server.shutdown()
    receiver.server.server_close()
    merchant.pay("INV-1", callback_url=url)
    sandbox.advance(1)
    [delivery] = sandbox.webhooks()
    assert delivery["attempts"][0]["error"] == "ConnectError"


def test_switches_lose_repeat_and_reorder(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    sandbox.merchant("docs-v1", webhooks={"reorder": True, "duplicate": True})
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(1)
    assert events(sandbox) == []
    sandbox.advance(2)
    sandbox.webhooks()
    told = [event["status"] for event in opened(merchant, receiver)]
    assert told == ["SUCCESS", "SUCCESS", "PROCESSING", "PROCESSING"]
    sandbox.merchant("docs-v1", webhooks={"lose": True, "reorder": False, "duplicate": False})
    merchant.pay("INV-2", callback_url=receiver.url)
    sandbox.advance(3)
    assert events(sandbox)[4:] == [("PROCESSING", "lost"), ("SUCCESS", "lost")]
    assert len(receiver.arrived) == 4


@pytest.mark.parametrize("signature", ["bad", "none"])
def test_a_signature_can_be_wrong_or_missing(
    sandbox: Sandbox, merchant: Merchant, receiver: Receiver, signature: str
) -> None:
    sandbox.merchant("docs-v1", webhooks={"signature": signature, "outer": "payload"})
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(1)
    sandbox.webhooks()
    [(headers, body)] = receiver.arrived
    good = hmac.new(merchant.secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers.get("x-paywize-signature") != f"sha256={good}"
    assert ("x-paywize-signature" in headers) is (signature == "bad")
    assert opened(merchant, receiver, "payload")[0]["status"] == "PROCESSING"


def test_a_collection_tells_of_the_link_and_of_the_payment(
    sandbox: Sandbox, merchant: Merchant, receiver: Receiver
) -> None:
    merchant.collect("C-1", callbackUrl=receiver.url)
    sandbox.advance(5)
    sandbox.webhooks()
    assert [event["status"] for event in opened(merchant, receiver)] == ["INITIATED", "SUCCESS"]


def test_a_bank_payout_has_the_shape_of_its_own_page(sandbox: Sandbox, merchant: Merchant, receiver: Receiver) -> None:
    fields = {"channel": "SHIVALIK", "callback_url": receiver.url}
    merchant.paths = {**merchant.paths, "initiate": "/v1/connected-banking/public/payment/initiate"}
    merchant.pay("CB-1", **fields)
    sandbox.advance(3)
    sandbox.webhooks()
    assert json.loads(receiver.arrived[-1][1])["success"] is True
    event = opened(merchant, receiver)[-1]
    assert (event["status"], event["paymentMode"], event["scheduled_at"]) == ("Success", "IMPS", None)
    assert event["created_at"][-2:] in ("AM", "PM")


def test_nothing_leaves_this_machine_unless_a_merchant_allows_the_host(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1", callback_url="https://example.com/webhook")
    merchant.pay("INV-2", callback_url="not a url")
    sandbox.advance(3)
    assert {state for _, state in events(sandbox)} == {"not sent"}
