"""`/api/payment_service`: links, checkouts, calls, stored instruments, bank payouts, and each refusal (§3, §5)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


def amounts(sandbox: Sandbox) -> list[str]:
    return [line["amount"] for line in sandbox.ledger()["lines"]]


def test_a_link_moves_money_when_the_customer_pays(sandbox: Sandbox, client: Client) -> None:
    body = client.link("INV-1").json()
    assert (body["httpStatus"], body["reference_id"], body["status"]["statusCode"]) == (True, "INV-1", 200)
    assert body["linktopay_url"] == body["web_payment_form"]
    assert "waiting" in httpx.get(body["linktopay_url"]).text
    assert (amounts(sandbox), client.rows()) == ([], [])
    sandbox.advance(5)
    assert amounts(sandbox) == ["10.00"]
    assert [(row["reference_number"], row["amount"], row["status"]) for row in client.rows()] == [
        ("INV-1", "10.00", "completed")
    ]


def test_an_emailed_link_is_not_returned(sandbox: Sandbox, client: Client) -> None:
    withheld = client.link("INV-1", email="asha@example.com").json()
    assert {"linktopay_url", "web_payment_form"} & withheld.keys() == set()
    assert "linktopay_url" in client.link("INV-2", email="asha@example.com", send_email="0").json()
    sandbox.account("key-only", emailed_link_returned=True)
    returned = client.link("INV-3", email="asha@example.com").json()
    assert "linktopay_url" in returned
    assert "web_payment_form" not in returned


@pytest.mark.parametrize(
    ("description", "status"), [("FAIL", "failed"), ("CANCEL", "cancelled"), ("TIMEOUT", "timeout"), ("UNPAID", None)]
)
def test_a_description_decides_what_the_customer_does(
    sandbox: Sandbox, client: Client, description: str, status: str | None
) -> None:
    client.link("INV-1", description=description, transaction_flag="8")
    sandbox.advance(5)
    assert [row["status"] for row in client.rows()] == ([status] if status else [])
    assert amounts(sandbox) == []
    sandbox.move_payment("completed", reference_number="INV-1")
    assert amounts(sandbox) == ["10.00"]


def test_a_repeated_reference_is_208(sandbox: Sandbox, client: Client) -> None:
    assert client.charge("INV-1").status_code == 200
    again = client.charge("INV-1")
    assert (again.status_code, again.text) == (208, "Duplicate reference: reference_number has already been used")
    assert [client.link("INV-1").status_code, client.payout("INV-1").status_code] == [208, 208]
    assert amounts(sandbox) == ["10.00"]
    assert client.link("INV-2", reference_id="INV-1").status_code == 200
    sandbox.account("key-only", dedupe=["reference_number", "reference_id"])
    assert client.link("INV-3", reference_id="INV-1").status_code == 208
    sandbox.account("key-only", dedupe=[])
    assert client.charge("INV-1").status_code == 200
    assert sandbox.ledger()["repeated"] == [{"merchant": "key-only", "sender_id": "INV-1", "executions": 2}]


def test_what_was_refused_may_be_sent_again_what_was_declined_not(sandbox: Sandbox, client: Client) -> None:
    assert client.charge("INV-1", amount="10").status_code == 400
    assert client.charge("INV-1").status_code == 200
    assert client.charge("INV-2", transaction_id="pm_declined").status_code == 200
    assert client.charge("INV-2").status_code == 208
    sandbox.account("key-only", declined_used_up=False)
    client.charge("INV-3", transaction_id="pm_declined")
    assert client.charge("INV-3").status_code == 200


def test_a_charge_says_in_its_status_whether_it_was_taken(sandbox: Sandbox, client: Client) -> None:
    taken = client.charge("INV-1").json()
    declined = client.charge("INV-2", transaction_id="cus_declined")
    assert (taken["status"], taken["amount"], taken["reference_number"]) == ("completed", "10.00", "INV-1")
    assert (declined.status_code, declined.json()["status"]) == (200, "failed")
    sandbox.account("key-only", charge_answer="envelope")
    assert client.charge("INV-3").json()["status"]["statusCode"] == 200
    refused = client.charge("INV-4", transaction_id="pm_declined").json()
    assert (refused["httpStatus"], refused["status"]["statusCode"]) == (False, 400)
    assert amounts(sandbox) == ["10.00", "10.00"]
    assert [row["status"] for row in client.rows()] == ["failed", "completed", "failed", "completed"]


@pytest.mark.parametrize(("card", "status"), [("pm_slow", "completed"), ("pm_slow_declined", "failed")])
def test_a_charge_may_take_its_time(sandbox: Sandbox, client: Client, card: str, status: str) -> None:
    assert client.charge("INV-1", transaction_id=card).json()["status"] == "pending"
    assert client.rows()[0]["status"] == "pending"
    sandbox.advance(5)
    assert client.rows()[0]["status"] == status
    totals = sandbox.ledger()["totals"]
    assert (totals["amount"], totals["refunded"]) == ("10.00", "0.00" if status == "completed" else "10.00")


def test_a_reserve_is_settled_once_or_released(sandbox: Sandbox, client: Client) -> None:
    def settle(reference: str, name: str, amount: str) -> httpx.Response:
        return client.charge(reference, type="reserve_settle", transaction_id=name, amount=amount)

    assert "no more than the 100.00" in settle("S-1", "pi_reserved", "100.01").text
    assert settle("S-1", "pi_reserved", "99.50").json()["transaction_id"] == "pi_reserved"
    assert settle("S-2", "pi_reserved", "0.50").text == "transaction_id pi_reserved is settled"
    assert client.service(type="remove", transaction_id="pi_reserved_too").status_code == 200
    assert settle("S-3", "pi_reserved_too", "1.00").text == "transaction_id pi_reserved_too is released"
    assert settle("S-4", "pi_expired", "1.00").status_code == 400
    sandbox.account("key-only", instruments={"pi_mine": {"kind": "reserve", "amount": "5.00"}})
    assert settle("S-5", "pi_mine", "5.00").status_code == 200
    assert amounts(sandbox) == ["99.50", "5.00"]


def test_subscriptions_are_updated_and_cancelled(sandbox: Sandbox, client: Client) -> None:
    def change(**fields: str) -> httpx.Response:
        return client.service(**{"type": "update", "subscription": "sub_sched_active", **fields})

    fields = {"interval": "monthly", "intervalcount": "3", "intervalfrequency": "2", "start_date": "2026-08-01"}
    assert change(**fields).status_code == 200
    assert sandbox.account("key-only")["instruments"]["sub_sched_active"]["intervalcount"] == "3"
    both = change(**fields, end_date="2027-01-01")
    assert both.text == "intervalfrequency and end_date cannot be used together"
    for wrong in ({"interval": "hourly"}, {"intervalcount": "0"}, {"end_date": "31/12/2026"}, {"start_date": "x"}):
        assert change(**wrong).status_code == 400
    assert change(type="cancel").status_code == 200
    assert change().status_code == 400
    assert change(subscription="sub_cancelled").status_code == 400
    assert client.service(type="cancel").status_code == 400


def test_a_bank_payout_goes_to_a_stored_account(sandbox: Sandbox, client: Client) -> None:
    assert client.payout("PAY-1").json()["status"] == "completed"
    assert client.payout("PAY-2", bank_token="bank_declined").json()["status"] == "pending"
    sandbox.advance(5)
    assert sandbox.ledger()["totals"]["refunded"] == "10.00"
    assert client.payout("PAY-3", bank_token="nobody").text == "a stored bank token is required"
    assert client.payout("PAY-4", product="").status_code == 400
    assert client.payout("PAY-5", reference_id="").text == "reference_id is required"
    got = client.service(product="bank", action="retrieve", token="bank_ok", reference_id="R-1").json()
    assert got["bank_token"] == "bank_ok"
    assert client.service(product="bank", action="remove", token="bank_ok").status_code == 200
    assert client.payout("PAY-6").status_code == 400
    assert client.service(product="bank", action="create").status_code == 400


def test_a_telephone_payment_gives_the_agents_frame(sandbox: Sandbox, client: Client) -> None:
    asked = {"transaction_flag": "0", "agent_id": "100"}
    url = client.link("CALL-1", **asked).json()["url"]
    parts = url.split("/")[-2:]
    assert "/thirdparty/embededurl/" in url
    assert base64.b64decode(parts[0]).isdigit()
    assert base64.b64decode(parts[1]) == b"CALL-1"
    assert client.link("CALL-2", **{**asked, "transaction_flag": "1"}).status_code == 400
    assert client.link("CALL-2", **{**asked, "transaction_flag": "1", "amount": "0.00"}).status_code == 200
    assert client.link("CALL-3", **{**asked, "transaction_flag": "2"}).text == "reserve_amount is required"
    assert client.link("CALL-3", **{**asked, "transaction_flag": "3", "reserve_amount": "5.00"}).status_code == 200
    assert client.link("CALL-4", **{**asked, "transaction_flag": "5", "interval": "weekly"}).status_code == 200
    assert client.link("CALL-5", **{**asked, "transaction_flag": "7"}).status_code == 200
    braintree = Client(sandbox, "braintree")
    assert braintree.link("CALL-5", **{**asked, "transaction_flag": "7"}).text == "a rolling reserve needs Stripe"
    rights = client.link("CALL-6", **{**asked, "transaction_flag": "3", "agent_id": "101", "reserve_amount": "5.00"})
    assert rights.json() == {
        "httpStatus": False,
        "reference_id": "CALL-6",
        "status": {
            "statusCode": 400,
            "statusDescription": "The agent does not have the right to the transaction type 3",
        },
    }
    for agent in ("", "abc", "1234567", "999"):
        assert client.link("CALL-7", **{**asked, "agent_id": agent}).status_code == 400


def test_braintrees_three_cases(sandbox: Sandbox) -> None:
    client = Client(sandbox, "braintree")

    def charge(reference: str, **fields: str) -> tuple[int, str]:
        response = client.charge(reference, **fields)
        return response.status_code, response.text

    assert charge("B-1", gateway_customer_control="2")[1].endswith("{0,1}")
    assert charge("B-1", gateway_customer_control="1")[1].startswith("gateway_customer_id is required")
    taken = {"gateway_customer_control": "1", "gateway_customer_id": "existing-customer"}
    assert charge("B-1", **taken)[1].startswith("gateway_customer_id already exists")
    new = {"gateway_customer_control": "1", "gateway_customer_id": "new-customer"}
    assert [charge("B-1", **new)[0], charge("B-2", **new)[0]] == [200, 400]
    assert charge("B-3", gateway_customer_control="0")[0] == 200
    assert Client(sandbox).charge("B-1", gateway_customer_control="2").status_code == 200


@pytest.mark.parametrize("amount", ["10", "10.0", "10.000", "1,000.00", "-1.00", "0.00", "ten", "", "£10.00"])
def test_amounts_have_two_places(client: Client, amount: str) -> None:
    for response in (client.link("INV-1", amount=amount), client.charge("INV-1", amount=amount)):
        assert response.status_code == 400
        assert response.text.startswith("amount is ")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "1.00"}, "transaction_flag is required"),
        ({"transaction_flag": "6"}, "not available yet"),
        ({"transaction_flag": "12"}, "transaction_flag is invalid"),
        ({"type": "refund"}, "type is invalid"),
        ({"type": "store_payment"}, "transaction_id is required"),
        ({"type": "store_payment", "transaction_id": "pi_reserved"}, "transaction_id is invalid"),
        ({"transaction_flag": "4", "amount": "1.00"}, "reference_id is required"),
        ({"transaction_flag": "4", "amount": "1.00", "reference_id": "A"}, "reference_number is required"),
        ({"type": "store_payment", "transaction_id": "pm_ok", "amount": "1.00", "currency": "pounds"}, "currency is"),
    ],
)
def test_a_refusal_names_the_field(client: Client, fields: dict[str, str], said: str) -> None:
    response = client.service(**fields)
    assert response.status_code == 400
    assert said in response.text
    assert response.headers["x-request-id"]


def test_multipart_unless_the_account_tolerates_a_form(sandbox: Sandbox, client: Client) -> None:
    fields = {"type": "store_payment", "transaction_id": "pm_ok", "amount": "10.00", "reference_number": "INV-1"}

    def post(**how: Any) -> int:
        return client.http.post("/api/payment_service", headers=client.headers(), **how).status_code

    assert [post(data=fields), post(json=fields), post(content=b"")] == [400, 400, 400]
    sandbox.account("key-only", urlencoded=True)
    assert [post(data=fields), post(json=fields)] == [200, 400]
    # What comes with a file name is a file to a PHP service, not a field.
    assert post(files={name: ("field.txt", value) for name, value in fields.items()}) == 400
    assert client.charge("INV-2", description='Quotes "and" ümlauts\r\nin two lines').status_code == 200
    assert sandbox.payments()[-1]["reference_number"] == "INV-2"


def test_verbs_and_paths(sandbox: Sandbox, client: Client) -> None:
    for path in ("payment_service", "authorize", "payment_taken"):
        assert client.http.get(f"/api/{path}", headers=client.headers()).status_code == 405
    assert client.http.get("/api/refunds").status_code == 404
    assert client.http.get("/pay/999999").status_code == 404


def test_errors_in_other_shapes(sandbox: Sandbox, client: Client) -> None:
    client.charge("INV-1")
    sandbox.account("key-only", error_shape="envelope")
    duplicate = client.charge("INV-1")
    assert (duplicate.status_code, duplicate.json()["status"]["statusCode"]) == (208, 208)
    sandbox.account("key-only", always_200=True)
    refused = client.charge("INV-2", amount="1")
    assert (refused.status_code, refused.json()["httpStatus"]) == (200, False)
    counted = sandbox.counters()["requests"]
    assert {"merchant": "key-only", "operation": "payment_service", "outcome": "400", "count": 1} in counted
