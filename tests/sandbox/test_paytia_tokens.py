"""`/api/authorize` and `/api/refresh_token`: who gets a pair, what dies with it, and what is counted (§4)."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.sandbox.paytia import Client

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, "enhanced")


@pytest.mark.parametrize("encoding", ["form", "json", "multipart", "untyped", "curl"])
def test_each_encoding_gets_a_pair_that_works(client: Client, encoding: str) -> None:
    response = client.authorize(encoding)
    body = response.json()
    assert set(body) == {"httpStatus", "refresh_token", "access_token", "expire_time", "status"}
    assert body["status"] == {"statusCode": 200, "statusDescription": "Success"}
    for token in (body["access_token"], body["refresh_token"]):
        assert len(base64.b64decode(token, validate=True)) == 32
        assert "+" in token
    assert client.charge("INV-1").status_code == 200
    assert client.refresh(encoding=encoding).status_code == 200
    assert client.charge("INV-2").status_code == 200


def test_the_portals_pair_is_where_a_client_starts(client: Client) -> None:
    assert client.charge("INV-1").status_code == 200
    assert client.refresh().status_code == 200


def test_a_plus_sent_as_it_is_in_a_form_arrives_as_a_space(client: Client) -> None:
    body = "&".join(f"{name}={value}" for name, value in client.credentials.items())
    raw = f"{body}&refresh_token={client.refresh_token}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.http.post("/api/refresh_token", content=raw, headers=headers).status_code == 401


def test_a_refresh_token_works_once(sandbox: Sandbox, client: Client) -> None:
    first = client.refresh_token
    assert client.refresh().status_code == 200
    again = client.refresh(first)
    assert (again.status_code, again.json()["httpStatus"], again.json()["status"]["statusCode"]) == (401, False, 401)
    assert client.refresh().status_code == 200
    counted = sandbox.counters()
    assert counted["refresh_tokens"] == {"enhanced": {"presented": 3, "presented_twice": 1, "used_twice": 1}}
    assert counted["operations"] == {"refresh": 3}
    assert counted["token_calls"] == 3
    sandbox.reset_counters()
    assert sandbox.counters()["refresh_tokens"] == {}


def test_with_grace_it_works_for_a_while(sandbox: Sandbox, client: Client) -> None:
    sandbox.account("enhanced", rotation="grace", grace=60)
    first = client.refresh_token
    assert [client.refresh(first).status_code for _ in range(2)] == [200, 200]
    sandbox.advance(61)
    assert client.refresh(first).status_code == 401


def test_an_account_may_revoke_everything_on_reuse(sandbox: Sandbox, client: Client) -> None:
    sandbox.account("enhanced", reuse_revokes=True)
    first = client.refresh_token
    client.refresh()
    assert client.charge("INV-1").status_code == 200
    client.refresh(first)
    assert client.charge("INV-2").status_code == 401
    assert client.refresh().status_code == 401


def test_authorize_rotates_the_refresh_token_too(sandbox: Sandbox, client: Client) -> None:
    first = client.refresh_token
    client.authorize()
    assert client.refresh(first).status_code == 401
    sandbox.account("enhanced", authorize_rotates=False)
    second = client.refresh_token
    client.authorize()
    assert client.refresh_token == second


@pytest.mark.parametrize("dies", [False, True])
def test_the_access_token_before_lives_out_its_life_unless_set_otherwise(
    sandbox: Sandbox, client: Client, dies: bool
) -> None:
    sandbox.account("enhanced", old_access_dies=dies)
    before = client.access_token
    client.refresh()
    client.access_token = before
    assert client.charge("INV-1").status_code == (401 if dies else 200)


def test_an_access_token_lives_for_its_time_and_no_longer(sandbox: Sandbox, client: Client) -> None:
    client.authorize()
    sandbox.advance(3599)
    assert client.charge("INV-1").status_code == 200
    sandbox.advance(1)
    refused = client.charge("INV-2")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert sandbox.account("short")["token_life"] == 3.0


def test_expire_time_has_no_zone_and_may_be_anywhere(sandbox: Sandbox, client: Client) -> None:
    def told() -> datetime:
        return datetime.strptime(client.authorize().json()["expire_time"], "%Y-%m-%d %H:%M:%S")

    expected = datetime.fromtimestamp(int(sandbox.now()) + 3600, ZoneInfo("UTC")).replace(tzinfo=None)
    assert told() == expected
    sandbox.account("enhanced", zone="Asia/Kolkata", expire_skew=-600)
    assert (told() - expected).total_seconds() == 5.5 * 3600 - 600


def test_authorize_may_need_a_live_access_token(sandbox: Sandbox) -> None:
    client = Client(sandbox, "portal")
    assert client.authorize("form").status_code == 400
    assert client.authorize("curl").status_code == 200
    sandbox.advance(3600)
    assert client.authorize("json").json()["status"]["statusCode"] == 401
    assert client.refresh(encoding="json").status_code == 200
    assert client.authorize("json").status_code == 200
    client.access_token = None
    assert client.authorize("json").status_code == 401


def test_only_the_portal_helps_when_both_are_lost(sandbox: Sandbox) -> None:
    client = Client(sandbox, "portal")
    sandbox.fault("refresh", "reset_after")
    with pytest.raises(httpx.ReadError):
        client.refresh(encoding="json")
    sandbox.advance(3600)
    assert client.authorize("json").status_code == 401
    assert client.refresh(encoding="json").status_code == 401
    sandbox.generate_tokens("portal")
    assert Client(sandbox, "portal").charge("INV-1").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"client_id": "0" * 32}, 401),
        ({"client_secret": "guess"}, 401),
        ({"client_id": ""}, 400),
        ({"client_secret": ""}, 400),
    ],
)
def test_wrong_credentials(client: Client, wrong: dict[str, str], status: int) -> None:
    assert client.authorize(**wrong).status_code == status


def test_a_key_only_account_has_no_tokens(sandbox: Sandbox) -> None:
    client = Client(sandbox)
    assert client.charge("INV-1").status_code == 200
    assert "login" not in sandbox.connection("key-only")
    assert client.http.post("/api/authorize", data={"client_id": "x", "client_secret": "y"}).status_code == 401


def test_both_headers_unless_the_account_takes_the_token_alone(sandbox: Sandbox, client: Client) -> None:
    key, client.api_key = client.api_key, None
    assert client.charge("INV-1").status_code == 401
    sandbox.account("enhanced", needs_both_headers=False)
    assert client.charge("INV-1").status_code == 200
    client.api_key, client.access_token = key, None
    assert client.charge("INV-2").status_code == 401


def test_a_wrong_key_and_a_wrong_address_are_the_same_401(sandbox: Sandbox, client: Client) -> None:
    sandbox.account("enhanced", allowed_ips=["10.0.0.1"])
    barred = client.charge("INV-1")
    assert client.authorize().status_code == 401
    sandbox.account("enhanced", allowed_ips=None)
    client.api_key = "PAYGATESANDBOXNOBODY"
    assert (barred.status_code, barred.text) == (401, client.charge("INV-1").text)
    assert client.authorize().status_code == 401
