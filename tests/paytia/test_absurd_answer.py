"""An answer that breaks its reader is no proof that nothing moved, and hardly any answer breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_paygate.exceptions import BadReply, NotSent, OutcomeUnknown
from airflow_provider_paygate.gateways.paytia import auth, client, outcomes, reporting
from airflow_provider_paygate.gateways.paytia.envelope import answer_of
from airflow_provider_paygate.gateways.paytia.paths import Names
from airflow_provider_paygate.gateways.paytia.payment import call_of, payment_of
from airflow_provider_paygate.gateways.paytia.webhook import event_of
from airflow_provider_paygate.gateways.wire import Fault, Reply
from airflow_provider_paygate.hooks.paytia import PaytiaHook
from airflow_provider_paygate.operators.paytia import PaytiaChargeOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect
from tests.paytia.fake import Fake

NO_DECIMAL = "1e99999999999999999999"


def broken(*_: object) -> Any:
    raise ValueError("an absurd number")


def charge(reference: str = "INV-1") -> PaytiaChargeOperator:
    return PaytiaChargeOperator(task_id="t", reference=reference, amount="12.50", transaction_id="pm_ok")


@pytest.mark.parametrize("name", ["key-only", "enhanced"])
def test_an_answer_that_breaks_its_reader_is_looked_up(
    sandbox: Sandbox, account: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    account(name)
    with monkeypatch.context() as absurd:
        absurd.setattr(client, "facts_of", broken)
        assert charge().execute({})["status"] == "COMPLETED"
    assert sandbox.counters()["operations"]["payments_taken"] >= 1
    assert sandbox.ledger()["totals"]["count"] == 1


@pytest.mark.parametrize("name", ["key-only", "enhanced"])
def test_it_stays_unknown_while_no_answer_can_be_read(
    sandbox: Sandbox, account: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    list(account(name).payments_taken())  # a pair is there
    with monkeypatch.context() as absurd:
        absurd.setattr(outcomes, "checked", broken)
        with pytest.raises(OutcomeUnknown):
            charge().execute({})
    assert charge().execute({})["status"] == "COMPLETED"
    assert sandbox.ledger()["totals"]["count"] == 1


@pytest.mark.parametrize(
    ("send", "error"),
    [
        (lambda hook: hook.payment_service({"type": "store_payment", "transaction_id": "pm_ok", "amount": "1.00",
                                            "reference_number": "A"}), OutcomeUnknown),
        (lambda hook: hook.call("POST", "/api/payment_service", {"transaction_flag": 9, "amount": "1.00",
                                                                 "reference_number": "A"}), OutcomeUnknown),
        (lambda hook: hook.create_payment_link(reference="A", amount="1.00"), NotSent),
        (lambda hook: hook.release_reserve(transaction_id="pi_reserved"), NotSent),
        (lambda hook: list(hook.payments_taken()), BadReply),
        (lambda hook: hook.get_payment(reference="A"), BadReply),
        (lambda hook: hook.cdr("1"), BadReply),
    ],
)  # fmt: skip
def test_it_never_says_that_an_argument_was_wrong(
    fake: Fake,
    link: Connect,
    monkeypatch: pytest.MonkeyPatch,
    send: Callable[[PaytiaHook], Any],
    error: type[Exception],
) -> None:
    fake.enhanced = False
    hook = link(auth_mode="key")
    monkeypatch.setattr(outcomes, "answer_of", broken)
    with pytest.raises(error, match="cannot be read"):
        send(hook)
    assert len(fake.seen) == 1


def test_a_token_answer_that_breaks_its_reader_counts_as_lost(
    fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, refresh = fake.new_pair()
    hook = link(refresh_token=refresh)
    with monkeypatch.context() as absurd:
        absurd.setattr(auth, "life_of", broken)
        with pytest.raises(NotSent, match="retry"):
            hook.refresh()
    hook.refresh()
    assert fake.spent[refresh] <= 2


def test_a_number_that_no_decimal_holds_is_read(fake: Fake, link: Connect) -> None:
    body = f'{{"httpStatus": true, "status": "completed", "fee": {NO_DECIMAL}, "reference_number": "INV-1"}}'
    fake.enhanced = False
    fake.fail("payment_service", lambda: (200, body))
    hook = link(auth_mode="key")
    assert hook.charge_stored(reference="INV-1", amount="12.50", transaction_id="pm_ok").succeeded
    assert len(fake.charged()) == 1
    fake.payments[0]["Processing Charge"] = NO_DECIMAL
    assert next(hook.payments_taken()).succeeded
    assert hook.parse_webhook(f'{{"status": "completed", "amount": {NO_DECIMAL}}}'.encode(), {}).amount is None


FIELDS = (
    "httpStatus", "status", "statusCode", "statusDescription", "data", "rows", "amount", "reference_number", "timestamp",
    "transaction_id", "intimes", "fee", "access_token", "refresh_token", "expire_time", "request_id", "url", "success",
)  # fmt: skip
STRANGE = (
    "1e999999999999999999", NO_DECIMAL, "NaN", "Infinity", "£1,2", "9999-12-31 23:59:59", "0001-01-01T00:00:00Z", "9" * 13,
    "0000-00-00 00:00:00", "2026-01-01T25:00:00Z", "9" * 5000, "\ud800", "\x00", "4111 1111 1111 1111", "2026-01-01 P1D",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(STRANGE)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=7).map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b'{"a":' + b"9" * 5000 + b"}", f'{{"a":{NO_DECIMAL}}}'.encode()]),
)


@settings(max_examples=150, deadline=None)
@given(BODIES, st.sampled_from([200, 208, 401, 500]))
def test_no_answer_breaks_its_reader(body: bytes, status: int) -> None:
    names, reply = Names(), Reply(status, {}, body)
    outcomes.token_refused(reply)
    try:
        answer = outcomes.checked("charge", reply)
        auth.issued_of("refresh", answer, names, None, 1_700_000_000)
    except Fault:
        answer = answer_of(reply)
    payment_of(answer.content, names)
    with suppress(Fault):
        for row in reporting.Pages({}, names).rows(answer):
            payment_of(row, names)
            call_of(row, names)
    with suppress(ValueError):  # which the hook makes a WebhookRejected
        event_of(body, {}, names=names, secret=None, policy="off", header="x")
