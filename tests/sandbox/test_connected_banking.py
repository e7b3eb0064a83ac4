"""Connected banking, as far as its pages could be seen (specs/paywize.md §1.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.sandbox.merchant import Merchant, payout

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox

BASE = "/v1/connected-banking/public"


def test_a_bank_payout_is_made_found_and_in_the_ledger(sandbox: Sandbox, merchant: Merchant) -> None:
    heard = merchant.post(f"{BASE}/payment/initiate", payout("CB-1", channel="SHIVALIK"))
    assert (heard.code, heard.message) == (2000, "Payment has been initiated Successfully")
    assert re.fullmatch(r"CHDE\d{12}", heard.data["transaction_id"])
    sandbox.advance(3)
    assert merchant.get(f"/api{BASE}/get-status", sender_id="CB-1").data["status"] == "SUCCESS"
    assert merchant.status("CB-1").code == 4103
    assert sandbox.ledger()["totals"]["count"] == 1


def test_the_channel_must_be_there_and_set_up(sandbox: Sandbox, merchant: Merchant) -> None:
    path = f"{BASE}/payment/initiate"
    assert merchant.post(path, payout("CB-1")).message == "channel is required"
    assert merchant.post(path, payout("CB-1", channel="NOBANK")).code == 4041
    assert Merchant(sandbox, "docs-v1").get(f"{BASE}/bank-balance/NOBANK").code == 4041
    sandbox.merchant("docs-v1", bank_accounts={"SHIVALIK": None})
    assert merchant.get(f"{BASE}/bank-balance/SHIVALIK").code == 4043


def test_balances_of_the_bank_and_of_the_wallet(merchant: Merchant) -> None:
    bank = merchant.get(f"{BASE}/bank-balance/SHIVALIK").data
    assert (bank["balance"], bank["account_number"], bank["currency"]) == (100000000.0, "XXXX1234", "INR")
    wallet = merchant.get(f"{BASE}/check-balance", wallet_id="8109039352")
    assert wallet.body["data"]["available_balance"] == "50000.00"
