"""Paytia's webhooks: results with their long retries, telephone stages, formats, signatures, replays (§7)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox
    from tests.sandbox.conftest import Receiver


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


def forms(receiver: Receiver) -> list[dict[str, str]]:
    return [dict(parse_qsl(body.decode())) for _, body in receiver.arrived]


def test_the_final_state_is_posted_as_documented(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    client.link("INV-1", webhook_url=receiver.url)
    sandbox.webhooks()
    assert receiver.arrived == []
    sandbox.advance(5)
    sandbox.webhooks()
    [(headers, body)] = receiver.arrived
    event = json.loads(body)
    assert set(event) == {"transaction_id", "reference_number", "status", "amount", "currency", "timestamp"}
    assert (event["reference_number"], event["status"], event["amount"]) == ("INV-1", "completed", "10.00")
    assert event["timestamp"].endswith("Z")
    assert headers["content-type"] == "application/json"
    assert "x-paytia-signature" not in headers


def test_the_gateways_stages_go_to_the_other_address(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    client.charge("INV-1", transaction_id="pm_slow", webhook_url_transaction=receiver.url)
    sandbox.advance(5)
    sandbox.webhooks()
    assert [json.loads(body)["status"] for _, body in receiver.arrived] == ["pending", "completed"]
    client.charge("INV-2", webhook_url=receiver.url, webhook_url_transaction=receiver.url)
    sandbox.webhooks()
    assert len(receiver.arrived) == 4


def test_retries_after_one_five_and_thirty_minutes_then_hourly_for_a_day(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    receiver.answers = [500, 404, 302] + [503] * 50
    client.charge("INV-1", webhook_url=receiver.url)
    tries = []
    for seconds in (0, 59, 1, 299, 1, 1799, 1, 3599, 1):
        sandbox.advance(seconds)
        tries.append(len(sandbox.webhooks()[0]["attempts"]))
    assert tries == [1, 1, 2, 2, 3, 3, 4, 4, 5]
    for _ in range(30):
        sandbox.advance(3600)
        [delivery] = sandbox.webhooks()
    assert (delivery["state"], len(delivery["attempts"])) == ("given up", 27)
    assert {body for _, body in receiver.arrived} == {receiver.arrived[0][1]}


def test_any_2xx_is_taken(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    receiver.answers = [204]
    client.charge("INV-1", webhook_url=receiver.url)
    assert [delivery["state"] for delivery in sandbox.webhooks()] == ["delivered"]


def test_a_replay_is_the_same_byte_for_byte(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    client.charge("INV-1", webhook_url=receiver.url)
    sandbox.webhooks()
    assert sandbox.replay_webhooks("INV-1") == 1
    sandbox.webhooks()
    assert receiver.arrived[0][1] == receiver.arrived[1][1]
    sandbox.account("key-only", webhooks={"duplicate": True})
    client.charge("INV-2", webhook_url=receiver.url)
    assert len(sandbox.webhooks()) == 4


def test_a_signature_is_the_hex_hmac_of_the_raw_body(sandbox: Sandbox, receiver: Receiver) -> None:
    client = Client(sandbox, "worldpay")
    extra = sandbox.connection("worldpay")["extra"]
    sandbox.account("worldpay", webhooks={"signature_header": "X-Sign"})
    client.charge("INV-1", webhook_url=receiver.url)
    sandbox.account("worldpay", webhooks={"signature": "bad"})
    client.charge("INV-2", webhook_url=receiver.url)
    sandbox.webhooks()
    good = [
        hmac.new(extra["webhook_secret"].encode(), body, hashlib.sha256).hexdigest() for _, body in receiver.arrived
    ]
    assert [headers["x-sign"] == sign for (headers, _), sign in zip(receiver.arrived, good, strict=True)] == [
        True,
        False,
    ]
    assert (extra["webhook_signature"], extra["webhook_signature_header"]) == ("required", "X-Paytia-Signature")


@pytest.mark.parametrize("form", ["single", "multiple", "string"])
def test_single_multiple_and_a_string_of_json(sandbox: Sandbox, client: Client, receiver: Receiver, form: str) -> None:
    sandbox.account("key-only", webhooks={"format": form})
    client.charge("INV-1", webhook_url=receiver.url)
    sandbox.webhooks()
    text = receiver.arrived[0][1].decode()
    match form:
        case "single":
            event = json.loads(text)
        case "multiple":
            assert len(text.splitlines()) == 6
            event = {name: value for line in text.splitlines() for name, value in json.loads(line).items()}
        case _:
            event = json.loads(json.loads(text))
    assert event["reference_number"] == "INV-1"


def test_a_call_posts_its_stages_as_a_form(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    client.link("CALL-1", transaction_flag="0", agent_id="100", webhook_url=receiver.url)
    assert sandbox.telephone("key-only", reference_id="CALL-1", digits=13) == 16
    sandbox.webhooks()
    assert receiver.arrived[0][0]["content-type"] == "application/x-www-form-urlencoded"
    *stages, _result = forms(receiver)
    assert {stage["reference_id"] for stage in stages} == {"CALL-1"}
    named = [stage["payment_stage"] for stage in stages]
    assert named[:4] == ["agent_id", "amount_verify", "card_number", "pan_digit"]
    assert stages[-1]["pan_digit"] == "X" * 13
    assert json.loads(receiver.arrived[-1][1])["status"] == "completed"
    assert [line["mode"] for line in sandbox.ledger()["lines"]] == ["phone"]


@pytest.mark.parametrize(
    ("ending", "last", "status"),
    [
        ("wrong_amount", {"success": "0"}, "failed"),
        ("hangup_customer", {"success": "0", "callhangup": "customer"}, "failed"),
        ("hangup_merchant", {"success": "0", "callhangup": "merchant"}, "failed"),
        ("abort_customer", {"success": "0", "custabort": "1"}, "cancelled"),
        ("abort_agent", {"success": "0", "agentabort": "1"}, "cancelled"),
    ],
)
def test_calls_that_end_badly(
    sandbox: Sandbox, client: Client, receiver: Receiver, ending: str, last: dict[str, str], status: str
) -> None:
    client.link("CALL-1", transaction_flag="0", agent_id="100", webhook_url=receiver.url)
    sandbox.telephone("key-only", reference_id="CALL-1", ending=ending)
    sandbox.webhooks()
    assert forms(receiver)[-2] == {"reference_id": "CALL-1", **last}
    assert json.loads(receiver.arrived[-1][1])["status"] == status
    assert sandbox.ledger()["lines"] == []


def test_a_call_may_store_a_card_or_hold_an_amount(sandbox: Sandbox, client: Client) -> None:
    client.link("CAP-1", transaction_flag="1", agent_id="100", amount="0.00")
    client.link("RES-1", transaction_flag="3", agent_id="100", reserve_amount="40.00")
    for payment in sandbox.payments():
        sandbox.move_payment("completed", reference_id=payment["reference_id"])
    card, reserve = (payment["transaction_id"] for payment in sandbox.payments())
    assert sandbox.ledger()["lines"] == []
    assert client.charge("INV-1", transaction_id=card).json()["status"] == "completed"
    settled = client.charge("INV-2", type="reserve_settle", transaction_id=reserve, amount="40.00")
    assert settled.json()["status"] == "completed"


def test_call_records_and_transfers(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.telephone("key-only", kind="cdr", reference_id="CALL-1", url=receiver.url)
    sandbox.telephone("key-only", kind="transfer", url=receiver.url)
    sandbox.webhooks()
    record, transfer = sorted(forms(receiver), key=len, reverse=True)
    assert (record["originator"], record["hangFirstEnd"]) == ("customer", "remote")
    assert len(transfer["PAYTIA-XFER"]) == 13
    assert transfer["merchant_telephone"].startswith("+44")


def test_what_no_telephone_can_do(sandbox: Sandbox, receiver: Receiver) -> None:
    for wrong in ({}, {"url": receiver.url, "kind": "fax"}, {"url": receiver.url, "ending": "applause"}):
        with pytest.raises(ValueError, match=r"there is no url|one of"):
            sandbox.telephone("key-only", **wrong)
