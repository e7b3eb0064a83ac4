"""Canaries: keys, tokens and account numbers, in any spelling, are nowhere that anybody can read."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.operators.paywize import (
    PaywizeBalanceOperator,
    PaywizeCollectionOperator,
    PaywizePayoutOperator,
    PaywizeRequestOperator,
)
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.sensors.paywize import PaywizePayoutSensor
from airflow_provider_paygate.tokens import bearer
from tests.conftest import payment
from tests.triggers.running import fired

ACCOUNT = "004417093355182"
API_KEY = "PAYGATESANDBOX+/=canary?&key%#01"
SECRET = "cAnArY/+secret&="
WEBHOOK_SECRET = "hook canary+secret/ü"


class Watch:
    """Collects whatever can be seen, and then looks for canaries in it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def see(self, where: str, *what: Any) -> None:
        for one in what:
            self.seen.append((where, one if isinstance(one, str) else repr(one) + str(one)))

    def raised(self, where: str, error: BaseException) -> None:
        """Text, attributes and the traceback as Airflow's logs show it, causes included."""
        self.see(where, error, json.dumps({**vars(error)}, default=repr), *error.args)
        self.see(where, "".join(traceback.format_exception(error)))

    def check(self, *canaries: str) -> None:
        assert len(self.seen) > 3
        for canary in canaries:
            for form in spellings(canary):
                hits = [where for where, text in self.seen if form in text]
                assert not hits, f"{canary[:6]}… as {form[:8]}… in {hits}"


def spellings(secret: str) -> set[str]:
    raw = secret.encode()
    inside_base64 = {base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4].decode() for shift in range(3)}
    return {
        secret, raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="), quote(secret, safe=""), quote_plus(secret),
        json.dumps(secret)[1:-1], repr(secret)[1:-1], *inside_base64,
    }  # fmt: skip


@pytest.fixture
def watch(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    books: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watch]:
    """Airflow's masker is switched off, as it is in `airflow dags test`: what it would hide must not be there at all."""
    from airflow.sdk._shared.secrets_masker.secrets_masker import SecretsMasker

    monkeypatch.setattr(SecretsMasker, "add_mask", lambda *_: None)
    caplog.set_level(logging.DEBUG)
    for name in ("airflow_provider_paygate", "urllib3", "aiohttp", "asyncio", "sqlalchemy.engine", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    watch = Watch()
    yield watch
    tokens = {held.value for held in bearer._held.values()}
    written = capsys.readouterr()
    watch.see("standard output", written.out, written.err)
    watch.see("log", *(record.getMessage() + str(record.exc_text) + str(record.args) for record in caplog.records))
    for path in books.parent.glob(books.name + "*"):
        watch.see(path.name, path.read_bytes().decode("latin-1"))
    watch.check(ACCOUNT, API_KEY, SECRET, WEBHOOK_SECRET, *tokens)


@pytest.fixture(params=["v1", "v2"])
def merchant(request: pytest.FixtureRequest, sandbox: Sandbox, connect: Callable[..., str]) -> str:
    styles = ["encrypted"] if request.param == "v1" else ["plain-snake"]
    sandbox.merchant(
        "docs-v1", api_key=API_KEY, secret_key=SECRET, encryption=request.param, auth_styles=styles,
        webhook_secret=WEBHOOK_SECRET,
    )  # fmt: skip
    connect(timeout=0.3, encryption=request.param, auth_style="auto" if request.param == "v1" else "plain-snake")
    return str(request.param)


def operator(reference: str = "INV-1", **fields: Any) -> PaywizePayoutOperator:
    return PaywizePayoutOperator(
        task_id="pay", poll_interval=0.02, **payment(reference, beneficiary_account=ACCOUNT, **fields)
    )


def test_the_canaries_would_be_found() -> None:
    watch = Watch()
    watch.see("here", "a", "b", "c", base64.b64encode(f"Bearer {SECRET} and more".encode()).decode())
    with pytest.raises(AssertionError, match="here"):
        watch.check(SECRET)


def test_a_payment_from_end_to_end(merchant: str, watch: Watch) -> None:
    pay = operator()
    watch.see("result", pay.execute({}))
    watch.see("again", pay.execute({}))
    hook = PaywizeHook()
    told = hook.get_payout(reference="INV-1")
    watch.see("facts", told, dict(told.raw), vars(told))
    watch.see("objects", hook, hook.settings, hook.client, hook.client.merchant, hook.client.tokens, hook.client.cipher)
    watch.see("payout", Payout(**payment(beneficiary_account=ACCOUNT)))
    watch.see("journal", hook.journal, hook.journal.find("INV-1"), hook.journal.fingerprints)
    watch.see("collection", PaywizeCollectionOperator(
        task_id="c", reference="C-1", amount="5", vpa="merchant@paywize", channel="FINO", callback_url="https://e.com/h",
    ).execute({}))  # fmt: skip
    watch.see("balance", PaywizeBalanceOperator(task_id="b").execute({}))
    path = hook.settings.merchant.paths["status"]
    watch.see(
        "request",
        PaywizeRequestOperator(task_id="r", method="GET", path=path, params={"sender_id": "INV-1"}).execute({}),
    )
    watch.see("sensor", PaywizePayoutSensor(task_id="s", reference="INV-1").execute({}))
    watch.see("test", hook.test_connection())


@pytest.mark.parametrize("fault", [
    "http_500", "http_502_html", "http_404", "html_200", "empty_body", "timeout_after", "reset_after", "undecryptable",
    "other_amount", "other_id", "unknown_code", "duplicate", "throttle_429", "redirect", "token_expired",
])  # fmt: skip
@pytest.mark.parametrize("operation", ["auth", "initiate", "status"])
def test_every_failure(sandbox: Sandbox, merchant: str, watch: Watch, operation: str, fault: str) -> None:
    sandbox.fault(operation, fault, executes=False, times=None)
    for act in (
        lambda: operator(timeout=0.05).execute({}),
        lambda: PaywizeHook().initiate_payout(Payout(**payment("INV-2", beneficiary_account=ACCOUNT))),
        lambda: PaywizeHook().get_payout(reference="INV-1"),
        PaywizeHook().test_connection,
    ):
        try:
            watch.see(fault, act())
        except errors.PaygateError as error:
            watch.raised(fault, error)


def test_a_gateway_that_echoes_what_it_was_told(sandbox: Sandbox, merchant: str, watch: Watch) -> None:
    quoting = (
        f"wrong: {ACCOUNT} {API_KEY} {SECRET} {quote(SECRET, safe='')} {base64.b64encode(API_KEY.encode()).decode()}"
    )
    for code in (4002, 4003, 4000, 4999):
        sandbox.fault("any", "unknown_code", code=code, message=quoting, status=400)
        with pytest.raises(errors.PaygateError) as raised:
            PaywizeHook().initiate_payout(Payout(**payment(beneficiary_account=ACCOUNT)))
        watch.raised("echo", raised.value)
        sandbox.fault("initiate", "unknown_code", code=code, message=quoting, status=400)
        with pytest.raises(errors.PaygateError) as raised:
            operator(f"INV-{code}").execute({})
        watch.raised("echo", raised.value)


@pytest.mark.parametrize("fields", [
    {"amount": "20.00"}, {"beneficiary_ifsc": "ICIC0001234"}, {"mode": "UPI"}, {"amount": 1.5}, {"remarks": "x" * 30},
    {"beneficiary_account": ACCOUNT + "-"}, {"beneficiary_account": int(ACCOUNT)}, {"reference": ""},
])  # fmt: skip
def test_conflicts_and_invalid_fields(merchant: str, watch: Watch, fields: dict[str, Any]) -> None:
    watch.see("first", operator().execute({}))
    with pytest.raises(errors.PaygateError) as raised:
        PaywizePayoutOperator(task_id="pay", **{**payment(beneficiary_account=ACCOUNT), **fields}).execute({})
    watch.raised("conflict", raised.value)
    watch.see("nothing", "a", "b", "c")


def test_a_failed_payment(sandbox: Sandbox, merchant: str, watch: Watch) -> None:
    sandbox.merchant("docs-v1", outcome="FAILED")
    with pytest.raises(errors.PayoutFailed) as raised:
        operator().execute({})
    watch.raised("failed", raised.value)


def test_wrong_keys(merchant: str, connect: Any, watch: Watch) -> None:
    for wrong in (
        {"password": SECRET[::-1]},
        {"password": SECRET + "x"},
        {"api_key": API_KEY[::-1]},
        {"api_key": API_KEY + "x"},
    ):
        connect(encryption="v1", auth_style="auto", **wrong)
        ok, message = PaywizeHook().test_connection()
        assert ok is False
        watch.see("test", message)
        with pytest.raises(errors.PaygateError) as raised:
            operator().execute({})
        watch.raised("keys", raised.value)
    watch.check(SECRET[::-1], API_KEY[::-1])


def test_a_deferred_payment(sandbox: Sandbox, merchant: str, watch: Watch) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    pay = operator(deferrable=True, timeout=5)
    with pytest.raises(TaskDeferred) as raised:
        pay.execute({})
    watch.see("trigger", raised.value.trigger, raised.value.trigger.serialize(), vars(raised.value.trigger))
    sandbox.advance(10)
    event = fired(raised.value.trigger)
    watch.see("event", event)
    watch.see("result", pay.execute_complete({}, event))
    sandbox.merchant("docs-v1", allowed_ips=["10.9.9.9"])
    watch.see("error event", fired(raised.value.trigger))


def test_webhooks(sandbox: Sandbox, merchant: str, watch: Watch) -> None:
    hook = PaywizeHook()
    hook.initiate_payout(Payout(**payment(beneficiary_account=ACCOUNT, callback_url="http://127.0.0.1:9/hook")))
    sandbox.advance(100)
    sandbox.webhooks()
    for post in sandbox.state.shared.postman.deliveries:
        event = hook.parse_webhook(post.body, post.headers)
        watch.see("event", event, dict(event.raw))
        with pytest.raises(errors.WebhookRejected) as raised:
            hook.parse_webhook(post.body + b" ", post.headers)
        watch.raised("rejected", raised.value)


def test_the_masker_knows_an_account_before_rendered_fields_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import redact

    account = "77130094415526"
    pay = PaywizePayoutOperator(task_id="pay", **payment(beneficiary_account="{{ account }}"))
    pay.render_template_fields({"account": account})
    assert pay.beneficiary_account == account
    assert redact({"beneficiary_account": account}) == {"beneficiary_account": "***"}
