"""The control plane over HTTP, and that it gives no secret away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_paygate.sandbox.server import Sandbox
    from tests.sandbox.conftest import Receiver


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sandbox.url}/_sandbox", trust_env=False, verify=False) as client:
        yield client


def test_it_is_there_and_names_the_merchants(control: httpx.Client) -> None:
    health = control.get("/health").json()
    assert health["status"] == "ok"
    assert health["gateways"]["paywize"]["merchants"] == ["docs-v1", "live-v2", "v2", "limits"]
    accounts = ["key-only", "enhanced", "portal", "short", "braintree", "worldpay"]
    assert health["gateways"]["paytia"]["accounts"] == accounts


def test_the_clock_is_advanced_frozen_and_never_put_back(control: httpx.Client) -> None:
    start = control.get("/clock").json()
    assert start["frozen"] is True
    assert control.post("/clock", json={"advance": 90}).json()["now"] == start["now"] + 90
    moved = control.post("/clock", json={"to": "2040-01-01T00:00:00Z"}).json()
    assert moved["iso"] == "2040-01-01T00:00:00.000Z"
    assert control.post("/clock", json={"freeze": False}).json()["frozen"] is False
    assert control.get("/clock").json()["now"] > moved["now"]
    for wrong in ({"advance": -1}, {"to": "2020-01-01T00:00:00Z"}, {"to": "2050-01-01T00:00:00"}, {"back": 1}):
        assert control.post("/clock", json=wrong).status_code == 400


def test_merchants_are_read_changed_and_added(control: httpx.Client, sandbox: Sandbox) -> None:
    changed = control.post("/merchants/docs-v1", json={"wallets": {"W2": "7.50", "8109039352": None}}).json()
    assert changed["wallets"] == {"PAYWIZE12345679": "100000000.00", "W2": "7.50"}
    assert control.get("/merchants/docs-v1").json() == changed
    assert control.get("/merchants").json()["docs-v1"] == changed
    added = control.post("/merchants/acme", json={"encryption": "v2", "auth_styles": ["plain-camel"]})
    assert added.status_code == 200
    assert Merchant(sandbox, "acme").pay("INV-1").code == 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"encryption": "v3"},
        {"wallets": {"W": "a lot"}},
        {"webhooks": {"colour": "red"}},
        {"name": "other"},
        {"secret_key": "too short"},
        {"api_key": "PAYGATESANDBOXV20000000000000000"},
    ],
)
def test_a_wrong_setting_is_refused_whole(control: httpx.Client, wrong: dict[str, Any]) -> None:
    before = control.get("/merchants/docs-v1").json()
    refused = control.post("/merchants/docs-v1", json={"minimum": "5.00", **wrong})
    assert refused.status_code == 400
    assert refused.json()["error"]
    assert control.get("/merchants/docs-v1").json() == before


def test_what_is_not_there_is_404_and_what_is_no_object_400(control: httpx.Client) -> None:
    assert control.get("/merchants/nobody").status_code == 404
    assert control.post("/payouts", json={"transaction_id": "PAY1", "status": "SUCCESS"}).status_code == 404
    assert control.post("/clock", content=b"[1]").status_code == 400
    assert control.post("/clock", content=b"{").status_code == 400


def test_the_ledger_is_filtered_and_totalled(control: httpx.Client, sandbox: Sandbox) -> None:
    one, two = Merchant(sandbox, "docs-v1"), Merchant(sandbox, "v2")
    one.pay("INV-1", amount="10.00")
    one.pay("INV-2", amount="20.00")
    two.pay("INV-1", amount="40.00")
    assert control.get("/ledger").json()["totals"]["amount"] == "70.00"
    assert control.get("/ledger", params={"merchant": "docs-v1"}).json()["totals"]["amount"] == "30.00"
    only = control.get("/ledger", params={"merchant": "docs-v1", "sender_id": "INV-1"}).json()
    assert [line["amount"] for line in only["lines"]] == ["10.00"]
    assert only["repeated"] == []
    payouts = control.get("/payouts", params={"merchant": "v2"}).json()["payouts"]
    assert [(payout["sender_id"], payout["status"]) for payout in payouts] == [("INV-1", "INITIATED")]


def test_requests_tokens_and_connections_are_counted(control: httpx.Client, sandbox: Sandbox) -> None:
    control.post("/counters/reset")
    for _ in range(2):
        merchant = Merchant(sandbox)
        merchant.pay("INV-1")
        merchant.status("INV-1")
        merchant.http.close()
    counters = control.get("/counters").json()
    assert (counters["token_calls"], counters["connections"], counters["rejected"], counters["total"]) == (2, 2, 1, 6)
    assert counters["operations"] == {"auth": 2, "initiate": 2, "status": 2}
    assert {"merchant": "docs-v1", "operation": "initiate", "outcome": "4002", "count": 1} in counters["requests"]
    assert control.post("/counters/reset").json()["total"] == 0


def test_faults_are_set_shown_and_cleared(control: httpx.Client) -> None:
    control.post("/faults", json={"operation": "status", "fault": "http_500", "times": 2})
    [fault] = control.get("/faults").json()["faults"]
    assert (fault["operation"], fault["fault"], fault["times"], fault["applied"]) == ("status", "http_500", 2, 0)
    assert control.delete("/faults").json() == {"faults": []}


def test_states_and_webhooks_over_http(control: httpx.Client, merchant: Merchant, receiver: Receiver) -> None:
    transaction_id = merchant.pay("INV-1", callback_url=receiver.url).data["transaction_id"]
    control.post("/payouts", json={"transaction_id": transaction_id, "status": "FAILED"})
    [delivery] = control.post("/webhooks/settle").json()["deliveries"]
    assert (delivery["event"], delivery["state"], delivery["attempts"][0]["status"]) == ("FAILED", "delivered", 200)
    assert control.get("/webhooks").json()["in_flight"] == 0


def test_reset_gives_a_fresh_sandbox(control: httpx.Client, merchant: Merchant) -> None:
    merchant.pay("INV-1")
    control.post("/merchants/docs-v1", json={"minimum": "5.00"})
    control.post("/faults", json={"operation": "any", "fault": "http_500"})
    control.post("/reset")
    assert control.get("/ledger").json()["lines"] == []
    assert control.get("/faults").json()["faults"] == []
    assert control.get("/merchants/docs-v1").json()["minimum"] == "1.00"
    assert merchant.status("INV-1").status == 401


def test_secrets_are_given_out_in_the_connections_and_nowhere_else(
    control: httpx.Client, sandbox: Sandbox, merchant: Merchant, receiver: Receiver
) -> None:
    merchant.pay("INV-1", callback_url=receiver.url)
    sandbox.advance(3)
    sandbox.webhooks()
    shown = "".join(
        control.get(path).text
        for path in ("/health", "/merchants", "/faults", "/ledger", "/counters", "/payouts", "/webhooks", "/clock")
    )
    for name in sandbox.state.paywize.merchants:
        connection = sandbox.connection(name)
        for secret in (
            connection["password"],
            connection["extra"]["api_key"],
            merchant.token,
            "sandbox-webhook-secret",
        ):
            assert secret not in shown
        assert connection["password"] not in repr(sandbox.state.paywize.merchants[name])
    connections = control.get("/connections").json()
    assert connections["AIRFLOW_CONN_PAYWIZE_DEFAULT"] == sandbox.connection("docs-v1")
    assert connections["AIRFLOW_CONN_PAYWIZE_LIVE_V2"]["extra"]["path_profile"] == "live"
