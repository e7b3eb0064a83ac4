"""Everything Paytia posts, read to one event; every flipped byte refused where signatures are checked."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from airflow_provider_paygate.exceptions import WebhookRejected
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect
from tests.sandbox.conftest import Receiver, receiver

__all__ = ["receiver"]

RESULT = {
    "transaction_id": "txn_1", "reference_number": "INV-1", "status": "completed", "amount": "12.50", "currency": "GBP",
    "timestamp": "2026-11-21T10:00:00Z",
}  # fmt: skip


def test_a_payment_result(link: Connect) -> None:
    event = link().parse_webhook(json.dumps(RESULT).encode(), {})
    assert (event.kind, event.event, event.status) == ("payment", "payment.completed", "COMPLETED")
    assert event.succeeded
    assert event.is_final
    assert (event.reference, event.transaction_id, event.amount) == ("INV-1", "txn_1", Decimal("12.50"))
    assert event.created_at is not None
    assert event.created_at.utcoffset() is not None


@pytest.mark.parametrize("word", ["failed", "cancelled", "timeout"])
def test_the_other_ends(link: Connect, word: str) -> None:
    event = link().parse_webhook(json.dumps({**RESULT, "status": word}).encode(), {})
    assert event.status == word.upper()
    assert event.is_final
    assert not event.succeeded


@pytest.mark.parametrize(
    "body",
    [
        "\n".join(json.dumps({name: value}) for name, value in RESULT.items()),
        "\n".join(f"{json.dumps(name)}: {json.dumps(value)}," for name, value in RESULT.items()),
        json.dumps(json.dumps(RESULT)),
        json.dumps([{name: value} for name, value in RESULT.items()]),
        urlencode(RESULT),
    ],
)
def test_every_format_is_the_same_event(link: Connect, body: str) -> None:
    event = link().parse_webhook(body.encode(), {})
    assert (event.reference, event.status, event.amount) == ("INV-1", "COMPLETED", Decimal("12.50"))


@pytest.mark.parametrize(
    ("fields", "event", "status"),
    [
        ({"payment_stage": "agent_id", "agent_id": "100"}, "stage.agent_id", "IN_PROGRESS"),
        ({"payment_stage": "amount_verify", "amount_verify": "accepted"}, "stage.amount_verify", "IN_PROGRESS"),
        ({"payment_stage": "pan_digit", "pan_digit": "XXXX"}, "stage.pan_digit", "IN_PROGRESS"),
        ({"success": "0"}, "stage.result", "FAILED"),
        ({"success": "0", "callhangup": "customer"}, "stage.hangup", "FAILED"),
        ({"success": "0", "agentabort": "1"}, "stage.abort", "FAILED"),
    ],
)
def test_stages_of_a_telephone_flow(link: Connect, fields: dict[str, str], event: str, status: str) -> None:
    told = link().parse_webhook(urlencode({"reference_id": "call-1", **fields}).encode(), {})
    assert (told.kind, told.event, told.status, told.reference_id) == ("stage", event, status, "call-1")


def test_a_call_record_in_any_case_of_letters(link: Connect) -> None:
    told = link().parse_webhook(
        b"Originator=customer&Instate=talking&Intimes=1700000000&agent+id=100&state=talking", {}
    )
    assert (told.kind, told.event, told.agent_id) == ("call", "call.talking", "100")


def test_an_agent_transfer(link: Connect) -> None:
    told = link().parse_webhook(b"PAYTIA-XFER=60e56fa028f59&merchant_telephone=%2B441234567890&agent_id=100", {})
    assert told.kind == "transfer"
    assert told.fields["PAYTIA-XFER"] == "60e56fa028f59"


def test_what_nobody_knows_is_kept(link: Connect) -> None:
    assert link().parse_webhook(b'{"weather": "fine"}', {}).kind == "unknown"


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"<html></html>", b"[]", b"\xff\xfe", b"{}", b'"x"', b"123", b"x" * (1024 * 1024 + 1)]
)
def test_what_cannot_be_read_is_rejected(link: Connect, body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        link().parse_webhook(body, {})


def test_signatures(link: Connect) -> None:
    body = json.dumps(RESULT).encode()
    good = hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    strict = link(webhook_signature="required", webhook_secret="shared", webhook_signature_header="X-Sig")
    assert strict.parse_webhook(body, {"x-sig": good}).succeeded
    assert strict.parse_webhook(body, {"X-SIG": f"sha256={good.upper()}"}).succeeded
    with pytest.raises(WebhookRejected, match="X-Sig"):
        strict.parse_webhook(body, {})
    for at in range(len(body)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(WebhookRejected, match="signature"):
            strict.parse_webhook(flipped, {"X-Sig": good})
    present = link(webhook_signature="if_present", webhook_secret="shared")
    assert present.parse_webhook(body, {}).succeeded
    with pytest.raises(WebhookRejected):
        present.parse_webhook(body, {"X-Paytia-Signature": "0" * 64})
    assert link().parse_webhook(body, {"X-Paytia-Signature": "nonsense"}).succeeded, "off by default"


def test_what_the_sandbox_posts(sandbox: Sandbox, account: Connect, receiver: Receiver) -> None:
    sandbox.account("worldpay", webhooks={"signature": "good"})
    hook = account("worldpay", webhook_signature="required")
    hook.create_payment_link(reference="L-1", amount="5.00", webhook_url=receiver.url)
    sandbox.advance(60)
    sandbox.webhooks()
    events = [hook.parse_webhook(body, headers) for headers, body in receiver.arrived]
    assert [event.status for event in events][-1] == "COMPLETED"
    assert events[-1].reference == "L-1"
