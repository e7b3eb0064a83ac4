"""What a connection says, and what is wrong with it: one sentence that names the field, before any request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError
from airflow_provider_paygate.hooks.paytia import PaytiaHook
from tests.paytia.conftest import Connect
from tests.paytia.fake import API_KEY, CLIENT_ID, CLIENT_SECRET, Fake


def test_the_defaults(link: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_P", json.dumps({"conn_type": "paytia", "extra": {"api_key": "k"}}))
    settings = PaytiaHook("p").settings
    assert settings.merchant.base_url == "https://accounts.paytia.com"
    assert (settings.merchant.enhanced, settings.merchant.send_both_headers) == (False, True)
    assert (settings.timeout, settings.visibility_window) == (30, 900)
    assert settings.merchant.webhook_signature == "off"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"api_key": ""}, "api_key is missing"),
        ({"api_key": "***"}, "type the secret again"),
        ({"password": None}, r"password is missing.*Client secret"),
        ({"password": "***"}, "type the secret again"),
        ({"login": None}, "login is missing"),
        ({"login": None, "password": None, "refresh_token": "x"}, "refresh_token cannot be used without it"),
        ({"login": None, "password": None, "auth_mode": "enhanced"}, "login is missing"),
        ({"auth_mode": "oauth"}, "auth_mode"),
        ({"authorize_encoding": "xml"}, "authorize_encoding"),
        ({"refresh_token": "ab cd="}, "%2B"),
        ({"paths": {"pay": "/x"}}, "unknown operation 'pay'"),
        ({"paths": {"cdr": "x"}}, "slash"),
        ({"field_names": {"amount": 3}}, "field_names"),
        ({"webhook_signature": "required"}, "webhook_secret"),
        ({"timeout": 0}, "timeout"),
        ({"max_amount": "ten"}, "max_amount"),
        ({"max_ammount": "10"}, "max_amount"),
        ({"host": "http://accounts.paytia.com"}, "plain http"),
    ],
)
def test_what_is_wrong_is_named(fake: Fake, link: Connect, changes: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidRequest, match=names) as error:
        _ = link(**changes).settings
    assert CLIENT_SECRET not in str(error.value)
    ok, message = link(**changes).test_connection()
    assert not ok
    assert message.startswith("Settings:")
    assert fake.seen == []


def test_every_extra_may_come_as_text(fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    host = fake.url.removeprefix("http://")
    monkeypatch.setenv(
        "AIRFLOW_CONN_U",
        f"paytia://{CLIENT_ID}:{CLIENT_SECRET}@{host}/http?api_key={API_KEY}&send_both_headers=false&timeout=5"
        "&paths=%7B%22cdr%22%3A%22%2Fx%22%7D&refresh_token=ab%2Bcd",
    )
    hook = PaytiaHook("u")
    merchant = hook.settings.merchant
    assert (merchant.base_url, merchant.send_both_headers, merchant.paths["cdr"]) == (fake.url, False, "/x")
    assert merchant.refresh_token == "ab+cd"


@pytest.mark.parametrize(
    ("extra", "login", "headers"),
    [
        ({}, None, {"x-api-key"}),
        ({}, CLIENT_ID, {"x-api-key", "access-token"}),
        ({"send_both_headers": False}, CLIENT_ID, {"access-token"}),
        ({"auth_mode": "key"}, CLIENT_ID, {"x-api-key"}),
    ],
)
def test_which_headers_travel(
    fake: Fake, link: Connect, extra: dict[str, Any], login: str | None, headers: set[str]
) -> None:
    fake.enhanced = "access-token" in headers
    list(link(login=login, password=CLIENT_SECRET if login else None, **extra).payments_taken())
    sent = fake.seen[-1][1]
    assert {name for name in ("x-api-key", "access-token") if name in sent} == headers


def test_a_wrong_key_says_where_to_look(fake: Fake, link: Connect) -> None:
    fake.enhanced = False
    ok, message = link(login=None, password=None, api_key="wrong").test_connection()
    assert not ok
    assert "address" in message
    assert "wrong key" not in message


def test_authorize_needs_enhanced_security(fake: Fake, link: Connect) -> None:
    with pytest.raises(InvalidRequest, match="enhanced security"):
        link(login=None, password=None).authorize()


def test_a_sqlite_database_under_a_remote_executor_is_refused_before_a_token_moves(
    fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    hook = link(host="https://accounts.paytia.com")
    with pytest.raises(PaygateError, match="AIRFLOW__PAYGATE__DATABASE"):
        hook.refresh()
    with pytest.raises(PaygateError, match="AIRFLOW__PAYGATE__DATABASE"):
        hook.charge_stored(reference="A", amount="1.00", transaction_id="pm_1")


def test_no_repr_shows_a_secret(link: Connect) -> None:
    hook = link(access_token="at+1", refresh_token="rt+1", webhook_secret="wh-1")
    text = repr(hook.settings) + repr(hook.client.merchant) + repr(hook.tokens)
    for secret in hook.settings.secrets:
        assert secret not in text
