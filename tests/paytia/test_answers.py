"""What each answer comes to, by operation: the envelope, other JSON, text, HTML; and whether money may have moved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_paygate.gateways.paytia import outcomes
from airflow_provider_paygate.gateways.paytia.auth import life_of
from airflow_provider_paygate.gateways.paytia.envelope import answer_of
from airflow_provider_paygate.gateways.wire import Fault, Kind, Reply, Undelivered

NOW = 1_700_000_000.4  # 2023-11-14 22:13:20 UTC, winter in London


def reply(status: int, body: Any, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def failed(code: int | None = None, why: str = "no") -> dict[str, Any]:
    return {"httpStatus": False, "reference_id": "r", "status": {"statusCode": code, "statusDescription": why}}


def kind(operation: str, answer: Reply) -> Kind:
    with pytest.raises(Fault) as fault:
        outcomes.checked(operation, answer)
    assert fault.value.http_status == answer.status
    return fault.value.kind


@pytest.mark.parametrize(
    ("answer", "money", "read", "link"),
    [
        (reply(208, "Duplicate"), Kind.DUPLICATE, Kind.DUPLICATE, Kind.DUPLICATE),
        (reply(200, failed(208)), Kind.DUPLICATE, Kind.DUPLICATE, Kind.DUPLICATE),
        (reply(400, "amount is invalid"), Kind.INVALID_REQUEST, Kind.INVALID_REQUEST, Kind.INVALID_REQUEST),
        (reply(200, failed(400)), Kind.INVALID_REQUEST, Kind.INVALID_REQUEST, Kind.INVALID_REQUEST),
        (reply(200, failed(None)), Kind.REFUSED, Kind.INVALID_REQUEST, Kind.INVALID_REQUEST),
        (reply(200, failed(400, "Card declined")), Kind.REFUSED, Kind.REFUSED, Kind.REFUSED),
        (reply(200, failed(400, "Insufficient funds")), *[Kind.INSUFFICIENT_FUNDS] * 3),
        (reply(400, failed(400, "Agent has no right to this type")), *[Kind.NOT_PERMITTED] * 3),
        (reply(401, "Unauthorized"), *[Kind.AUTHENTICATION] * 3),
        (reply(200, failed(401)), *[Kind.AUTHENTICATION] * 3),
        (reply(403, "no"), *[Kind.NOT_PERMITTED] * 3),
        (reply(405, "no"), *[Kind.INVALID_REQUEST] * 3),
        (reply(429, "slow"), *[Kind.THROTTLED] * 3),
        (reply(404, "<html>"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(302, ""), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(500, "oops"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(503, "<html>"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, failed(500)), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, "<html>welcome</html>"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, "thank you"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, ""), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, b"\xff\xfe{"), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
        (reply(200, b"[" * 100_000), Kind.UNKNOWN, Kind.BAD_REPLY, Kind.NOT_SENT),
    ],
)
def test_what_an_answer_comes_to(answer: Reply, money: Kind, read: Kind, link: Kind) -> None:
    for operation in ("charge", "settle", "bank_payout", "payment_service", "call"):
        assert kind(operation, answer) is money, operation
    assert kind("payments_taken", answer) is read
    assert kind("link", answer) is link


@pytest.mark.parametrize(
    "body", [{"ok": 1}, {"httpStatus": True, "status": {"statusCode": 200}}, {"httpStatus": "true"}, [], {}]
)
def test_json_in_which_nothing_says_otherwise_is_a_success(body: Any) -> None:
    assert outcomes.checked("charge", reply(200, body)).succeeded


@pytest.mark.parametrize(
    ("operation", "sent", "expected"),
    [
        ("charge", True, Kind.UNKNOWN), ("charge", False, Kind.NOT_SENT), ("link", True, Kind.NOT_SENT),
        ("payments_taken", True, Kind.NOT_SENT), ("refresh", True, Kind.UNKNOWN), ("refresh", False, Kind.NOT_SENT),
    ],
)  # fmt: skip
def test_no_answer_at_all(operation: str, sent: bool, expected: Kind) -> None:
    assert outcomes.undelivered(operation, Undelivered("gone", sent=sent)).kind is expected


@pytest.mark.parametrize(
    "answer",
    [
        reply(400, "bad", x_request_id="req-7"), reply(400, "bad", request_id="req-7"),
        reply(400, "bad", x_correlation_id="req-7"), reply(400, {**failed(400), "request_id": "req-7"}),
    ],
)  # fmt: skip
def test_the_request_id_is_kept(answer: Reply) -> None:
    assert answer_of(answer).request_id == "req-7"
    with pytest.raises(Fault, match="request id req-7"):
        outcomes.checked("charge", answer)


def test_no_long_number_of_an_answer_is_quoted() -> None:
    with pytest.raises(Fault) as fault:
        outcomes.checked("charge", reply(400, "account 12345678901 and card 4111 1111 1111 1111"))
    assert "12345678901" not in str(fault.value)
    assert "4111" not in str(fault.value)


@pytest.mark.parametrize(
    ("shown", "life"),
    [
        ("2023-11-14 23:13:20", 3600), ("2023-11-14 22:13:23", 3), ("2023-11-14T22:23:20", 600),
        ("2023-11-15 00:13:20", None), ("2023-11-14 21:00:00", None), ("2023-11-15 03:43:20", None),
        ("soon", None), (None, None), ("2023-13-45 99:99:99", None),
    ],
)  # fmt: skip
def test_an_expire_time_is_believed_only_within_the_next_hour(shown: str | None, life: float | None) -> None:
    assert life_of(shown, None, NOW) == life


def test_summer_in_london_is_read_as_such() -> None:
    summer = 1_721_000_000.0  # 2024-07-14 23:33:20 UTC, half past midnight there
    assert life_of("2024-07-15 01:33:20", None, summer) == 3600
    assert life_of("2024-07-15 00:33:20", None, summer) == 3600


@pytest.mark.parametrize("skew", [-120, 120, 86400])
def test_a_clock_that_is_wrong_does_not_matter_where_the_answer_has_a_date(skew: float) -> None:
    assert life_of("2023-11-14 22:13:23", "Tue, 14 Nov 2023 22:13:20 GMT", NOW + skew) == 3
