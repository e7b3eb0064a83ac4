"""All three path families are served at once, and a merchant can be held to one (specs/paywize.md §1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.merchant import PATHS, Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


@pytest.mark.parametrize("family", list(PATHS))
def test_a_payout_goes_through_on_every_family(sandbox: Sandbox, family: str) -> None:
    merchant = Merchant(sandbox, "docs-v1", family)
    assert merchant.pay("INV-1").code == 2000
    assert merchant.state("INV-1") == "INITIATED"
    assert merchant.balance() == "99999000.00"


@pytest.mark.parametrize(
    "verbs", [("initiate", "status", "balance"), ("request-payout", "get-status", "check-balance")]
)
def test_the_live_family_answers_to_both_sets_of_verbs(merchant: Merchant, verbs: tuple[str, str, str]) -> None:
    merchant.paths = dict(
        zip(("initiate", "status", "balance"), (f"/api/v1/payout/{verb}" for verb in verbs), strict=True)
    )
    merchant.paths["auth"] = PATHS["docs"]["auth"]
    assert merchant.pay("INV-1").code == 2000
    assert merchant.state("INV-1") == "INITIATED"
    assert merchant.balance()


def test_a_merchant_held_to_the_live_family_gets_404_on_documented_paths(sandbox: Sandbox) -> None:
    sandbox.merchant("live-v2", path_profile="live")
    live, documented = Merchant(sandbox, "live-v2"), Merchant(sandbox, "live-v2", "docs-api")
    assert live.balance()
    heard = documented.get(documented.paths["balance"], wallet_id="8109039352")
    assert heard.status == 404
    assert heard.body["message"] == "Cannot GET /api/payout/v1/balance"
    assert Merchant(sandbox, "live-v2", "docs").ask_token().status == 404


@pytest.mark.parametrize("path", ["/collection/v1/initiate", "/collection/v1/initiate/"])
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_the_trailing_slash_is_served_both_ways_without_a_redirect(merchant: Merchant, path: str, prefix: str) -> None:
    merchant.paths = {**merchant.paths, "collection_initiate": prefix + path}
    assert merchant.collect("C-1").status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/payout/v1/status"), ("GET", "/payout/v1/initiate"), ("GET", "/")]
)
def test_other_verbs_and_paths_are_404(merchant: Merchant, method: str, path: str) -> None:
    response = merchant.http.request(method, path, headers=merchant.bearer())
    assert (response.status_code, response.json()["error"]) == (404, "Not Found")
