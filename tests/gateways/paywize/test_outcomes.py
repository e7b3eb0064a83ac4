"""One table: every code of every operation, and what it came to. Whether to retry follows from this alone."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_paygate.gateways.paywize.auth import token_of
from airflow_provider_paygate.gateways.paywize.cipher import V1, V2
from airflow_provider_paygate.gateways.paywize.envelope import Envelope, opened
from airflow_provider_paygate.gateways.paywize.outcomes import checked, token_refused
from airflow_provider_paygate.gateways.wire import Fault, Kind, Reply

OPERATIONS = ("auth", "initiate", "status", "balance", "collection_initiate", "collection_status", "call", "read")
MONEY = ("initiate", "collection_initiate", "call")
# An unexplained failure of: a token call has moved nothing, a money call may have, a read tells nothing.
UNEXPLAINED = {name: Kind.UNKNOWN if name in MONEY else Kind.BAD_REPLY for name in OPERATIONS} | {"auth": Kind.NOT_SENT}

DOCUMENTED = [
    ("auth", 4001, "Unauthorized access", Kind.AUTHENTICATION),
    ("auth", 4014, "Decryption failed. Please check the encryption", Kind.AUTHENTICATION),
    ("initiate", 4000, "please provide payload", Kind.INVALID_REQUEST),
    ("initiate", 4000, "Insufficient Balance in the wallet", Kind.INSUFFICIENT_FUNDS),
    ("initiate", 4024, "RTGS not supported for this wallet_id", Kind.NOT_PERMITTED),
    ("initiate", 4025, "RTGS only for ₹2,00,000 and above", Kind.LIMIT_EXCEEDED),
    ("initiate", 4001, "Unauthorized – invalid or expired token", Kind.AUTHENTICATION),
    ("initiate", 4003, "No commercial configuration for this merchant", Kind.NOT_PERMITTED),
    ("initiate", 4003, "No commercial configuration for this payment mode", Kind.NOT_PERMITTED),
    ("initiate", 4003, "Transaction limit exceeded", Kind.LIMIT_EXCEEDED),
    ("initiate", 4003, "Transaction amount below the minimum limit", Kind.LIMIT_EXCEEDED),
    ("initiate", 4003, "something new", Kind.REFUSED),
    ("initiate", 4023, "Missing or Invalid Wallet ID", Kind.INVALID_REQUEST),
    ("initiate", 4002, "amount is required", Kind.INVALID_REQUEST),
    ("initiate", 4002, "beneficiary_ifsc must be a string", Kind.INVALID_REQUEST),
    ("initiate", 4002, "sender ID must not exceed 38 characters", Kind.INVALID_REQUEST),
    ("initiate", 4002, "Invalid or Duplicate Sender ID", Kind.DUPLICATE),
    ("initiate", 4013, "Daily Limit reached", Kind.LIMIT_EXCEEDED),
    ("initiate", 4014, "Decryption failed. Please check the encryption", Kind.AUTHENTICATION),
    ("initiate", 5000, "Internal Server Error", Kind.UNKNOWN),
    ("initiate", 4008, "Invalid or expired token", Kind.AUTHENTICATION),
    ("status", 4101, "neither given", Kind.INVALID_REQUEST),
    ("status", 4102, "both given", Kind.INVALID_REQUEST),
    ("status", 4001, "token invalid or expired", Kind.AUTHENTICATION),
    ("status", 4103, "Transaction not found", Kind.NOT_FOUND),
    ("status", 5000, "Internal Server Error", Kind.BAD_REPLY),
    ("balance", 4022, "wallet_id is required", Kind.INVALID_REQUEST),
    ("balance", 4044, "Wallet not found", Kind.INVALID_REQUEST),
    ("balance", 4001, "Unauthorized", Kind.AUTHENTICATION),
    ("balance", 5000, "Internal Server Error", Kind.BAD_REPLY),
    ("collection_initiate", 4001, "Invalid request format", Kind.INVALID_REQUEST),
    ("collection_initiate", 4001, "Unauthorized – invalid or expired token", Kind.AUTHENTICATION),
    ("collection_initiate", 4003, "senderId invalid", Kind.INVALID_REQUEST),
    ("collection_initiate", 4004, "amount missing", Kind.INVALID_REQUEST),
    ("collection_initiate", 4005, "txnType missing", Kind.INVALID_REQUEST),
    ("collection_initiate", 4006, "callbackUrl missing", Kind.INVALID_REQUEST),
    ("collection_initiate", 4007, "VPA not registered", Kind.INVALID_REQUEST),
    ("collection_initiate", 4008, "Invalid or expired token", Kind.AUTHENTICATION),
    ("collection_initiate", 4010, "above max amount", Kind.LIMIT_EXCEEDED),
    ("collection_initiate", 4011, "below min amount", Kind.LIMIT_EXCEEDED),
    ("collection_initiate", 4012, "senderId already exists", Kind.DUPLICATE),
    ("collection_initiate", 4013, "daily limit", Kind.LIMIT_EXCEEDED),
    ("collection_initiate", 4014, "decryption failed", Kind.AUTHENTICATION),
    ("collection_initiate", 4015, "commercials not active", Kind.NOT_PERMITTED),
    ("collection_initiate", 4016, "no active settlement account", Kind.NOT_PERMITTED),
    ("collection_initiate", 5000, "server error", Kind.UNKNOWN),
    ("collection_status", 4000, "neither id given", Kind.INVALID_REQUEST),
    ("collection_status", 4008, "token", Kind.AUTHENTICATION),
    ("collection_status", 4103, "both ids given", Kind.INVALID_REQUEST),  # on payouts: not found
    ("collection_status", 4104, "not found", Kind.NOT_FOUND),
    ("collection_status", 4105, "txnId format", Kind.INVALID_REQUEST),
    ("collection_status", 4107, "not this merchant's transaction", Kind.NOT_PERMITTED),
    ("collection_status", 5000, "server error", Kind.BAD_REPLY),
    ("read", 4041, "channel unsupported", Kind.NOT_PERMITTED),
    ("read", 4042, "merchant channel not configured", Kind.NOT_PERMITTED),
    ("read", 4043, "account details not configured", Kind.NOT_PERMITTED),
    ("read", 4290, "rate limit exceeded", Kind.THROTTLED),
    ("read", 5001, "bank did not answer", Kind.BAD_REPLY),
    ("call", 4002, "Invalid or Duplicate Sender ID", Kind.DUPLICATE),
    ("call", 4000, "Insufficient Balance in the wallet", Kind.INSUFFICIENT_FUNDS),
    ("call", 5001, "bank did not answer", Kind.UNKNOWN),
]


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def fault_of(operation: str, answer: Reply) -> Fault:
    with pytest.raises(Fault) as raised:
        checked(operation, answer)
    return raised.value


@pytest.mark.parametrize("form", ["resp_code", "respCode", "text code", "null beside it"])
@pytest.mark.parametrize("status", [200, 400, 422])
@pytest.mark.parametrize(("operation", "code", "message", "kind"), DOCUMENTED)
def test_every_documented_code_has_its_meaning_under_any_status_and_spelling(
    operation: str, code: int, message: str, kind: Kind, status: int, form: str
) -> None:
    body = {
        "resp_code": {"resp_code": code, "resp_message": message},
        "respCode": {"respCode": code, "respMessage": message},
        "text code": {"resp_code": f" {code}", "respMessage": message},
        "null beside it": {"resp_code": None, "respCode": code, "respMessage": message},
    }[form]
    fault = fault_of(operation, reply(status, body))
    assert (fault.kind, fault.code, fault.http_status, fault.operation) == (kind, str(code), status, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"resp_code": 5000, "resp_message": "Internal Server Error"}),
        (500, {"message": "Internal server error", "statusCode": 500}),
        (502, b"<html><h1>502 Bad Gateway</h1></html>"),
        (504, b""),
        (500, {"resp_code": 2000, "resp_message": "Payout request created successfully", "data": "x"}),
        (200, b""),
        (200, b"<!doctype html>"),
        (200, b"\xff\xfe"),
        (200, []),
        (200, "text"),
        (200, {}),
        (200, {"resp_code": 4999, "resp_message": "news"}),
        (400, {"resp_code": 4999, "resp_message": "news"}),
        (200, b"[" * 100_000),
        (302, b""),
        (404, {"statusCode": 404, "message": "Not Found"}),
        (404, b"<html>no such page</html>"),
        (418, {"resp_code": 2000, "data": "x"}),
    ],
)
def test_what_explains_nothing_is_unknown_for_money_and_retried_for_the_token(
    operation: str, status: int, body: Any
) -> None:
    fault = fault_of(operation, reply(status, body))
    assert fault.kind is UNEXPLAINED[operation]
    assert fault.http_status == status


@pytest.mark.parametrize("operation", OPERATIONS)
def test_too_many_requests_were_not_processed_whatever_the_body_says(operation: str) -> None:
    for answer in (
        reply(429, b"<html>slow down</html>", **{"retry-after": "7"}),
        reply(429, {"statusCode": 429, "message": "ThrottlerException"}, **{"retry-after": " 7 "}),
        reply(429, {"resp_code": 2000, "data": "x"}, **{"retry-after": "7"}),
        reply(200, {"resp_code": 4290, "resp_message": "rate limit"}, **{"retry-after": "7"}),
    ):
        fault = fault_of(operation, answer)
        assert (fault.kind, fault.retry_after) == (Kind.THROTTLED, 7)
    dated = reply(429, b"", **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert fault_of(operation, dated).retry_after is None


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", [{"message": "Your IP address is not allowed"}, b"<html>403</html>", b""])
def test_a_refused_address_is_not_permitted_and_says_what_to_do(operation: str, body: Any) -> None:
    fault = fault_of(operation, reply(403, body))
    assert fault.kind is Kind.NOT_PERMITTED
    assert "outgoing address" in str(fault)


@pytest.mark.parametrize("message", [["property payload should not exist", "api_key should not be empty"], "bad"])
def test_request_validation_in_front_of_the_service(message: Any) -> None:
    body = {"statusCode": 400, "message": message, "error": "Bad Request"}
    assert fault_of("initiate", reply(400, body)).kind is Kind.INVALID_REQUEST
    token = fault_of("auth", reply(400, body))
    assert token.kind is Kind.AUTHENTICATION
    assert "auth_style" in str(token)


@pytest.mark.parametrize(
    ("operation", "status", "body", "refused"),
    [
        ("initiate", 401, b"", True),
        ("collection_status", 401, b"<html>", True),
        ("initiate", 200, {"resp_code": 4001, "resp_message": "Unauthorized"}, True),
        ("status", 400, {"resp_code": "4001", "resp_message": "x"}, True),
        ("call", 200, {"resp_code": 4001, "resp_message": "x"}, True),
        ("collection_initiate", 200, {"respCode": 4008, "respMessage": "x"}, True),
        ("initiate", 200, {"respCode": 4008, "respMessage": "x"}, True),
        ("collection_initiate", 400, {"respCode": 4001, "respMessage": "Invalid request format"}, False),
        ("collection_initiate", 400, {"respCode": 4001, "respMessage": "Invalid token"}, True),
        ("collection_initiate", 400, {"respCode": 4001, "respMessage": "Unauthorised"}, True),
        ("initiate", 200, {"resp_code": 2000, "resp_message": "Unauthorized token", "data": "x"}, False),
        ("initiate", 400, {"resp_code": 4002, "resp_message": "token is required"}, False),
        ("initiate", 502, b"<html>", False),
        ("initiate", 403, {"message": "Your IP address is not allowed"}, False),
    ],
)
def test_all_three_signals_of_an_expired_token_and_nothing_else(
    operation: str, status: int, body: Any, refused: bool
) -> None:
    assert token_refused(operation, reply(status, body)) is refused


def test_no_long_number_and_no_long_text_of_the_gateway_gets_into_a_message() -> None:
    said = "account 000123456789 is wrong " * 20
    text = str(fault_of("initiate", reply(400, {"resp_code": 4002, "resp_message": said})))
    assert "000123456789" not in text
    assert len(text) < 300


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "plaintext",
    [f'{{"token": "{JWT}"}}', f'{{"access_token":"{JWT}"}}', f'{{"accessToken":"{JWT}"}}', f'{{"jwt":"{JWT}"}}',
     JWT, f"  {JWT}\n", f'"{JWT}"'],
)  # fmt: skip
def test_a_token_comes_in_every_shape_that_was_seen(version: str, plaintext: str) -> None:
    cipher: V1 | V2 = V1("k" * 32, "s" * 16) if version == "v1" else V2("s" * 16)
    minted = token_of(cipher, Envelope(200, "2000", "", cipher.encrypt(plaintext.encode()), 120))
    assert (minted.value, minted.life) == (JWT, 120)
    assert JWT not in repr(minted)


@pytest.mark.parametrize("data", [{"token": JWT}, JWT, {"access_token": JWT}])
def test_or_even_in_plain(data: Any) -> None:
    assert token_of(V2("s"), Envelope(200, "2000", "", data)).value == JWT


@pytest.mark.parametrize(
    "plaintext", ["{}", "[]", '{"token": ""}', '{"token": "a b"}', '{"token": "a\\r\\nX: y"}', "", "é"]
)
def test_what_is_no_token_is_never_put_into_a_header(plaintext: str) -> None:
    cipher = V2("s" * 16)
    with pytest.raises(Fault) as raised:
        token_of(cipher, Envelope(200, "2000", "", cipher.encrypt(plaintext.encode())))
    assert raised.value.kind is Kind.AUTHENTICATION


@pytest.mark.parametrize(("told", "life"), [(300, 300), ("60", 60), (None, None), (0, None), (-5, None), ("x", None)])
def test_the_life_of_a_token_is_what_the_answer_says(told: Any, life: int | None) -> None:
    assert opened(reply(200, {"respCode": 2000, "data": "x", "expiresIn": told})).life == life


def test_a_number_that_no_decimal_holds_is_read() -> None:
    body = b'{"resp_code": 2000, "resp_message": "ok", "data": {"amount": 1e99999999999999999999, "fee": 1.50}}'
    assert opened(Reply(200, {}, body)).data == {"amount": "1e99999999999999999999", "fee": Decimal("1.50")}
