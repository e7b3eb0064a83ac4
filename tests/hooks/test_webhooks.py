"""A webhook is verified over its raw bytes, decrypted strictly, and says what a look-up would say. Else it is rejected."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.gateways.paywize.cipher import V1, V2, Cipher
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, payment
from tests.gateways.paywize.test_cipher import VECTORS

FACTS = {
    "sender_id": "INV-1", "transaction_id": "PAY000000001", "status": "SUCCESS", "amount": "1250.00",
    "utr_number": "415612345678", "beneficiary": {"beneficiary_acc_number": CANARY_ACCOUNT},
}  # fmt: skip


@pytest.fixture(params=["docs-v1", "v2"])
def merchant(request: pytest.FixtureRequest, connect: Callable[..., str]) -> str:
    connect(request.param)
    return str(request.param)


class Sender:
    """Posts as the gateway does, with the merchant's keys."""

    def __init__(self, hook: PaywizeHook) -> None:
        keys = hook.settings.merchant
        self.secret = keys.secret_key
        v1 = keys.encryption == "v1"
        self.cipher: Cipher = V1(keys.api_key, keys.secret_key) if v1 else V2(keys.secret_key)

    def body(self, data: Any = FACTS, outer: str = "data", **more: Any) -> bytes:
        return json.dumps({outer: self.cipher.encrypt(json.dumps(data).encode()), **more}).encode()

    def signed(self, body: bytes, key: str | None = None) -> dict[str, str]:
        made = hmac.new((key or self.secret).encode(), body, hashlib.sha256).hexdigest()
        return {"X-Paywize-Signature": f"sha256={made}", "Content-Type": "application/json"}


@pytest.fixture
def sender(merchant: str) -> Sender:
    return Sender(PaywizeHook())


def rejected(body: Any, headers: dict[str, str]) -> str:
    with pytest.raises(errors.WebhookRejected) as raised:
        PaywizeHook().parse_webhook(body, headers)
    assert (raised.value.gateway, raised.value.operation) == ("paywize", "webhook")
    assert CANARY_ACCOUNT not in str(raised.value)
    return str(raised.value)


def test_what_the_gateway_really_posts_is_read(sandbox: Sandbox, merchant: str) -> None:
    hook = PaywizeHook()
    hook.initiate_payout(Payout(**payment(callback_url="http://127.0.0.1:9/hook")))
    sandbox.advance(100)
    sandbox.webhooks()
    told = [hook.parse_webhook(post.body, post.headers) for post in sandbox.state.shared.postman.deliveries]
    assert [event.status for event in told] == ["PROCESSING", "SUCCESS"]
    event = told[-1]
    looked_up = hook.get_payout(reference="INV-1")
    for name in (
        "reference",
        "sender_id",
        "transaction_id",
        "utr",
        "amount",
        "currency",
        "succeeded",
        "is_final",
        "message",
    ):
        assert getattr(event, name) == getattr(looked_up, name), name
    assert CANARY_ACCOUNT not in repr(event) + str(dict(event.raw))


def test_a_collections_webhook_too(sandbox: Sandbox, merchant: str) -> None:
    hook = PaywizeHook()
    hook.initiate_collection(
        reference="C-1", amount="10", vpa="merchant@paywize", channel="FINO", callback_url="http://127.0.0.1:9/hook"
    )
    sandbox.advance(100)
    sandbox.webhooks()
    posts = sandbox.state.shared.postman.deliveries
    told = [hook.parse_webhook(post.body, post.headers) for post in posts]
    assert [(event.sender_id, event.status, event.amount) for event in told] == [
        ("C-1", "INITIATED", Decimal("10.00")), ("C-1", "SUCCESS", Decimal("10.00")),
    ]  # fmt: skip


@pytest.mark.parametrize("outer", ["data", "payload"])
@pytest.mark.parametrize("data", [
    FACTS, {"data": FACTS},
    {"txn_id": "PAY000000001", "client_ref_id": "INV-1", "status": "Success", "utr": "415612345678", "amount": 1250},
    {"transactionId": "PAY000000001", "senderId": "INV-1", "status": "success ", "utr": "415612345678", "amount": "1250"},
])  # fmt: skip
def test_every_form_that_was_seen_is_read(sender: Sender, outer: str, data: dict[str, Any]) -> None:
    body = sender.body(data, outer, success=True, message="success")
    event = PaywizeHook().parse_webhook(body, {**sender.signed(body), "X-Paywize-Event": "payout_status_change"})
    assert (event.transaction_id, event.sender_id, event.reference) == ("PAY000000001", "INV-1", "INV-1")
    assert (event.status, event.utr, event.amount) == ("SUCCESS", "415612345678", Decimal(1250))
    assert event.event == "payout_status_change"
    assert event.reference_id is None


def test_header_names_have_no_case_and_the_prefix_is_optional(sender: Sender) -> None:
    body = sender.body()
    value = sender.signed(body)["X-Paywize-Signature"]
    for headers in ({"x-paywize-signature": value}, {"X-PAYWIZE-SIGNATURE": value.removeprefix("sha256=")}):
        assert PaywizeHook().parse_webhook(body, headers).status == "SUCCESS"


def test_every_flipped_byte_of_a_signed_webhook_is_refused(sender: Sender) -> None:
    hook = PaywizeHook()
    body = sender.body()
    headers = sender.signed(body)
    for place in range(len(body)):
        for bit in (0x01, 0x20, 0x80):
            flipped = bytearray(body)
            flipped[place] ^= bit
            with pytest.raises(errors.WebhookRejected):
                hook.parse_webhook(bytes(flipped), headers)
    signature = headers["X-Paywize-Signature"]
    for place in range(len(signature)):
        for bit in (0x01, 0x20):
            changed = signature[:place] + chr(ord(signature[place]) ^ bit) + signature[place + 1 :]
            with pytest.raises(errors.WebhookRejected):
                hook.parse_webhook(body, {"X-Paywize-Signature": changed})


def test_reformatted_json_is_not_what_was_signed(sender: Sender) -> None:
    body = sender.body()
    for other in (
        body.replace(b": ", b":"),
        body + b"\n",
        b" " + body,
        json.dumps(json.loads(body), indent=1).encode(),
    ):
        assert "signature" in rejected(other, sender.signed(body))


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=00", "sha1=00", "é" * 64, "\udcff", "0" * 64, " "])
def test_a_wrong_signature_is_refused_whenever_signatures_are_looked_at(
    connect: Any, merchant: str, sender: Sender, signature: str
) -> None:
    for policy in ("required", "if_present"):
        connect(merchant, webhook_signature=policy)
        rejected(sender.body(), {"X-Paywize-Signature": signature})


def test_the_three_policies(connect: Any, merchant: str, sender: Sender) -> None:
    body = sender.body()
    connect(merchant, webhook_signature="required")
    assert "requires" in rejected(body, {})
    assert PaywizeHook().parse_webhook(body, sender.signed(body))
    connect(merchant, webhook_signature="if_present")
    assert PaywizeHook().parse_webhook(body, {})
    connect(merchant, webhook_signature="off")
    assert PaywizeHook().parse_webhook(body, {"X-Paywize-Signature": "sha256=nonsense"})


def test_the_webhook_secret_takes_the_secret_keys_place(connect: Any, merchant: str, sender: Sender) -> None:
    connect(merchant, webhook_secret="a secret of its own")
    body = sender.body()
    assert PaywizeHook().parse_webhook(body, sender.signed(body, "a secret of its own"))
    rejected(body, sender.signed(body))


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"{}", b"{", b"\xff", b'"x"', b'{"data": null}', b'{"data": {}}', b'{"data": 5}', b'{"data": ""}',
    b'{"data": "AAAA"}', b'{"data": "not base64!"}', b"[" * 100_000, b'{"data":' + b"[" * 100_000,
])  # fmt: skip
def test_what_is_no_webhook_is_rejected_and_nothing_worse(sender: Sender, body: bytes) -> None:
    rejected(body, {})
    rejected(body, sender.signed(body))


@pytest.mark.parametrize("data", [[], "x", 5, None, {}, {"status": "SUCCESS"}, {"data": {"data": {}}}])
def test_what_names_no_payment_is_rejected(sender: Sender, data: Any) -> None:
    body = sender.body(data)
    rejected(body, sender.signed(body))


def test_another_merchants_webhook_is_rejected(connect: Any, sandbox: Sandbox, sender: Sender) -> None:
    body = sender.body()
    connect("limits")
    rejected(body, {})


@pytest.mark.parametrize("vector", [v for v in VECTORS["v1_negative"] if "SUCCESS" in v["name"]])
def test_a_v1_ciphertext_bent_from_failed_to_success_is_rejected(connect: Any, sandbox: Sandbox, vector: Any) -> None:
    key = VECTORS["keys"][0]
    connect(api_key=key["api_key"], password=key["secret_key"], encryption="v1", webhook_signature="off")
    rejected(json.dumps({"data": vector["ciphertext_b64"]}).encode(), {})


@pytest.mark.parametrize("vector", [v for v in VECTORS["hmac_webhook"] if v["hmac_input"] == "raw_body"])
def test_published_signatures(connect: Any, sandbox: Sandbox, vector: Any) -> None:
    key = VECTORS["keys"][0]
    secret = {"webhook_secret": vector["hmac_key_value"]} if vector["hmac_key"] != "secret_key" else {}
    connect(api_key=key["api_key"], password=key["secret_key"], encryption=vector["encryption"],
            webhook_signature="required", **secret)  # fmt: skip
    name, _, value = vector["header"].partition(": ")
    body = vector["raw_body"].encode()
    assert PaywizeHook().parse_webhook(body, {name: value}).transaction_id or True
    assert base64.b64encode(bytes.fromhex(vector["hex"])).decode() == vector["base64"]
    rejected(body, {name: value[:-1] + ("0" if value[-1] != "0" else "1")})


def test_a_webhook_asks_nobody_and_moves_no_books(sandbox: Sandbox, sender: Sender, books: Any) -> None:
    body = sender.body()
    PaywizeHook().parse_webhook(body, sender.signed(body))
    assert sandbox.counters()["total"] == 0
