"""Every method of the hook, on every kind of merchant, with this package's facts and exceptions."""

from __future__ import annotations

import asyncio
import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, calls, moved, payment

WALLET = "PAYWIZE12345679"
MERCHANTS = ["docs-v1", "v2", "live-v2"]


@pytest.fixture(params=MERCHANTS)
def hook(request: pytest.FixtureRequest, connect: Any) -> PaywizeHook:
    connect(request.param)
    return PaywizeHook()


@pytest.fixture
def v1(connect: Any) -> PaywizeHook:
    connect()
    return PaywizeHook()


def payout(reference: str = "INV-1", **fields: Any) -> Payout:
    return Payout(**payment(reference, **fields))


COLLECTION = {
    "amount": "100.50",
    "vpa": "merchant@paywize",
    "channel": "FINO",
    "callback_url": "https://example.com/hook",
}


def test_a_payout_there_and_back(sandbox: Sandbox, hook: PaywizeHook) -> None:
    told = hook.initiate_payout(payout())
    assert (told.reference, told.sender_id, told.status, told.is_final) == ("INV-1", "INV-1", "INITIATED", False)
    assert (told.amount, told.currency, told.utr) == (Decimal("1250.00"), "INR", None)
    for seen in (hook.get_payout(reference=" INV-1 "), hook.get_payout(transaction_id=told.transaction_id)):
        assert (seen.reference, seen.status, seen.succeeded, seen.is_final) == ("INV-1", "SUCCESS", True, True)
        assert seen.utr is not None
        assert len(seen.utr) == 12
        assert seen.created_at is not None
        assert seen.created_at.tzinfo is not None
        with pytest.raises(dataclasses.FrozenInstanceError):
            seen.status = "FAILED"  # type: ignore[misc]
        assert CANARY_ACCOUNT not in repr(seen) + str(dict(seen.raw))
        assert seen.raw["beneficiary"]["beneficiary_acc_number"] == "****6789"
    assert moved(sandbox) == 1


def test_a_long_reference_is_found_under_its_gateway_id(hook: PaywizeHook) -> None:
    told = hook.initiate_payout(payout("Rechnung 5/2026"))
    assert told.sender_id is not None
    assert told.sender_id.startswith("pg-")
    assert hook.get_payout(reference="Rechnung 5/2026").transaction_id == told.transaction_id
    assert hook.get_payout(transaction_id=told.transaction_id).reference is None  # a digest tells nobody's name


def test_the_same_reads_on_an_event_loop(sandbox: Sandbox, hook: PaywizeHook) -> None:
    told = hook.initiate_payout(payout())
    made = hook.initiate_collection(reference="C-1", **COLLECTION)

    async def read() -> list[Any]:
        fresh = PaywizeHook()
        return [
            await fresh.aget_payout(reference="INV-1"),
            await fresh.aget_payout(transaction_id=told.transaction_id),
            await fresh.aget_collection(reference="C-1"),
        ]

    seen = asyncio.run(read())
    assert seen == [
        hook.get_payout(reference="INV-1"),
        hook.get_payout(transaction_id=told.transaction_id),
        hook.get_collection(reference="C-1"),
    ]
    assert seen[2].transaction_id == made.transaction_id
    assert calls(sandbox, "auth") == 1


def test_errors_are_the_same_on_an_event_loop(sandbox: Sandbox, v1: PaywizeHook) -> None:
    async def read(reference: str) -> Any:
        return await PaywizeHook().aget_payout(reference=reference)

    with pytest.raises(errors.NotFound) as raised:
        asyncio.run(read("nobody"))
    assert (raised.value.operation, raised.value.code, raised.value.http_status) == ("status", "4103", 404)
    for fault, kind in (
        ("http_502_html", errors.BadReply),
        ("reset_before", errors.NotSent),
        ("throttle_429", errors.Throttled),
    ):
        sandbox.fault("status", fault)
        with pytest.raises(kind):
            asyncio.run(read("nobody"))


def test_a_balance_is_a_decimal(sandbox: Sandbox, hook: PaywizeHook) -> None:
    balance = hook.get_balance()
    assert (balance.available, balance.currency, balance.wallet_id) == (Decimal("100000000.00"), "INR", WALLET)
    assert isinstance(balance.available, Decimal)
    assert hook.get_balance("8109039352").available == Decimal("50000.00")
    assert hook.get_balance(wallet_id=" 8109039352 ").available == Decimal("50000.00")


def test_an_unknown_wallet_is_an_invalid_request(hook: PaywizeHook) -> None:
    with pytest.raises(errors.InvalidRequest) as raised:
        hook.get_balance("nobody's")
    assert (raised.value.gateway, raised.value.operation, raised.value.code) == ("paywize", "balance", "4044")


def test_a_collection_there_and_back(sandbox: Sandbox, hook: PaywizeHook) -> None:
    made = hook.initiate_collection(reference="C-1", **COLLECTION)
    assert (made.reference, made.sender_id, made.status, made.amount) == ("C-1", "C-1", "INITIATED", Decimal("100.50"))
    assert made.payment_url is not None
    assert made.payment_url.startswith("http")
    assert made.intent_url is not None
    assert made.intent_url.startswith("upi://pay")
    sandbox.advance(100)
    for seen in (hook.get_collection(reference="C-1"), hook.get_collection(transaction_id=made.transaction_id)):
        assert (seen.reference, seen.status, seen.succeeded, seen.amount) == ("C-1", "SUCCESS", True, Decimal("100.50"))
    with pytest.raises(errors.DuplicateReference):
        hook.initiate_collection(reference="C-1", **COLLECTION)
    with pytest.raises(errors.NotFound) as raised:
        hook.get_collection(reference="nobody")
    assert raised.value.code == "4104"


@pytest.mark.parametrize("wrong", [
    {"amount": 1.5}, {"amount": "0"}, {"vpa": "x"}, {"channel": "SBI"}, {"remarks": "!!"}, {"callback_url": ""},
    {"reference": ""}, {"reference": 5},
])  # fmt: skip
def test_a_wrong_collection_is_refused_before_any_request(
    sandbox: Sandbox, v1: PaywizeHook, wrong: dict[str, Any]
) -> None:
    with pytest.raises(errors.InvalidRequest, match=next(iter(wrong))):
        v1.initiate_collection(**{"reference": "C-1", **COLLECTION, **wrong})
    assert calls(sandbox, "collection_initiate") == 0


@pytest.mark.parametrize(
    "ids", [{}, {"reference": "a", "transaction_id": "b"}, {"reference": " "}, {"transaction_id": ""}]
)
@pytest.mark.parametrize("method", ["get_payout", "get_collection"])
def test_exactly_one_id_is_asked_for(sandbox: Sandbox, v1: PaywizeHook, method: str, ids: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidRequest, match="exactly one"):
        getattr(v1, method)(**ids)
    assert sandbox.counters()["total"] == 0


def test_not_found_is_the_gateways_own_word(sandbox: Sandbox, hook: PaywizeHook) -> None:
    with pytest.raises(errors.NotFound) as raised:
        hook.get_payout(reference="nobody")
    error = raised.value
    assert (error.gateway, error.operation, error.code, error.http_status) == ("paywize", "status", "4103", 404)
    sandbox.fault("status", "http_404")
    with pytest.raises(errors.BadReply):
        hook.get_payout(reference="nobody")


@pytest.mark.parametrize(("fault", "kind"), [
    ("http_500", errors.OutcomeUnknown), ("http_502_html", errors.OutcomeUnknown), ("html_200", errors.OutcomeUnknown),
    ("empty_body", errors.OutcomeUnknown), ("timeout_after", errors.OutcomeUnknown),
    ("reset_after", errors.OutcomeUnknown), ("reset_before", errors.OutcomeUnknown),
    ("undecryptable", errors.OutcomeUnknown), ("other_amount", errors.OutcomeUnknown),
    ("other_id", errors.OutcomeUnknown), ("unknown_code", errors.OutcomeUnknown), ("redirect", errors.OutcomeUnknown),
    ("http_404", errors.OutcomeUnknown), ("duplicate", errors.DuplicateReference),
    ("throttle_429", errors.Throttled), ("code_4290", errors.Throttled),
])  # fmt: skip
@pytest.mark.parametrize("merchant", ["docs-v1", "v2"])
def test_a_bare_submission_is_never_repeated_and_says_what_it_came_to(
    sandbox: Sandbox, connect: Any, fault: str, kind: type[errors.PaygateError], merchant: str
) -> None:
    connect(merchant, timeout=0.25)
    sandbox.fault("initiate", fault)
    with pytest.raises(kind) as raised:
        PaywizeHook().initiate_payout(payout())
    error = raised.value
    assert type(error) is kind
    assert (error.gateway, error.operation) == ("paywize", "initiate")
    assert (error.http_status is None) == fault.startswith(("timeout", "reset"))
    assert isinstance(error, AirflowFailException) == (kind is errors.DuplicateReference)
    assert calls(sandbox, "initiate") == 1
    assert moved(sandbox) <= 1


@pytest.mark.parametrize("fault", ["wrong_envelope", "token_expired"])
def test_what_is_no_failure_is_none(sandbox: Sandbox, hook: PaywizeHook, fault: str) -> None:
    sandbox.fault("initiate", fault)
    assert hook.initiate_payout(payout()).status == "INITIATED"
    assert moved(sandbox) == 1


@pytest.mark.parametrize("fault", ["wrong_envelope"])
@pytest.mark.parametrize("operation", ["auth", "status", "balance", "collection_initiate", "collection_status"])
def test_either_spelling_of_the_envelope_is_read_everywhere(
    sandbox: Sandbox, hook: PaywizeHook, operation: str, fault: str
) -> None:
    hook.initiate_payout(payout())
    hook.initiate_collection(reference="C-0", **COLLECTION)
    sandbox.fault(operation, fault, times=None)
    hook.get_payout(reference="INV-1")
    hook.get_balance()
    hook.initiate_collection(reference="C-1", **COLLECTION)
    hook.get_collection(reference="C-0")


@pytest.mark.parametrize("signal", [401, 200])
@pytest.mark.parametrize(
    "method", ["get_payout", "get_balance", "initiate_collection", "get_collection", "initiate_payout"]
)
def test_every_signal_of_an_expired_token_costs_one_renewal(
    sandbox: Sandbox, hook: PaywizeHook, method: str, signal: int, request: pytest.FixtureRequest
) -> None:
    for name in MERCHANTS:
        sandbox.merchant(name, expired_status=signal)
    hook.initiate_payout(payout())
    hook.initiate_collection(reference="C-0", **COLLECTION)
    sandbox.advance(400)
    sandbox.reset_counters()
    arguments: dict[str, Any] = {
        "get_payout": {"reference": "INV-1"}, "get_balance": {}, "get_collection": {"reference": "C-0"},
        "initiate_collection": {"reference": "C-1", **COLLECTION}, "initiate_payout": {"payout": payout("INV-2")},
    }[method]  # fmt: skip
    getattr(hook, method)(**arguments)
    assert (sandbox.counters()["total"], calls(sandbox, "auth")) == (3, 1)


def test_a_bare_submission_respects_the_ceiling_of_one_payout(sandbox: Sandbox, connect: Any) -> None:
    connect(max_amount="1000")
    with pytest.raises(errors.LimitExceeded, match="max_amount"):
        PaywizeHook().initiate_payout(payout())
    assert calls(sandbox, "initiate") == 0


def test_without_a_wallet_anywhere_nothing_is_sent(sandbox: Sandbox, connect: Any) -> None:
    connect(wallet_id="")
    for act in (lambda: PaywizeHook().initiate_payout(payout()), lambda: PaywizeHook().get_balance()):
        with pytest.raises(errors.InvalidRequest, match="wallet_id"):
            act()
    assert sandbox.counters()["total"] == 0


@pytest.mark.parametrize("profile", ["docs", "docs-api", "live"])
def test_every_path_profile(sandbox: Sandbox, connect: Any, profile: str) -> None:
    sandbox.merchant("docs-v1", path_profile=profile)
    connect(path_profile=profile)
    hook = PaywizeHook()
    hook.initiate_payout(payout())
    assert hook.get_payout(reference="INV-1").succeeded
    assert hook.get_balance().available == Decimal("99998750.00")


def test_a_wrong_path_profile_names_the_setting_and_pays_nothing(sandbox: Sandbox, connect: Any) -> None:
    sandbox.merchant("docs-v1", path_profile="docs")
    connect(path_profile="live")
    with pytest.raises(errors.PaygateError, match="path") as raised:
        PaywizeHook().get_balance()
    assert raised.value.http_status == 404


def test_single_paths_override_the_profile(sandbox: Sandbox, connect: Any) -> None:
    sandbox.merchant("docs-v1", path_profile="docs")
    from airflow_provider_paygate.gateways.paywize.paths import PROFILES

    connect(path_profile="live", paths=PROFILES["docs"])
    assert PaywizeHook().get_balance().available > 0


@pytest.mark.parametrize(("style", "version"), [("encrypted", "v1"), ("plain-camel", "v1"), ("plain-snake", "v1"),
                                                ("encrypted", "v2"), ("plain-camel", "v2"), ("plain-snake", "v2")])  # fmt: skip
@pytest.mark.parametrize("token_text", ["json", "raw"])
def test_every_way_to_ask_for_a_token_and_to_get_one(
    sandbox: Sandbox, connect: Any, style: str, version: str, token_text: str
) -> None:
    sandbox.merchant("docs-v1", auth_styles=[style], encryption=version, token_text=token_text)
    connect(auth_style=style, encryption=version)
    assert PaywizeHook().get_balance().available > 0


@pytest.mark.parametrize(("version", "style"), [("v1", "encrypted"), ("v2", "plain-camel")])
def test_auto_is_what_each_versions_page_shows(sandbox: Sandbox, connect: Any, version: str, style: str) -> None:
    sandbox.merchant("docs-v1", auth_styles=[style], encryption=version)
    connect(auth_style="auto", encryption=version)
    assert PaywizeHook().get_balance().available > 0


def test_a_wrong_style_says_which_setting(sandbox: Sandbox, connect: Any) -> None:
    connect(auth_style="plain-snake")
    with pytest.raises(errors.AuthenticationFailed, match="auth_style"):
        PaywizeHook().get_balance()


# call


def test_any_call_is_authorised_encrypted_and_decrypted(sandbox: Sandbox, hook: PaywizeHook) -> None:
    from airflow_provider_paygate.gateways.paywize.payout import body_of

    paths = hook.settings.merchant.paths
    told = hook.call("POST", paths["initiate"], data=body_of(payout(), "INV-1", WALLET, None))
    assert (told["sender_id"], told["status"]) == ("INV-1", "INITIATED")
    assert isinstance(told, dict)
    assert hook.call("get", paths["status"], params={"sender_id": "INV-1"})["status"] == "SUCCESS"
    assert hook.call("GET", paths["balance"], params={"wallet_id": WALLET})["available_balance"] == "99998750.00"
    with pytest.raises(errors.NotFound):
        hook.call("GET", paths["status"], params={"sender_id": "nobody"})
    with pytest.raises(errors.DuplicateReference):
        hook.call("POST", paths["initiate"], data=body_of(payout(), "INV-1", WALLET, None))
    assert moved(sandbox) == 1


def test_connected_banking_is_reachable(sandbox: Sandbox, v1: PaywizeHook) -> None:
    base = "/api/v1/connected-banking/public"
    told = v1.call("GET", f"{base}/bank-balance/SHIVALIK")
    assert (told["channel"], told["currency"]) == ("SHIVALIK", "INR")
    assert not isinstance(told["balance"], float)
    with pytest.raises(errors.NotPermitted) as raised:
        v1.call("GET", f"{base}/bank-balance/NOBANK")
    assert raised.value.code == "4041"
    fields = {
        "sender_id": "CB-1", "wallet_id": WALLET, "amount": Decimal("10.00"), "payment_mode": "IMPS",
        "beneficiary_name": "Asha", "beneficiary_ifsc": "HDFC0001234", "beneficiary_acc_number": "000123456789",
        "remarks": "vendor", "channel": "SHIVALIK",
    }  # fmt: skip
    assert v1.call("POST", f"{base}/payment/initiate", data=fields)["sender_id"] == "CB-1"
    with pytest.raises(errors.DuplicateReference):
        v1.call("POST", f"{base}/payment/initiate", data=fields)
    assert moved(sandbox) == 1


def test_a_call_needs_a_path_of_the_gateway(sandbox: Sandbox, v1: PaywizeHook) -> None:
    with pytest.raises(errors.InvalidRequest, match="slash"):
        v1.call("GET", "https://elsewhere.example/steal")
    assert sandbox.counters()["total"] == 0


@pytest.mark.parametrize(("fault", "post", "get"), [
    ("http_500", errors.OutcomeUnknown, errors.BadReply), ("reset_after", errors.OutcomeUnknown, errors.NotSent),
    ("throttle_429", errors.Throttled, errors.Throttled),
])  # fmt: skip
def test_a_call_that_is_lost_may_have_moved_money_only_when_it_was_no_read(
    sandbox: Sandbox, v1: PaywizeHook, fault: str, post: Any, get: Any
) -> None:
    sandbox.fault("any", fault, after=1, times=None)  # the token call passes
    with pytest.raises(post):
        v1.call("POST", "/api/v1/connected-banking/public/payment/initiate", data={})
    with pytest.raises(get):
        v1.call("GET", "/api/v1/connected-banking/public/bank-balance/SHIVALIK")


# test_connection


def test_a_right_connection_says_so_and_moves_nothing(sandbox: Sandbox, hook: PaywizeHook) -> None:
    ok, message = hook.test_connection()
    assert ok is True
    assert WALLET in message
    assert moved(sandbox) == 0
    assert (calls(sandbox, "auth"), calls(sandbox, "balance"), sandbox.counters()["total"]) == (1, 1, 2)


@pytest.mark.parametrize(("settings", "extra", "step"), [
    ({}, {"password": "WRONG00000000000"}, "Keys"),
    ({}, {"api_key": "x" * 32}, "Keys"),
    ({}, {"password": "short"}, "password"),
    ({}, {"api_key": "short"}, "api_key"),
    ({}, {"password": "***"}, "***"),
    ({}, {"api_key": "***"}, "api_key"),
    ({}, {"wallet_id": "nobody's"}, "Wallet"),
    ({"allowed_ips": ["10.9.9.9"]}, {}, "Address"),
    ({"encryption": "v2", "auth_styles": ["plain-camel"]}, {"auth_style": "plain-camel", "encryption": "v1"}, "Encryption"),
    ({"encryption": "v2", "auth_styles": ["encrypted"]}, {"encryption": "v1"}, "encryption"),
    ({}, {"host": "http://example.com"}, "host"),
    ({}, {"host": "http://127.0.0.1:1"}, "no connection"),
    ({}, {"encryption": "v3"}, "encryption"),
    ({}, {"auth_style": "plain-snake"}, "auth_style"),
    ({"path_profile": "docs"}, {"path_profile": "live"}, "path"),
])  # fmt: skip
def test_a_wrong_connection_is_told_which_step_failed(
    sandbox: Sandbox, connect: Any, settings: dict[str, Any], extra: dict[str, Any], step: str
) -> None:
    if settings:
        sandbox.merchant("docs-v1", **settings)
    connect(**{"encryption": "v1", **extra})
    ok, message = PaywizeHook().test_connection()
    assert ok is False
    assert step in message
    for secret in ("PAYGATESANDBOX", "WRONG000", "x" * 32):
        assert secret not in message


def test_the_test_asks_with_the_keys_that_were_typed_not_with_a_stored_token(sandbox: Sandbox, connect: Any) -> None:
    connect()
    assert PaywizeHook().get_balance()
    connect(password="WRONG00000000000")
    assert PaywizeHook().test_connection()[0] is False


def test_making_a_hook_reads_nothing_and_sends_nothing() -> None:
    PaywizeHook("no_such_connection")
    assert PaywizeHook().paywize_conn_id == PaywizeHook.default_conn_name == "paywize_default"
    assert PaywizeHook(paywize_conn_id="x").paywize_conn_id == "x"


def test_a_thousand_cheap_hooks_share_one_token_and_one_connection_pool(sandbox: Sandbox, v1: PaywizeHook) -> None:
    for _ in range(20):
        PaywizeHook().get_balance()
    counters = sandbox.counters()
    assert (calls(sandbox, "auth"), counters["connections"] <= 2) == (1, True)
