"""Payout initiate, status and balance: each refusal with its documented words, in the documented order (§1.4–1.6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.merchant import Merchant, payout

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


def test_an_accepted_payout_is_initiated_debited_and_in_the_ledger(sandbox: Sandbox, merchant: Merchant) -> None:
    heard = merchant.pay("INV-1", amount="1250.50")
    assert (heard.status, heard.code, heard.message) == (200, 2000, "Payout request created successfully")
    assert heard.data["status"] == "INITIATED"
    assert heard.data["status_message"] == "Payment initiated"
    assert heard.data["amount"] == "1250.50"
    assert heard.data["beneficiary"]["beneficiary_acc_number"] == "000123456789"
    assert heard.data["timestamps"]["created_at"].endswith("Z")
    assert "utr_number" not in heard.data
    assert heard.data["transaction_id"].startswith("PAY")
    assert merchant.balance() == "99998749.50"
    [line] = sandbox.ledger(sender_id="INV-1")["lines"]
    assert (line["amount"], line["account"], line["mode"]) == ("1250.50", "000123456789", "IMPS")
    assert line["transaction_id"] == heard.data["transaction_id"]


@pytest.mark.parametrize("amount", ["1000.00", "1000", "1000.1", 1000, 1000.1])
def test_amounts_may_be_text_or_numbers(sandbox: Sandbox, merchant: Merchant, amount: Any) -> None:
    heard = merchant.pay("INV-1", amount=amount)
    assert heard.data["amount"] == ("1000.10" if str(amount).endswith(".1") else "1000.00")


def test_a_nested_beneficiary_is_as_good_as_a_flat_one(merchant: Merchant) -> None:
    flat = payout("INV-1")
    nested = {name: value for name, value in flat.items() if not name.startswith("beneficiary_")}
    nested["beneficiary"] = {name: value for name, value in flat.items() if name.startswith("beneficiary_")}
    heard = merchant.post(merchant.paths["initiate"], nested)
    assert heard.data["beneficiary"] == nested["beneficiary"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": None}, "amount is required"),
        ({"amount": "0"}, "amount must be a positive number with at most 2 decimals"),
        ({"amount": "1.234"}, "amount must be a positive number with at most 2 decimals"),
        ({"amount": "-5"}, "amount must be a positive number with at most 2 decimals"),
        ({"amount": True}, "amount must be a positive number with at most 2 decimals"),
        ({"wallet_id": None}, "wallet_id is required"),
        ({"remarks": ""}, "remarks is required"),
        ({"beneficiary_acc_number": 123456}, "beneficiary_acc_number must be a string"),
        ({"beneficiary_ifsc": "hdfc0001234"}, "beneficiary_ifsc must be a valid IFSC of 11 characters"),
        ({"beneficiary_name": "x" * 41}, "beneficiary_name must not exceed 40 characters"),
        ({"payment_mode": "UPI"}, "payment_mode must be one of IMPS, NEFT, RTGS"),
        ({"remarks": "x" * 21}, "remarks must not exceed 20 characters"),
        ({"sender_id": "x" * 39}, "sender ID must not exceed 38 characters"),
        ({"sender_id": "with blank"}, "Invalid or Duplicate Sender ID"),
    ],
)
def test_a_bad_field_is_4002(sandbox: Sandbox, merchant: Merchant, fields: dict[str, Any], message: str) -> None:
    heard = merchant.pay(**{"sender_id": "INV-1", **fields})
    assert (heard.status, heard.code, heard.message) == (422, 4002, message)
    assert sandbox.ledger()["lines"] == []


def test_a_repeated_sender_id_is_refused_and_moves_nothing(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.pay("INV-1")
    for again in (merchant.pay("INV-1"), merchant.pay("INV-1", amount="5.00", wallet_id="nowhere")):
        assert (again.code, again.message) == (4002, "Invalid or Duplicate Sender ID")
    assert sandbox.ledger()["totals"]["count"] == 1


def test_of_many_at_once_exactly_one_is_executed(sandbox: Sandbox, merchant: Merchant) -> None:
    assert merchant.token
    with ThreadPoolExecutor(16) as threads:
        codes = list(threads.map(lambda _: merchant.pay("INV-1").code, range(32)))
    assert sorted(codes) == [2000] + [4002] * 31
    assert sandbox.ledger()["totals"] == {"count": 1, "amount": "1000.00", "sender_ids": 1, "refunded": "0.00"}


def test_without_dedupe_a_client_that_repeats_is_exposed(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    merchant.pay("INV-1")
    merchant.pay("INV-1")
    assert sandbox.ledger()["repeated"] == [{"merchant": "docs-v1", "sender_id": "INV-1", "executions": 2}]


@pytest.mark.parametrize("used_up", [False, True])
def test_whether_a_refused_id_is_used_up_is_a_setting(sandbox: Sandbox, merchant: Merchant, used_up: bool) -> None:
    sandbox.merchant("docs-v1", refused_ids_used_up=used_up)
    assert merchant.pay("INV-1", wallet_id="nowhere").code == 4023
    assert merchant.pay("INV-1").code == (4002 if used_up else 2000)
    assert merchant.status("INV-1").code == (4103 if used_up else 2000)


@pytest.mark.parametrize(
    ("fields", "code", "status", "message"),
    [
        ({"wallet_id": "PAYWIZE1234567O"}, 4023, 404, "Missing or Invalid Wallet ID"),
        ({"payment_mode": "IMPS"}, 4003, 403, "No commercial configuration for this merchant/payment mode"),
        ({"amount": "10000.01"}, 4003, 403, "Transaction limit exceeded"),
        ({"amount": "99.99"}, 4003, 403, "Transaction amount below the minimum limit"),
        ({"payment_mode": "RTGS"}, 4024, 400, "RTGS not supported for this wallet_id"),
        ({"wallet_id": "PAYWIZEEMPTY0001"}, 4000, 400, "Insufficient Balance in the wallet"),
    ],
)
def test_the_account_says_no(sandbox: Sandbox, fields: dict[str, Any], code: int, status: int, message: str) -> None:
    heard = Merchant(sandbox, "limits").pay("INV-1", **{"payment_mode": "NEFT", **fields})
    assert (heard.code, heard.status, heard.message) == (code, status, message)
    assert sandbox.ledger()["lines"] == []


def test_rtgs_has_a_floor_and_every_mode_a_ceiling(merchant: Merchant) -> None:
    low = merchant.pay("INV-1", payment_mode="RTGS", amount="199999.99")
    assert (low.code, low.message) == (4025, "RTGS only for ₹2,00,000 and above")
    assert merchant.pay("INV-2", payment_mode="RTGS", amount="200000.00").code == 2000
    assert merchant.pay("INV-3", payment_mode="IMPS", amount="500000.01").message == "Transaction limit exceeded"


def test_the_daily_limit_is_an_indian_day(sandbox: Sandbox) -> None:
    sandbox.clock(to="2030-01-01T12:00:00+05:30")
    limits = Merchant(sandbox, "limits")
    for number in (1, 2):
        assert limits.pay(f"INV-{number}", payment_mode="NEFT", amount="10000.00").code == 2000
    heard = limits.pay("INV-3", payment_mode="NEFT", amount="10000.00")
    assert (heard.code, heard.message, heard.status) == (4013, "Daily Limit reached", 422)
    sandbox.clock(to="2030-01-02T00:00:00+05:30")
    limits.forget()
    assert limits.pay("INV-3", payment_mode="NEFT", amount="10000.00").code == 2000


def test_what_cannot_be_read_is_told_apart(merchant: Merchant) -> None:
    path, headers = merchant.paths["initiate"], merchant.bearer()
    for body in (b"", b"{}", b"[1]", b"not json", b'{"payload": 7}'):
        heard = merchant.read(merchant.http.post(path, content=body, headers=headers))
        assert (heard.status, heard.code, heard.message) == (400, 4000, "please provide payload")
    heard = merchant.read(merchant.http.post(path, json={"payload": "bm90IG91cnM="}, headers=headers))
    assert (heard.code, heard.message) == (4014, "Decryption failed. Please check the encryption")
    for plain in ("not json", "[1, 2]", '{"amount": NaN}'):
        assert merchant.post(path, plain).code == 4001


def test_status_takes_exactly_one_id(merchant: Merchant) -> None:
    transaction_id = merchant.pay("INV-1").data["transaction_id"]
    path = merchant.paths["status"]
    heard = merchant.get(path, transaction_id=transaction_id)
    assert (heard.message, heard.data["sender_id"]) == ("Transaction fetched successfully", "INV-1")
    assert heard.data["utr_number"] is None
    assert merchant.get(path).code == 4101
    assert merchant.get(path, transaction_id=transaction_id, sender_id="INV-1").code == 4102
    absent = merchant.status("INV-2")
    assert (absent.status, absent.code) == (404, 4103)


def test_another_merchants_payout_is_not_found(sandbox: Sandbox, merchant: Merchant) -> None:
    transaction_id = merchant.pay("INV-1").data["transaction_id"]
    other = Merchant(sandbox, "v2")
    assert other.get(other.paths["status"], transaction_id=transaction_id).code == 4103
    assert other.status("INV-1").code == 4103
    assert other.pay("INV-1").code == 2000


def test_the_balance_travels_plain(merchant: Merchant) -> None:
    path = merchant.paths["balance"]
    heard = merchant.get(path, wallet_id="8109039352")
    assert heard.message == "Wallet balance fetched successfully"
    assert heard.body["data"]["available_balance"] == "50000.00"
    assert (merchant.get(path).code, merchant.get(path, wallet_id="nowhere").code) == (4022, 4044)


def test_errors_may_come_under_http_200_and_in_another_spelling(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", always_200=True, envelope="camel")
    heard = merchant.pay("INV-1", amount="0")
    assert heard.status == 200
    assert heard.body["respCode"] == 4002


def test_printed_rates_are_kept_when_asked_for(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", enforce_rates=True, rates={"balance": 2}, retry_after=7)
    assert [merchant.get(merchant.paths["balance"], wallet_id="8109039352").status for _ in range(3)] == [200, 200, 429]
    response = merchant.http.get(merchant.paths["balance"], headers=merchant.bearer())
    assert response.headers["retry-after"] == "7"
    sandbox.advance(60)
    assert merchant.balance()
    assert [merchant.ask_token().status for _ in range(11)].count(429) == 1
