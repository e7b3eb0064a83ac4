"""Paytia under the control plane: accounts, connections, secrets, restarts, and a fleet on one token."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_paygate.sandbox.server import running
from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_paygate.sandbox.server import Sandbox
    from tests.sandbox.conftest import Receiver


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sandbox.url}/_sandbox", trust_env=False, verify=False) as client:
        yield client


def test_connections_hold_what_the_contract_says(control: httpx.Client, sandbox: Sandbox) -> None:
    connections = control.get("/connections").json()
    mine = {name: one for name, one in connections.items() if one["conn_type"] == "paytia"}
    assert list(mine) == [
        f"AIRFLOW_CONN_PAYTIA_{name}" for name in ("DEFAULT", "ENHANCED", "PORTAL", "SHORT", "BRAINTREE", "WORLDPAY")
    ]
    assert mine["AIRFLOW_CONN_PAYTIA_ENHANCED"] == sandbox.connection("enhanced")
    for connection in mine.values():
        assert connection["host"] == sandbox.paytia_url
        assert len(connection["extra"]["api_key"]) == 64
        assert connection["extra"]["api_key"].startswith("PAYGATESANDBOX")
    enhanced = mine["AIRFLOW_CONN_PAYTIA_ENHANCED"]
    assert (len(enhanced["login"]), enhanced["extra"]["auth_mode"]) == (32, "enhanced")
    assert all("+" in enhanced["extra"][name] for name in ("access_token", "refresh_token"))
    assert mine["AIRFLOW_CONN_PAYTIA_DEFAULT"]["extra"].keys() == {"api_key", "auth_mode"}


def test_accounts_are_read_changed_and_added(control: httpx.Client, sandbox: Sandbox) -> None:
    changed = control.post("/accounts/key-only", json={"instruments": {"pm_ok": None}, "currency": "EUR"}).json()
    assert "pm_ok" not in changed["instruments"]
    assert control.get("/accounts/key-only").json() == changed == control.get("/accounts").json()["key-only"]
    again = control.post("/accounts/key-only", json={"link_after": 1}).json()
    assert "pm_ok" not in again["instruments"]
    assert control.post("/accounts/acme", json={"enhanced": True, "token_life": 10}).status_code == 200
    assert Client(sandbox, "acme").charge("INV-1").json()["currency"] == "GBP"
    assert control.get("/accounts/nobody").status_code == 404
    assert control.post("/accounts/nobody/tokens").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"rotation": "sometimes"},
        {"token_life": "long"},
        {"webhooks": {"format": "double"}},
        {"webhooks": {"colour": "red"}},
        {"instruments": {"x": {"kind": "cheque"}}},
        {"instruments": {"pi_x": {"kind": "reserve"}}},
        {"zone": "Mars/Olympus"},
        {"name": "other"},
        {"client_id": "00000000000000000000000000000000", "api_key": "PAYGATESANDBOXSHORT".ljust(64, "0")},
    ],
)
def test_a_wrong_setting_is_refused_whole(control: httpx.Client, wrong: dict[str, Any]) -> None:
    before = control.get("/accounts/enhanced").json()
    refused = control.post("/accounts/enhanced", json={"currency": "EUR", **wrong})
    assert (refused.status_code, bool(refused.json()["error"])) == (400, True)
    assert control.get("/accounts/enhanced").json() == before


def test_no_name_is_both_a_merchant_and_an_account(control: httpx.Client) -> None:
    assert control.post("/accounts/docs-v1", json={}).status_code == 400
    assert control.post("/merchants/enhanced", json={}).status_code == 400


def test_generated_tokens_replace_all_others(control: httpx.Client, sandbox: Sandbox) -> None:
    old = Client(sandbox, "enhanced")
    assert control.post("/accounts/enhanced/tokens").json() == {"account": "enhanced"}
    assert [old.charge("INV-1").status_code, old.refresh().status_code] == [401, 401]
    new = Client(sandbox, "enhanced")
    assert new.refresh_token != old.refresh_token
    assert [new.charge("INV-1").status_code, new.refresh().status_code] == [200, 200]


def test_payments_are_listed_and_moved_over_http(control: httpx.Client, sandbox: Sandbox, receiver: Receiver) -> None:
    Client(sandbox).link("INV-1", webhook_url=receiver.url)
    named = {"account": "key-only", "reference_number": "INV-1"}
    assert control.post("/payments", json={**named, "status": "completed"}).json() == {"status": "completed"}
    [payment] = control.get("/payments", params={"account": "key-only"}).json()["payments"]
    assert (payment["status"], payment["flow"], payment["amount"]) == ("completed", "link", "10.00")
    control.post("/webhooks/settle")
    assert control.post("/webhooks/replay", json={"reference": "INV-1"}).json() == {"posted": 1}
    control.post("/webhooks/settle")
    assert [json.loads(body)["status"] for _, body in receiver.arrived] == ["completed", "completed"]
    assert control.post("/payments", json={**named, "status": "SUCCESS"}).status_code == 400
    assert control.post("/payments", json={"account": "key-only", "status": "failed"}).status_code == 404
    assert control.post("/payments/seed", json={"account": "key-only", "count": 10}).json()["rows"] == 10
    assert control.post("/payments/seed", json={"account": "key-only", "count": 0}).status_code == 400
    assert control.post("/telephone", json={"account": "key-only", "url": receiver.url}).json()["posted"] == 19


def test_secrets_are_given_out_in_the_connections_and_nowhere_else(control: httpx.Client, sandbox: Sandbox) -> None:
    for name in sandbox.state.paytia.accounts:
        client = Client(sandbox, name)
        client.charge("INV-1")
        if sandbox.account(name)["enhanced"]:
            client.refresh(encoding="json")
    shown = "".join(
        control.get(path).text
        for path in ("/health", "/accounts", "/payments", "/faults", "/ledger", "/counters", "/webhooks")
    )
    for name, account in sandbox.state.paytia.accounts.items():
        said = shown + repr(account)
        chain = sandbox.state.paytia.chains[name]
        for secret in (account.api_key, account.client_secret, account.webhook_secret, *chain.access, *chain.used):
            assert secret not in said


def test_books_tokens_and_settings_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "sandbox.db"
    with running(state=file) as sandbox:
        sandbox.freeze()
        sandbox.account("enhanced", instruments={"pm_slow": None}, webhooks={"signature": "good"})
        before = Client(sandbox, "enhanced")
        first = before.refresh_token
        before.refresh()
        before.charge("INV-1")
        before.charge("SET-1", type="reserve_settle", transaction_id="pi_reserved", amount="1.00")
        before.link("LINK-1", webhook_url=receiver.url)
        sandbox.seed_payments("enhanced", 5)
        ledger = sandbox.ledger()
    with running(state=file) as sandbox:
        assert sandbox.ledger() == ledger
        settings = sandbox.account("enhanced")
        assert (settings["webhooks"]["signature"], "pm_slow" in settings["instruments"]) == ("good", False)
        after = Client(sandbox, "enhanced")
        assert after.refresh(first).status_code == 401
        after.access_token, after.refresh_token = before.access_token, before.refresh_token
        assert [after.charge("INV-1").status_code, after.link("LINK-1").status_code] == [208, 208]
        assert (
            after.charge("S-2", type="reserve_settle", transaction_id="pi_reserved", amount="1.00").status_code == 400
        )
        assert len(after.rows()) == 7
        sandbox.advance(5)
        assert [delivery["event"] for delivery in sandbox.webhooks()] == ["completed"]
        assert len(sandbox.ledger()["lines"]) == len(ledger["lines"]) + 1
        assert after.refresh().status_code == 200
    with running(state=file) as sandbox:
        assert len(sandbox.ledger()["lines"]) == len(ledger["lines"]) + 1
        sandbox.advance(5)
        assert sandbox.webhooks() == []
        sandbox.reset()
        assert Client(sandbox, "enhanced").charge("INV-1").status_code == 200


def test_a_fleet_that_shares_one_pair_is_served_without_a_refusal(one_sandbox: Sandbox) -> None:
    """The arithmetic of the sandbox under load: with a lock, a fleet pays one call per renewal."""
    one_sandbox.reset()
    one_sandbox.account("short", token_life=5.0)
    shared, lock, renewed_at = Client(one_sandbox, "short"), threading.Lock(), [0.0]
    end = time.monotonic() + 1.0
    refused: list[int] = []

    def work(number: int) -> None:
        mine, sent = Client(one_sandbox, "short"), 0
        while time.monotonic() < end:
            with lock:
                if time.monotonic() - renewed_at[0] > 0.4:
                    assert shared.refresh().status_code == 200
                    renewed_at[0] = time.monotonic()
                mine.access_token = shared.access_token
            status = mine.charge(f"R-{number}-{sent}").status_code
            sent += 1
            if status != 200:
                refused.append(status)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = one_sandbox.counters()
    assert refused == []
    assert counted["refresh_tokens"]["short"]["presented_twice"] == 0
    assert counted["operations"]["refresh"] <= 5
    assert counted["operations"]["payment_service"] > 20
    assert one_sandbox.ledger()["repeated"] == []
