"""Payment links: camelCase, codes of their own, and a payer who is a setting (specs/paywize.md §6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


def test_a_link_is_made_and_paid(sandbox: Sandbox, merchant: Merchant) -> None:
    heard = merchant.collect("C-1", remarks="Payment123")
    assert (heard.status, heard.code, heard.message) == (200, 2000, "Payment link generated")
    assert heard.body["respCode"] == 2000
    assert re.fullmatch(r"CFCE\d{12}", heard.data["txnId"])
    assert heard.data["intentUrl"].startswith("upi://pay?pa=merchant@paywize&")
    assert heard.data["paymentUrl"].startswith("http://127.0.0.1:")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", heard.data["createdAt"])
    assert merchant.collection("C-1").data["status"] == "INITIATED"
    sandbox.advance(5)
    data = merchant.collection("C-1").data
    assert (data["status"], data["requestAmount"], data["paymentMode"]) == ("SUCCESS", "100.50", "Intent")
    assert len(data["utr"]) == 12
    assert sandbox.ledger()["lines"] == []


@pytest.mark.parametrize(("remarks", "state"), [("FAIL", "FAILED"), ("PENDING", "PENDING"), ("UNPAID", "INITIATED")])
def test_remarks_choose_what_the_payer_does(sandbox: Sandbox, merchant: Merchant, remarks: str, state: str) -> None:
    transaction_id = merchant.collect("C-1", remarks=remarks).data["txnId"]
    sandbox.advance(500)
    merchant.forget()
    assert merchant.collection("C-1").data["status"] == state
    sandbox.move("SUCCESS", utr="415612345678", transaction_id=transaction_id)
    assert merchant.get(merchant.paths["collection_status"], txnId=transaction_id).data["utr"] == "415612345678"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"senderId": "x" * 37}, 4003),
        ({"requestAmount": 100.5}, 4004),
        ({"requestAmount": "100"}, 4004),
        ({"txnType": None}, 4005),
        ({"callbackUrl": None}, 4006),
        ({"vpa": "nobody@paywize"}, 4007),
        ({"channel": "SBI"}, 4015),
        ({"remarks": "not-allowed!"}, 4001),
        ({"requestAmount": "0.50"}, 4011),
    ],
)
def test_a_refusal_has_the_code_of_its_field(merchant: Merchant, fields: dict[str, Any], code: int) -> None:
    assert merchant.collect(**{"sender_id": "C-1", **fields}).code == code


def test_account_settings_refuse_too(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", transaction_limit="500.00", daily_limit="550.00")
    assert merchant.collect("C-1", requestAmount="500.01").code == 4010
    assert merchant.collect("C-2", requestAmount="500.00").code == 2000
    assert merchant.collect("C-2", requestAmount="10.00").code == 4012
    assert merchant.collect("C-3", requestAmount="50.01").code == 4013
    sandbox.merchant("docs-v1", settlement_account=False)
    assert merchant.collect("C-4").code == 4016


def test_status_has_codes_that_mean_other_things_than_on_payouts(sandbox: Sandbox, merchant: Merchant) -> None:
    path = merchant.paths["collection_status"]
    transaction_id = merchant.collect("C-1").data["txnId"]
    assert merchant.get(path).code == 4000
    assert merchant.get(path, txnId=transaction_id, senderId="C-1").code == 4103
    assert merchant.get(path, senderId="C-2").code == 4104
    assert merchant.get(path, txnId="PAY1").code == 4105
    assert Merchant(sandbox, "v2").get(path, txnId=transaction_id).code == 4107


def test_an_undecryptable_request_is_4014(merchant: Merchant) -> None:
    response = merchant.http.post(
        merchant.paths["collection_initiate"], json={"payload": "bm90IG91cnM="}, headers=merchant.bearer()
    )
    assert response.json()["respCode"] == 4014
