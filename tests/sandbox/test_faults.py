"""Every fault: what the client sees, and whether money moved behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_paygate.sandbox import faults
from tests.sandbox.merchant import Merchant, payout

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


def send(merchant: Merchant, sender_id: str = "INV-1") -> httpx.Response:
    sealed = merchant.sealed(payout(sender_id))
    return merchant.http.post(merchant.paths["initiate"], json=sealed, headers=merchant.bearer())


def executions(sandbox: Sandbox) -> int:
    return int(sandbox.ledger()["totals"]["count"])


@pytest.mark.parametrize(
    ("fault", "status", "executed"),
    [
        ("http_500", 500, 0),
        ("http_502_html", 502, 0),
        ("http_404", 404, 0),
        ("throttle_429", 429, 0),
        ("redirect", 302, 0),
        ("html_200", 200, 1),
        ("empty_body", 200, 1),
        ("code_4290", 429, 0),
        ("unknown_code", 400, 0),
        ("duplicate", 422, 0),
        ("token_expired", 401, 0),
        ("undecryptable", 200, 1),
        ("wrong_envelope", 200, 1),
        ("other_amount", 200, 1),
        ("other_id", 200, 1),
    ],
)
def test_an_answer_that_is_wrong(sandbox: Sandbox, merchant: Merchant, fault: str, status: int, executed: int) -> None:
    sandbox.fault("initiate", fault)
    assert send(merchant).status_code == status
    assert executions(sandbox) == executed
    merchant.forget()
    assert send(merchant, "INV-2").json()["resp_code"] == 2000


@pytest.mark.parametrize(("fault", "executed"), [("reset_after", 1), ("reset_before", 0)])
def test_the_connection_is_really_reset(sandbox: Sandbox, merchant: Merchant, fault: str, executed: int) -> None:
    assert merchant.token
    sandbox.fault("initiate", fault)
    with pytest.raises(httpx.ReadError, match="reset"):
        send(merchant)
    assert executions(sandbox) == executed


@pytest.mark.parametrize(("fault", "executed"), [("timeout_after", 1), ("timeout_before", 0)])
def test_the_answer_never_comes(sandbox: Sandbox, merchant: Merchant, fault: str, executed: int) -> None:
    assert merchant.token
    sandbox.fault("initiate", fault)
    merchant.http.timeout = httpx.Timeout(0.15)
    with pytest.raises(httpx.ReadTimeout):
        send(merchant)
    assert executions(sandbox) == executed


def test_or_it_comes_late(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "timeout_after", seconds=0.05)
    assert send(merchant).json()["resp_code"] == 2000
    sandbox.fault("initiate", "timeout_before", seconds=0.05)
    assert send(merchant, "INV-2").status_code == 504
    sandbox.fault("initiate", "slow", seconds=0.05)
    assert send(merchant, "INV-3").elapsed.total_seconds() >= 0.05
    assert executions(sandbox) == 2


@pytest.mark.parametrize("fault", ["http_500", "http_502_html", "http_404", "duplicate", "unknown_code", "code_4290"])
def test_a_refusing_answer_may_hide_an_execution(sandbox: Sandbox, merchant: Merchant, fault: str) -> None:
    sandbox.fault("initiate", fault, executes=True)
    assert send(merchant).status_code >= 400
    assert executions(sandbox) == 1
    assert merchant.status("INV-1").code == 2000


@pytest.mark.parametrize("fault", ["html_200", "empty_body", "undecryptable", "wrong_envelope", "other_amount"])
def test_and_a_broken_success_may_hide_that_nothing_happened(sandbox: Sandbox, merchant: Merchant, fault: str) -> None:
    sandbox.fault("initiate", fault, executes=False)
    assert send(merchant).status_code == 200
    assert executions(sandbox) == 0


def test_a_success_that_names_another_payment(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "other_amount")
    assert merchant.pay("INV-1", amount="10.00").data["amount"] == "11.00"
    sandbox.fault("status", "other_amount", amount="7.00")
    assert merchant.status("INV-1").data["amount"] == "7.00"
    sandbox.fault("status", "other_id", sender_id="INV-9")
    assert merchant.status("INV-1").data["sender_id"] == "INV-9"
    assert merchant.status("INV-1").data["sender_id"] == "INV-1"


def test_what_cannot_be_decrypted_cannot_be_decrypted(sandbox: Sandbox) -> None:
    for name in ("docs-v1", "v2"):
        merchant = Merchant(sandbox, name)
        sandbox.fault("initiate", "undecryptable")
        with pytest.raises(ValueError, match=r"blocks|tag"):
            merchant.cipher.decrypt(send(merchant).json()["data"])


def test_the_other_envelope_says_the_same(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "wrong_envelope")
    assert send(merchant).json()["respCode"] == 2000
    sandbox.fault("auth", "wrong_envelope")
    merchant.forget()
    assert merchant.ask_token().body["resp_code"] == 2000


def test_a_token_refused_in_mid_flight_stays_refused(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "token_expired")
    for _ in range(2):
        heard = merchant.pay("INV-1")
        assert (heard.status, heard.message) == (401, "Unauthorized – invalid or expired token")
    merchant.forget()
    assert merchant.pay("INV-1").code == 2000


def test_stale_reads_hide_a_payout_for_a_while(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "stale", seconds=30, times=1)
    merchant.pay("INV-1")
    merchant.pay("INV-2")
    assert (merchant.status("INV-1").code, merchant.status("INV-2").code) == (4103, 2000)
    sandbox.advance(30)
    assert merchant.status("INV-1").code == 2000
    sandbox.fault("status", "stale", seconds=100)
    assert (merchant.status("INV-1").code, merchant.status("INV-2").code) == (4103, 4103)
    sandbox.advance(70)
    assert merchant.status("INV-1").code == 2000


def test_a_lost_answer_and_a_stale_read_go_together(sandbox: Sandbox, merchant: Merchant) -> None:
    assert merchant.token
    sandbox.fault("initiate", "reset_after")
    sandbox.fault("initiate", "stale", seconds=30, times=1)
    with pytest.raises(httpx.ReadError):
        send(merchant)
    assert (executions(sandbox), merchant.status("INV-1").code) == (1, 4103)
    sandbox.advance(30)
    assert merchant.status("INV-1").code == 2000


def test_stale_collections_too(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("collection_initiate", "stale", seconds=30)
    merchant.collect("C-1")
    assert merchant.collection("C-1").code == 4104
    sandbox.advance(30)
    assert merchant.collection("C-1").code == 2000


def test_faults_are_counted_aimed_and_delayed(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "http_500", times=2, after=1, match={"merchant": "docs-v1", "payment_mode": "IMPS"})
    sandbox.fault("any", "http_404", match={"sender_id": "INV-9"})
    assert [send(merchant, f"INV-{number}").status_code for number in range(5)] == [200, 500, 500, 200, 200]
    assert send(merchant, "INV-9").status_code == 404
    sandbox.fault("status", "http_500", times=None)
    assert [merchant.status("INV-0").status for _ in range(3)] == [500, 500, 500]
    sandbox.clear_faults()
    assert merchant.status("INV-0").status == 200


@pytest.mark.parametrize("operation", ["auth", "status", "balance", "collection_initiate", "collection_status"])
@pytest.mark.parametrize(
    "fault", sorted(set(faults.of("paywize")) - {"timeout_before", "reset_before", "reset_after", "slow"})
)
def test_every_fault_can_hit_every_operation(sandbox: Sandbox, merchant: Merchant, operation: str, fault: str) -> None:
    assert merchant.token
    sandbox.fault(operation, fault, times=1, seconds=0.01)
    path = merchant.paths[operation]
    if operation in ("auth", "collection_initiate"):
        body = merchant.sealed({"apiKey": merchant.keys["api_key"], "secretKey": merchant.secret})
        response = merchant.http.post(path, json=body, headers=merchant.bearer())
    else:
        response = merchant.http.get(path, params={"wallet_id": "8109039352"}, headers=merchant.bearer())
    assert response.status_code in {200, 302, 400, 401, 404, 422, 429, 500, 502, 503, 504}
    counted = {count["outcome"] for count in sandbox.counters()["requests"] if count["operation"] == operation}
    assert fault in counted or fault == "stale"


def test_details_of_an_answer_can_be_given(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.fault("initiate", "throttle_429", retry_after=3)
    assert send(merchant).headers["retry-after"] == "3"
    sandbox.fault("initiate", "redirect", status=301, location="/paywize/payout/v1/initiate/")
    moved = send(merchant)
    assert (moved.status_code, moved.headers["location"]) == (301, "/paywize/payout/v1/initiate/")
    sandbox.fault("initiate", "unknown_code", code=4321, message="Something new", status=418)
    heard = merchant.pay("INV-1")
    assert (heard.status, heard.code, heard.message) == (418, 4321, "Something new")


@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": "initiate", "fault": "explode"},
        {"operation": "transfer", "fault": "http_500"},
        {"operation": "initiate", "fault": "http_500", "colour": "red"},
        {"operation": "initiate", "fault": "slow", "seconds": "ten"},
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_a_sentence(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    response = httpx.post(f"{sandbox.url}/_sandbox/faults", json=wrong)
    assert response.status_code == 400
    assert response.json()["error"]
