"""Faults on Paytia's calls: what the client sees, and whether money moved or a token was used up behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_paygate.sandbox import faults
from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox

PATHS = {
    "authorize": "authorize",
    "refresh": "refresh_token",
    "payments_taken": "payment_taken",
    "cdr_logs": "manage_cdr_logs",
    "cdr": "view_cdr_log",
    "cdr_api_details": "view_api_details_cdr",
    "webhook_log": "webhook_request_data",
}


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, "enhanced")


def executions(sandbox: Sandbox) -> int:
    return int(sandbox.ledger()["totals"]["count"])


@pytest.mark.parametrize(
    ("fault", "status", "executed"),
    [
        ("http_500", 500, 0),
        ("http_502_html", 502, 0),
        ("http_503", 503, 0),
        ("http_504", 504, 0),
        ("http_404", 404, 0),
        ("throttle_429", 429, 0),
        ("redirect", 302, 0),
        ("html_200", 200, 1),
        ("empty_body", 200, 1),
        ("http_status_false", 200, 0),
        ("plain_error", 400, 0),
        ("unknown_code", 400, 0),
        ("duplicate", 208, 0),
        ("token_expired", 401, 0),
        ("other_amount", 200, 1),
        ("other_id", 200, 1),
    ],
)
def test_an_answer_that_is_wrong(sandbox: Sandbox, client: Client, fault: str, status: int, executed: int) -> None:
    sandbox.fault("payment_service", fault)
    assert client.charge("INV-1").status_code == status
    assert executions(sandbox) == executed
    client.authorize()
    assert client.charge("INV-2").json()["status"] == "completed"


def test_each_may_hide_an_execution(sandbox: Sandbox, client: Client) -> None:
    for number, fault in enumerate(("http_500", "http_503", "http_504", "http_status_false", "plain_error")):
        sandbox.fault("payment_service", fault, executes=True)
        client.charge(f"INV-{number}")
        assert executions(sandbox) == number + 1


@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_a_lost_answer_and_208_on_the_retry(sandbox: Sandbox, client: Client, fault: str) -> None:
    sandbox.fault("payment_service", fault)
    with pytest.raises(httpx.ReadError, match="reset"):
        client.charge("INV-1")
    lost = fault == "reset_after"
    assert client.charge("INV-1").status_code == (208 if lost else 200)
    assert executions(sandbox) == 1
    assert sandbox.ledger()["repeated"] == []


def test_an_answer_that_never_comes_or_comes_late(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("payment_service", "timeout_after")
    client.http.timeout = httpx.Timeout(0.15)
    with pytest.raises(httpx.ReadTimeout):
        client.charge("INV-1")
    assert client.charge("INV-1").status_code == 208
    sandbox.fault("payment_service", "slow", seconds=0.05)
    assert client.charge("INV-2").elapsed.total_seconds() >= 0.05
    sandbox.fault("payment_service", "timeout_before", seconds=0.02)
    assert client.charge("INV-3").status_code == 504


def test_a_refresh_whose_answer_is_lost_has_rotated(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("refresh", "reset_after")
    with pytest.raises(httpx.ReadError):
        client.refresh()
    assert client.refresh().status_code == 401
    assert sandbox.counters()["refresh_tokens"]["enhanced"] == {"presented": 2, "presented_twice": 1, "used_twice": 1}
    assert client.charge("INV-1").status_code == 200  # the old access token lives on
    assert client.authorize().status_code == 200


def test_one_that_never_arrived_has_not(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("refresh", "reset_before")
    with pytest.raises(httpx.ReadError):
        client.refresh()
    assert client.refresh().status_code == 200
    assert sandbox.counters()["refresh_tokens"]["enhanced"] == {"presented": 2, "presented_twice": 1, "used_twice": 0}


def test_a_token_refused_in_mid_flight_stays_refused(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("payment_service", "token_expired")
    assert [client.charge("INV-1").status_code for _ in range(2)] == [401, 401]
    client.refresh()
    assert client.charge("INV-1").status_code == 200


def test_errors_come_as_text_envelope_or_page(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("payment_service", "http_503", message="Gateway down")
    assert client.charge("INV-1").text == "Gateway down"
    sandbox.fault("payment_service", "plain_error", message="amount is wrong", status=422)
    assert client.charge("INV-1").status_code == 422
    sandbox.fault("payment_service", "http_status_false", message="No rights", code=400)
    assert client.charge("INV-1", reference_id="R-1").json() == {
        "httpStatus": False,
        "reference_id": "R-1",
        "status": {"statusCode": 400, "statusDescription": "No rights"},
    }
    sandbox.fault("payment_service", "http_502_html")
    assert client.charge("INV-1").headers["content-type"].startswith("text/html")


def test_an_answer_that_names_another_payment(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("payment_service", "other_amount")
    assert client.charge("INV-1").json()["amount"] == "11.00"
    sandbox.fault("payments_taken", "other_amount", amount="7.00")
    assert client.rows()[0]["amount"] == "7.00"
    sandbox.fault("payments_taken", "other_id")
    assert client.rows()[0]["reference_number"] == "OTHER-INV-1"


def test_stale_reports_hide_a_payment_for_a_while(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("payment_service", "stale", seconds=30, times=1)
    client.charge("INV-1")
    client.charge("INV-2")
    assert [row["reference_number"] for row in client.rows()] == ["INV-2"]
    sandbox.advance(30)
    assert len(client.rows()) == 2
    sandbox.fault("payments_taken", "stale", seconds=100)
    assert client.rows() == []
    sandbox.advance(70)
    assert len(client.rows()) == 2


def test_faults_are_aimed_by_gateway_account_and_field(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("any", "http_status_false", match={"account": "enhanced"}, times=None)
    sandbox.fault("payment_service", "http_500", match={"reference_number": "INV-9"}, times=None)
    assert client.charge("INV-1").json()["httpStatus"] is False
    assert Client(sandbox).charge("INV-1").json()["httpStatus"] is True
    assert Client(sandbox).charge("INV-9").status_code == 500
    for operation, fault in (("payment_service", "undecryptable"), ("initiate", "http_status_false")):
        with pytest.raises(ValueError, match=f"fault is, for {operation}, one of"):
            sandbox.fault(operation, fault)


@pytest.mark.parametrize("operation", sorted(PATHS))
@pytest.mark.parametrize(
    "fault", sorted(set(faults.of("paytia")) - {"timeout_before", "reset_before", "reset_after", "slow"})
)
def test_every_fault_can_hit_every_operation(sandbox: Sandbox, client: Client, operation: str, fault: str) -> None:
    sandbox.fault(operation, fault, times=1, seconds=0.01)
    fields = {**client.credentials, "refresh_token": client.refresh_token}
    response = client.http.post(f"/api/{PATHS[operation]}", content=json.dumps(fields), headers=client.headers())
    assert response.status_code in {200, 208, 302, 400, 401, 404, 429, 500, 502, 503, 504}
    counted = {count["outcome"] for count in sandbox.counters()["requests"] if count["operation"] == operation}
    assert fault in counted or fault == "stale"
