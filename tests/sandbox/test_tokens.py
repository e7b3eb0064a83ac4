"""The token call, its three styles, and the ways a token stops being good (specs/paywize.md §2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


@pytest.mark.parametrize("name", ["docs-v1", "live-v2", "v2", "limits"])
def test_every_default_merchant_gets_a_token_that_works(sandbox: Sandbox, name: str) -> None:
    merchant = Merchant(sandbox, name)
    heard = merchant.ask_token()
    assert (heard.status, heard.code, heard.message) == (200, 2000, "Token generated successfully")
    assert (heard.body["expiresIn"], heard.body["tokenType"]) == (300, "Bearer")
    assert heard.data.count(".") == 2
    assert merchant.balance()


def test_keys_have_the_lengths_and_the_mark_they_must_have(sandbox: Sandbox) -> None:
    for name in sandbox.state.paywize.merchants:
        connection = sandbox.connection(name)
        assert connection["extra"]["api_key"].startswith("PAYGATESANDBOX")
        assert len(connection["extra"]["api_key"]) == 32
        assert len(connection["password"]) == 16


def test_the_live_merchant_gets_a_bare_jwt_and_the_documented_one_an_object(sandbox: Sandbox) -> None:
    for name, bare in (("live-v2", True), ("docs-v1", False)):
        merchant = Merchant(sandbox, name)
        style = {"plain-snake": {"api_key": merchant.keys["api_key"], "secret_key": merchant.secret}}
        body = style.get(merchant.keys["auth_style"]) or merchant.sealed(
            {"apiKey": merchant.keys["api_key"], "secretKey": merchant.secret}
        )
        text = merchant.cipher.decrypt(merchant.http.post(merchant.paths["auth"], json=body).json()["data"])
        assert text.startswith("ey") is bare
        assert bare or list(json.loads(text)) == ["token"]


def test_another_style_is_refused_in_the_words_of_the_live_service(sandbox: Sandbox) -> None:
    heard = Merchant(sandbox, "live-v2").ask_token("plain-camel")
    assert heard.status == 400
    assert heard.body["error"] == "Bad Request"
    assert heard.body["message"] == [
        "property apiKey should not exist",
        "property secretKey should not exist",
        "api_key should not be empty",
        "secret_key should not be empty",
    ]
    heard = Merchant(sandbox, "live-v2").ask_token("encrypted")
    assert heard.body["message"][0] == "property payload should not exist"
    assert "payload should not be empty" in Merchant(sandbox, "docs-v1").ask_token("plain-snake").body["message"]


@pytest.mark.parametrize("name", ["docs-v1", "live-v2", "v2"])
def test_wrong_keys_are_4001(sandbox: Sandbox, name: str) -> None:
    heard = Merchant(sandbox, name).ask_token(secret="0" * 16)
    assert (heard.status, heard.code, heard.message) == (401, 4001, "Unauthorized access")
    unknown = Merchant(sandbox, name).ask_token(api_key="PAYGATESANDBOX".ljust(32, "9"))
    assert unknown.code == 4001


def test_a_token_ends_with_its_life(sandbox: Sandbox, merchant: Merchant) -> None:
    assert merchant.balance()
    sandbox.advance(299)
    assert merchant.balance()
    sandbox.advance(1)
    heard = merchant.status("any")
    assert (heard.status, heard.code, heard.message) == (401, 4001, "Unauthorized – invalid or expired token")


def test_collections_say_4008_and_a_merchant_may_say_it_under_http_200(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.merchant("docs-v1", token_life=30, expired_status=200)
    assert merchant.ask_token().body["expiresIn"] == 30
    assert merchant.token
    sandbox.advance(31)
    assert (merchant.collection("any").status, merchant.collection("any").code) == (200, 4008)
    assert (merchant.status("any").status, merchant.status("any").code) == (200, 4001)


def test_an_unlisted_address_is_refused_everywhere(sandbox: Sandbox, merchant: Merchant) -> None:
    assert merchant.token
    sandbox.merchant("docs-v1", allowed_ips=["203.0.113.7"])
    for heard in (merchant.ask_token(), merchant.status("any"), merchant.pay("A-1")):
        assert (heard.status, heard.body["message"]) == (403, "Your IP address is not allowed")
    assert sandbox.ledger()["lines"] == []


def test_no_token_and_a_made_up_token_are_refused(sandbox: Sandbox, merchant: Merchant) -> None:
    path = merchant.paths["status"]
    for headers in ({}, {"authorization": "Bearer ey.ey.ey"}, {"authorization": merchant.token}):
        assert merchant.http.get(path, headers=headers).json()["resp_code"] == 4001
