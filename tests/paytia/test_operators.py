"""Operators, the sensor and its trigger, as Airflow runs them."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_paygate.exceptions import InvalidRequest, PayoutFailed
from airflow_provider_paygate.operators import paytia
from airflow_provider_paygate.operators.paytia import (
    PaytiaAuthorizeOperator,
    PaytiaChargeOperator,
    PaytiaReportOperator,
    PaytiaRequestOperator,
    PaytiaSubscriptionOperator,
)
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.sensors.paytia import PaytiaPaymentSensor
from tests.paytia.conftest import Connect
from tests.paytia.fake import Fake


def test_every_operator_templates_its_arguments_and_its_connection() -> None:
    for name in paytia.__all__:
        fields = getattr(paytia, name).template_fields
        assert "paytia_conn_id" in fields, name


def test_authorize_stores_a_pair_and_tells_no_token(sandbox: Sandbox, account: Connect) -> None:
    hook = account("enhanced")
    told = PaytiaAuthorizeOperator(task_id="t").execute({})
    assert told == {"authorized": True, "seconds": 3600}
    assert sandbox.counters()["operations"]["authorize"] == 1
    list(hook.payments_taken())


def test_a_request_gives_plain_json_without_secrets(fake: Fake, link: Connect) -> None:
    link()
    answer = {"amount": 1.50, "access_token": "abc", "account_number": "12345678", "note": "4111111111111111"}
    fake.fail("cdr", (200, answer))
    told = PaytiaRequestOperator(task_id="t", method="post", path="/api/view_cdr_log", data={"cdr_id": "1"}).execute({})
    assert told == {"amount": "1.5", "access_token": "***", "account_number": "****5678", "note": "****1111"}


@pytest.mark.parametrize("action", ["update", "cancel"])
def test_a_subscription_is_changed_and_ended(sandbox: Sandbox, account: Connect, action: str) -> None:
    account()
    more = {"subscription_amount": 12, "interval": "monthly", "start_date": "2027-01-01"} if action == "update" else {}
    told = PaytiaSubscriptionOperator(task_id="t", action=action, subscription_id="sub_active", **more).execute({})
    assert told["reference"] == "sub_active"
    sent = sandbox.counters()["operations"]["payment_service"]
    assert sent == 1


@pytest.mark.parametrize("wrong", [{"action": "pause"}, {"subscription_id": " "}])
def test_a_wrong_subscription_is_named(sandbox: Sandbox, account: Connect, wrong: dict[str, Any]) -> None:
    account()
    with pytest.raises(InvalidRequest):
        PaytiaSubscriptionOperator(
            task_id="t", **{"action": "cancel", "subscription_id": "sub_active", **wrong}
        ).execute({})


def test_days_are_the_reports_own_unless_they_come_from_default_args() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with DAG(dag_id="d", schedule=None, default_args={"start_date": begin}):
        plain = PaytiaReportOperator(task_id="a", path="x.csv")
        own = PaytiaReportOperator(task_id="b", path="x.csv", start_date="{{ ds }}", end_date="2026-02-01")
    assert (plain.first_day, plain.start_date) == (None, begin)
    assert (own.first_day, own.last_day) == ("{{ ds }}", "2026-02-01")


def test_card_data_and_bank_tokens_are_masked_before_rendered_fields_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow.providers.common.compat.sdk.mask_secret", masked.append, raising=False)
    task = paytia.PaytiaBankPayoutOperator(
        task_id="t", reference="R", amount="1.00", bank_token="bank-secret-1",
        fields={"cvv": "987", "note": "4111 1111 1111 1111"},
    )  # fmt: skip
    task.render_template_fields({})
    assert {"bank-secret-1", "987", "4111 1111 1111 1111"} <= set(masked)


def test_the_sensor_waits_until_the_payer_has_paid(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    sensor = PaytiaPaymentSensor(task_id="t", reference="L-1")
    assert not sensor.poke({}).is_done
    hook.create_payment_link(reference="L-1", amount="7.00")
    assert not sensor.poke({}).is_done
    sandbox.advance(10)
    told = sensor.poke({})
    assert told.is_done
    assert told.xcom_value["status"] == "COMPLETED"
    assert told.xcom_value["amount"] == "7.00"


@pytest.mark.parametrize("ending", ["FAIL", "CANCEL", "TIMEOUT"])
def test_a_payment_that_ended_otherwise_fails_the_sensor(sandbox: Sandbox, account: Connect, ending: str) -> None:
    account().create_payment_link(reference="L-1", amount="7.00", description=ending)
    sandbox.advance(60)
    with pytest.raises(PayoutFailed, match="L-1"):
        PaytiaPaymentSensor(task_id="t", reference="L-1").poke({})


def test_deferred_it_waits_in_the_triggerer(sandbox: Sandbox, account: Connect) -> None:
    hook = account("enhanced")
    sensor = PaytiaPaymentSensor(task_id="t", reference="L-1", deferrable=True, poke_interval=0.05, timeout=20)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    path, arguments = deferred.value.trigger.serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(__import__(module, fromlist=[name]), name)(**json.loads(json.dumps(arguments)))

    async def wait() -> Any:
        async for event in again.run():
            return event.payload
        return None

    hook.create_payment_link(reference="L-1", amount="7.00")
    sandbox.advance(10)
    event = asyncio.run(wait())
    assert event == {"status": "done"}
    assert sensor.execute_complete({}, event)["reference"] == "L-1"


def test_the_trigger_gives_up_at_its_deadline_and_tells_errors(sandbox: Sandbox, account: Connect) -> None:
    from airflow_provider_paygate.triggers.paytia import PaytiaSensorTrigger

    account()

    async def first(trigger: PaytiaSensorTrigger) -> dict[str, Any]:
        async for event in trigger.run():
            return dict(event.payload)
        raise AssertionError

    late = PaytiaSensorTrigger("paytia_default", "payment", {"reference": "L-1"}, 0.01, time.time() - 1)
    assert asyncio.run(first(late))["status"] == "timeout"
    account(api_key="PAYGATESANDBOX" + "0" * 50)
    wrong = PaytiaSensorTrigger("paytia_default", "payment", {"reference": "L-1"}, 0.01, time.time() + 5)
    assert asyncio.run(first(wrong))["error"] == "AuthenticationFailed"


def test_identity_is_the_reference_alone(sandbox: Sandbox, account: Connect) -> None:
    account()
    for try_number in (1, 2, 3):
        ti = type(
            "TI", (), {"dag_id": "d", "run_id": f"r{try_number}", "task_id": "t", "map_index": 3, "try_number": 1}
        )()
        PaytiaChargeOperator(task_id="t", reference="A", amount="1.00", transaction_id="pm_ok").execute({"ti": ti})
    assert sandbox.ledger()["totals"]["count"] == 1
