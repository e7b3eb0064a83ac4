"""The Reporting API: filters, pages, shapes, and the ways a page can mislead (§6)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


def references(rows: list[dict[str, Any]]) -> list[str]:
    return [row["reference_number"] for row in rows]


def test_payments_are_listed_newest_first_with_an_envelope(sandbox: Sandbox, client: Client) -> None:
    for number in range(3):
        client.charge(f"INV-{number}", amount=f"{number + 1}.00")
    body = client.report().json()
    assert (body["httpStatus"], body["status"]["statusCode"]) == (True, 200)
    assert references(body["data"]) == ["INV-2", "INV-1", "INV-0"]
    row = body["data"][0]
    assert (row["amount"], row["currency"], row["txn_type"], row["status"]) == (
        "3.00",
        "GBP",
        "TOKEN PAYMENT",
        "completed",
    )
    assert row["unique_id"] != body["data"][1]["unique_id"]
    sandbox.account("key-only", order="oldest")
    assert references(client.rows()) == ["INV-0", "INV-1", "INV-2"]
    assert Client(sandbox, "braintree").rows() == []


def test_they_are_found_by_reference_transaction_status_and_word(client: Client) -> None:
    for number in range(5):
        client.charge(f"INV-{number}")
    client.charge("INV-X", transaction_id="pm_declined")
    transaction_id = client.rows()[-1]["transaction_id"]
    assert references(client.rows(reference_number="INV-3")) == ["INV-3"]
    assert client.rows(reference_number="INV-9") == []
    assert references(client.rows(transaction_id=transaction_id)) == ["INV-0"]
    assert references(client.rows(status="failed")) == ["INV-X"]
    assert references(client.rows(search="inv-x")) == ["INV-X"]
    assert len(client.rows(search="INV-", something="unknown")) == 6


def test_dates_are_days_of_the_accounts_zone(sandbox: Sandbox, client: Client) -> None:
    sandbox.clock(to="2040-06-01T23:30:00Z")
    client.charge("INV-1")
    day = {"start_date": "2040-06-01", "end_date": "2040-06-01"}
    assert references(client.rows(**day)) == ["INV-1"]
    assert client.rows()[0]["date_time"] == "2040-06-01 23:30:00"
    sandbox.account("key-only", zone="Europe/London")
    assert client.rows(**day) == []
    assert references(client.rows(start_date="2040-06-02")) == ["INV-1"]
    assert client.rows()[0]["date_time"] == "2040-06-02 00:30:00"
    assert client.report(start_date="01/06/2040").text == "start_date is invalid: YYYY-MM-DD"
    assert client.report(page=0).status_code == 400
    assert client.report(limit="many").status_code == 400


def test_a_filter_may_be_unknown_to_the_account(sandbox: Sandbox, client: Client) -> None:
    client.charge("INV-1")
    sandbox.account("key-only", ignored_filters=["reference_number"])
    assert references(client.rows(reference_number="INV-9")) == ["INV-1"]


def test_fifty_thousand_rows_are_there_at_once(sandbox: Sandbox, client: Client) -> None:
    began = time.monotonic()
    sandbox.seed_payments("key-only", 50_000, start="2026-01-01T00:00:00+00:00", apart=60)
    assert time.monotonic() - began < 1
    client.charge("INV-1")
    first = client.rows(page=1, limit=500)
    assert (len(first), references(first)[:2]) == (100, ["INV-1", "SEED-0049999"])
    assert references(client.rows(page=501)) == ["SEED-0000000"]
    assert client.rows(page=502) == []
    day = {"start_date": "2026-01-02", "end_date": "2026-01-02"}
    assert sum(len(client.rows(page=page, **day)) for page in range(1, 17)) == 1440
    found = client.rows(reference_number="SEED-0000049")
    assert [(row["amount"], row["status"]) for row in found] == [("1.49", "failed")]
    assert references(client.rows(search="seed-0000123")) == ["SEED-0000123"]
    assert client.rows(search="SEED-") == [] == client.rows(reference_number="SEED-0050000")
    assert len(client.rows(status="failed", page=10)) == 100
    assert len({row["unique_id"] for page in range(1, 6) for row in client.rows(page=page)}) == 500


@pytest.mark.parametrize("shape", ["data", "data.data", "results", "result", "records", "list"])
def test_rows_may_be_in_different_places(sandbox: Sandbox, client: Client, shape: str) -> None:
    client.charge("INV-1")
    sandbox.account("key-only", report_shape=shape)
    body = client.report().json()
    rows = body
    for name in shape.split(".") if shape != "list" else ():
        rows = rows[name]
    assert references(rows) == ["INV-1"]
    cdrs = client.report("manage_cdr_logs").json()
    assert isinstance(cdrs, list) is (shape == "list")


def test_names_words_and_ids_may_differ(sandbox: Sandbox, client: Client) -> None:
    client.charge("INV-1", transaction_id="pm_declined")
    client.charge("INV-2")
    sandbox.account("key-only", row_names="portal", status_words="log", rows_without_ids=True)
    two, one = client.rows()
    assert (two["Reference No."], two["Total Sell Price"], two["Status"]) == ("INV-2", "10.00", "success")
    assert one["Status"] == "failed"
    assert not {"Unique ID", "TXN ID", "CDR ID", "unique_id"} & two.keys()


def test_pages_may_overlap_or_repeat(sandbox: Sandbox, client: Client) -> None:
    sandbox.account("key-only", page_overlap=1, order="oldest")
    for number in range(5):
        client.charge(f"INV-{number}")
    pages = [references(client.rows(page=page, limit=3)) for page in (1, 2, 3, 4)]
    assert pages == [["INV-0", "INV-1", "INV-2"], ["INV-2", "INV-3", "INV-4"], ["INV-4"], []]
    sandbox.account("key-only", page_overlap=0, past_the_end="repeat")
    pages = [references(client.rows(page=page, limit=3)) for page in (1, 2, 3, 4)]
    assert pages == [["INV-0", "INV-1", "INV-2"], ["INV-3", "INV-4"], ["INV-3", "INV-4"], ["INV-3", "INV-4"]]
    assert Client(sandbox, "braintree").rows(page=7) == []


def test_a_call_record_its_api_trace_and_its_webhooks(sandbox: Sandbox, client: Client) -> None:
    client.link("CALL-1", transaction_flag="0", agent_id="100", webhook_url="http://127.0.0.1:9/hook")
    sandbox.telephone("key-only", reference_id="CALL-1", ending="hangup_customer", digits=2)
    sandbox.webhooks()
    [row] = client.report("manage_cdr_logs").json()["data"]
    assert (row["originator"], row["hangFirstDir"], row["agent_id"]) == ("customer", "in", "100")
    detail = client.report("view_cdr_log", cdr_id=row["cdr_id"]).json()["data"]
    assert detail == {**row, "hangOutCause": "Normal clearing"}
    [trace] = client.report("view_api_details_cdr", cdr_id=row["cdr_id"]).json()["data"]
    assert trace["request_params"]["reference_id"] == "CALL-1"
    assert trace["actual_response"]["httpStatus"] is True
    log = client.report("webhook_request_data", cdr_id=int(row["cdr_id"])).json()["data"]
    assert {(one["status"], one["http_code"]) for one in log} == {("fail", 0)}
    for path in ("view_cdr_log", "view_api_details_cdr", "webhook_request_data"):
        assert client.report(path).text == "cdr_id is required"
        assert client.report(path, cdr_id="12").json()["httpStatus"] is False
        assert Client(sandbox, "braintree").report(path, cdr_id=row["cdr_id"]).status_code == 400
    sandbox.seed_payments("key-only", 10)
    seeded = client.report("manage_cdr_logs", page=2, limit=1).json()["data"][0]
    assert client.report("view_cdr_log", cdr_id=seeded["cdr_id"]).json()["data"]["reference_number"] == "SEED-0000009"


def test_json_only_keys_and_a_licence(sandbox: Sandbox, client: Client) -> None:
    asked = {"data": {"page": "1"}}, {"content": b"{"}, {"content": b"[1]"}
    for wrong in asked:
        assert client.http.post("/api/payment_taken", headers=client.headers(), **wrong).status_code == 400
    assert client.http.post("/api/payment_taken", headers=client.headers()).json()["data"] == []
    assert client.http.post("/api/payment_taken", json={}).status_code == 401
    sandbox.account("key-only", licensed=False)
    assert client.report().json()["status"]["statusCode"] == 401
