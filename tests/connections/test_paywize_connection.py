"""Every field of the connection: its meaning, its forms, and one clear sentence before any request when it is wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk import Connection

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.hooks.settings import PaywizeSettings
from airflow_provider_paygate.sandbox.server import Sandbox

API_KEY, SECRET = "K" * 32, "S" * 16
FULL = {
    "api_key": API_KEY, "wallet_id": "W1", "encryption": "v2", "path_profile": "live",
    "paths": {"balance": "/b"}, "auth_style": "plain-snake", "callback_url": "https://example.com/h?a=1&b=2",
    "webhook_secret": "hook/secret+=", "webhook_signature": "required", "timeout": 7.5, "visibility_window": 60,
    "max_amount": "1000.50", "max_batch_amount": "5000", "max_daily_amount": "9000", "rate_limits": {"auth": 5, "status": 0},
}  # fmt: skip


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`read(host=…, password=…, api_key=…)`: the settings of a connection given as JSON."""

    def settings(uri: str | None = None, **given: Any) -> PaywizeSettings:
        standard = {name: given.pop(name) for name in ("host", "login", "schema", "port") if name in given}
        connection = {
            "conn_type": "paywize", "password": given.pop("password", SECRET), **standard,
            "extra": {"api_key": API_KEY, **given},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_PAYWIZE_DEFAULT", uri or json.dumps(connection))
        return PaywizeHook().settings

    return settings


def refused(read: Any, **given: Any) -> str:
    with pytest.raises(InvalidRequest) as raised:
        read(**given)
    text = str(raised.value)
    assert (raised.value.gateway, raised.value.operation) == ("paywize", "connection")
    for secret in (
        API_KEY,
        SECRET,
        *(str(given[name]) for name in ("password", "api_key") if len(str(given.get(name))) > 5),
    ):
        assert secret not in text
    return text


def test_a_password_and_an_api_key_are_enough(read: Any) -> None:
    settings = read()
    merchant = settings.merchant
    assert merchant.base_url == "https://merchant.paywize.in"
    assert (merchant.api_key, merchant.secret_key) == (API_KEY, SECRET)
    assert (merchant.encryption, merchant.auth_style, merchant.webhook_signature) == ("v1", "auto", "if_present")
    assert (merchant.wallet_id, merchant.callback_url, merchant.webhook_secret) == (None, None, None)
    assert merchant.paths["initiate"] == "/payout/v1/initiate"
    assert (settings.timeout, settings.visibility_window) == (30, 900)
    assert (settings.ceilings.per_payout, settings.ceilings.per_batch, settings.ceilings.per_day) == (None, None, None)
    assert settings.rate_limits == {"auth": 10, "initiate": 100, "status": 200, "balance": 500}


def check_full(settings: PaywizeSettings) -> None:
    merchant = settings.merchant
    assert (merchant.wallet_id, merchant.encryption, merchant.auth_style) == ("W1", "v2", "plain-snake")
    assert (merchant.paths["balance"], merchant.paths["status"]) == ("/b", "/api/v1/payout/get-status")
    assert (merchant.callback_url, merchant.webhook_secret) == ("https://example.com/h?a=1&b=2", "hook/secret+=")
    assert (merchant.webhook_signature, settings.timeout, settings.visibility_window) == ("required", 7.5, 60)
    ceilings = settings.ceilings
    assert (ceilings.per_payout, ceilings.per_batch, ceilings.per_day) == (
        Decimal("1000.50"),
        Decimal(5000),
        Decimal(9000),
    )
    assert settings.rate_limits == {"auth": 5, "initiate": 100, "status": 0, "balance": 500}
    assert merchant.base_url == "http://127.0.0.1:8765/paywize"


def test_every_extra_as_json(read: Any) -> None:
    check_full(read(host="http://127.0.0.1:8765/paywize", **FULL))


def test_every_extra_as_text(read: Any) -> None:
    words = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in FULL.items()}
    check_full(read(host="http://127.0.0.1:8765/paywize/", **words))
    check_full(read(host=" http://127.0.0.1:8765/paywize ", **{name: f" {word} " for name, word in words.items()}))


@pytest.mark.parametrize("host", ["http://127.0.0.1:8765/paywize", "http://127.0.0.1:8765/paywize/"])
@pytest.mark.parametrize("as_words", [True, False])
def test_every_extra_as_the_uri_that_airflow_itself_makes(read: Any, host: str, as_words: bool) -> None:
    extra = {n: json.dumps(v) if isinstance(v, dict) else str(v) for n, v in FULL.items()} if as_words else FULL
    made = Connection(conn_id="x", conn_type="paywize", host=host, password=SECRET + "/@:%", extra=json.dumps(extra))
    settings = read(uri=made.get_uri())
    check_full(settings)
    assert settings.merchant.secret_key == SECRET + "/@:%"


def test_a_uri_with_a_scheme_of_its_own_has_the_path_prefix_where_airflow_puts_it(read: Any) -> None:
    uri = f"paywize://http://:{SECRET}@127.0.0.1:8765/paywize?api_key={API_KEY}"
    assert read(uri=uri).merchant.base_url == "http://127.0.0.1:8765/paywize"


@pytest.mark.parametrize("uri", [
    "paywize://:{secret}@127.0.0.1:8765/http?api_key={key}",  # the schema says http
    "paywize://:{secret}@{host}/?api_key={key}",
    "paywize://:{secret}@{host}?api_key={key}",
    "paywize://http://:{secret}@127.0.0.1:8765/?api_key={key}",
])  # fmt: skip
def test_uris_that_people_write(read: Any, uri: str) -> None:
    host = quote("http://127.0.0.1:8765", safe="")
    assert read(uri=uri.format(secret=SECRET, key=API_KEY, host=host)).merchant.base_url == "http://127.0.0.1:8765"


@pytest.mark.parametrize(("given", "url"), [
    ({"host": "pay.example.com"}, "https://pay.example.com"),
    ({"host": "pay.example.com/prefix/"}, "https://pay.example.com/prefix"),
    ({"host": "https://Pay.Example.com/Prefix"}, "https://pay.example.com/Prefix"),
    ({"host": "HTTPS://pay.example.com"}, "https://pay.example.com"),
    ({"host": "pay.example.com", "schema": "https", "port": 8443}, "https://pay.example.com:8443"),
    ({"host": "pay.example.com:8443"}, "https://pay.example.com:8443"),
    ({"host": "127.0.0.1", "schema": "http", "port": 8765}, "http://127.0.0.1:8765"),
    ({"host": "http://localhost:1/paywize"}, "http://localhost:1/paywize"),
    ({"host": "http://[::1]:8765"}, "http://[::1]:8765"),
    ({"host": "http://127.8.9.1"}, "http://127.8.9.1"),
    ({"host": "https://merchant.paywize.in:443/api"}, "https://merchant.paywize.in:443/api"),
    ({"host": ""}, "https://merchant.paywize.in"),
    ({"host": "   "}, "https://merchant.paywize.in"),
])  # fmt: skip
def test_hosts(read: Any, given: dict[str, Any], url: str) -> None:
    assert read(**given).merchant.base_url == url


@pytest.mark.parametrize("given", [
    {"host": "http://merchant.paywize.in"}, {"host": "merchant.paywize.in", "schema": "http"}, {"host": "http://10.0.0.1"},
    {"host": "http://localhost.example.com"}, {"host": "http://127.0.0.1.example.com"}, {"host": "http://0.0.0.0"},
    {"host": "http://127.0.0.1@example.com"}, {"host": "http://2130706433"}, {"host": "http://[::ffff:8.8.8.8]"},
    {"host": "ftp://example.com"}, {"host": "https://"}, {"host": "https://example.com?x=1"}, {"host": "https://e.com#f"},
    {"host": "https://user:pw@example.com"}, {"host": "https://example.com:port"}, {"host": "https://[::1"},
    {"host": "file:///etc/passwd"}, {"host": "https://exa mple.com"}, {"host": "https://example.com/\r\nX: y"},
])  # fmt: skip
def test_a_host_that_would_carry_keys_in_the_clear_or_nowhere_is_refused(read: Any, given: dict[str, Any]) -> None:
    assert "host" in refused(read, **given)


@pytest.mark.parametrize(("given", "field"), [
    ({"password": ""}, "password"), ({"password": None}, "password"), ({"password": "***"}, "password"),
    ({"password": "S" * 15}, "password"), ({"password": "S" * 17}, "password"), ({"password": "é" * 16}, "password"),
    ({"api_key": ""}, "api_key"), ({"api_key": None}, "api_key"), ({"api_key": "***"}, "api_key"),
    ({"api_key": "K" * 31}, "api_key"), ({"api_key": ["x"]}, "api_key"),
    ({"webhook_secret": "***"}, "webhook_secret"),
    ({"encryption": "v3"}, "encryption"), ({"encryption": 1}, "encryption"),
    ({"path_profile": "sandbox"}, "path_profile"), ({"auth_style": "basic"}, "auth_style"),
    ({"webhook_signature": "sometimes"}, "webhook_signature"),
    ({"paths": "not json"}, "paths"), ({"paths": "[]"}, "paths"), ({"paths": ["/x"]}, "paths"),
    ({"paths": {"transfer": "/x"}}, "paths"), ({"paths": {"auth": "no-slash"}}, "paths"), ({"paths": {"auth": 5}}, "paths"),
    ({"timeout": "soon"}, "timeout"), ({"timeout": -1}, "timeout"), ({"timeout": 0}, "timeout"), ({"timeout": "nan"}, "timeout"),
    ({"timeout": "inf"}, "timeout"), ({"timeout": True}, "timeout"),
    ({"visibility_window": "-5"}, "visibility_window"), ({"visibility_window": []}, "visibility_window"),
    ({"max_amount": "lots"}, "max_amount"), ({"max_amount": "-1"}, "max_amount"), ({"max_amount": "1.005"}, "max_amount"),
    ({"max_amount": "1,000"}, "max_amount"), ({"max_amount": True}, "max_amount"), ({"max_amount": "1e3"}, "max_amount"),
    ({"max_batch_amount": "x"}, "max_batch_amount"), ({"max_daily_amount": {}}, "max_daily_amount"),
    ({"rate_limits": {"transfer": 1}}, "rate_limits"), ({"rate_limits": {"auth": "fast"}}, "rate_limits"),
    ({"rate_limits": {"auth": -1}}, "rate_limits"), ({"rate_limits": "5"}, "rate_limits"),
    ({"max_ammount": "5"}, "max_ammount"), ({"apikey": "x"}, "apikey"), ({"encrpytion": "v2"}, "encrpytion"),
])  # fmt: skip
def test_a_wrong_value_is_named(read: Any, given: dict[str, Any], field: str) -> None:
    assert field in refused(read, **given)


@pytest.mark.parametrize("name", sorted(FULL))
@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_an_empty_field_is_one_that_was_not_filled_in(read: Any, name: str, nothing: Any) -> None:
    if name == "api_key":
        assert "api_key" in refused(read, **{name: nothing})
    else:
        assert read(**{name: nothing}) == read()


def test_words_have_no_case(read: Any) -> None:
    settings = read(encryption="V2", path_profile="LIVE", auth_style="Plain-Snake", webhook_signature="OFF")
    assert (settings.merchant.encryption, settings.merchant.webhook_signature) == ("v2", "off")


def test_a_v2_secret_may_have_any_length(read: Any) -> None:
    assert read(encryption="v2", password="x", api_key="y").merchant.secret_key == "x"


def test_a_ceiling_of_nothing_lets_nothing_through(read: Any) -> None:
    assert read(max_amount="0").ceilings.per_payout == 0
    assert read(max_amount=0).ceilings.per_payout == 0


def test_a_sandbox_key_opens_no_real_door(read: Any, sandbox: Sandbox) -> None:
    key = sandbox.connection()["extra"]["api_key"]
    assert "sandbox" in refused(read, api_key=key, host="https://merchant.paywize.in")
    assert read(api_key=key, host="http://127.0.0.1:1").merchant.api_key == key


def test_settings_show_no_secret(read: Any) -> None:
    settings = read(webhook_secret="hooksecret")
    for shown in (repr(settings), str(settings.merchant)):
        for secret in (API_KEY, SECRET, "hooksecret"):
            assert secret not in shown


def test_secrets_are_known_to_the_masker_before_anything_is_logged(read: Any) -> None:
    from airflow.providers.common.compat.sdk import redact

    secrets = {
        "api_key": "a-key-with-32-characters-exactly",
        "password": "its-secret-of-16",
        "webhook_secret": "of-hooks",
    }
    read(**secrets)
    assert redact(" ".join(secrets.values())) == "*** *** ***"
