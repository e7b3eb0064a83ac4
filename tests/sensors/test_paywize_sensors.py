"""Sensors wait for what will come, end at what cannot come any more, and only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.sensors.paywize import PaywizeBalanceSensor, PaywizeCollectionSensor, PaywizePayoutSensor
from tests.conftest import calls, payment
from tests.triggers.running import fired

WALLET = "PAYWIZE12345679"
COLLECTION = {
    "amount": "100.50",
    "vpa": "merchant@paywize",
    "channel": "FINO",
    "callback_url": "https://example.com/hook",
}


@pytest.fixture
def hook(connect: Callable[..., str], sandbox: Sandbox) -> PaywizeHook:
    connect()
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    return PaywizeHook()


def quick(kind: Any, **fields: Any) -> Any:
    return kind(task_id="wait", **{"poke_interval": 0.02, "timeout": 5, **fields})


def test_a_payout_is_waited_for(sandbox: Sandbox, hook: PaywizeHook) -> None:
    told = hook.initiate_payout(Payout(**payment()))
    sensor = quick(PaywizePayoutSensor, reference="INV-1")
    assert sensor.poke({}).is_done is False
    sandbox.advance(10)
    result = sensor.execute({})
    assert result == {
        "reference": "INV-1", "sender_id": "INV-1", "transaction_id": told.transaction_id, "status": "SUCCESS",
        "utr": result["utr"], "amount": "1250.00",
    }  # fmt: skip
    assert quick(PaywizePayoutSensor, transaction_id=told.transaction_id).execute({}) == result


def test_a_collection_is_waited_for(sandbox: Sandbox, hook: PaywizeHook) -> None:
    hook.initiate_collection(reference="C-1", **COLLECTION)
    sensor = quick(PaywizeCollectionSensor, reference="C-1")
    assert sensor.poke({}).is_done is False
    sandbox.advance(10)
    assert (sensor.execute({})["status"], sensor.execute({})["amount"]) == ("SUCCESS", "100.50")


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_cannot_come_any_more_fails(sandbox: Sandbox, hook: PaywizeHook, deferrable: bool) -> None:
    sandbox.merchant("docs-v1", collection_outcome="FAILED")
    hook.initiate_payout(Payout(**payment(beneficiary_account="9876543210")))
    hook.initiate_collection(reference="C-1", **COLLECTION)
    sandbox.advance(100)
    for kind, reference in ((PaywizePayoutSensor, "INV-1"), (PaywizeCollectionSensor, "C-1")):
        with pytest.raises(errors.PayoutFailed, match=reference):
            quick(kind, reference=reference, deferrable=deferrable).execute({})


def test_money_in_a_wallet_is_waited_for(sandbox: Sandbox, hook: PaywizeHook) -> None:
    sandbox.merchant("docs-v1", wallets={WALLET: "999.99"})
    sensor = quick(PaywizeBalanceSensor, minimum="1000")
    assert sensor.poke({}).is_done is False
    sandbox.merchant("docs-v1", wallets={WALLET: "1000.00"})
    assert sensor.execute({}) == {"wallet_id": WALLET, "available": "1000.00", "currency": "INR"}
    assert quick(PaywizeBalanceSensor, minimum=50000, wallet_id="8109039352").execute({})["available"] == "50000.00"


@pytest.mark.parametrize("minimum", [1000.5, "lots", None, -1])
def test_a_minimum_is_exact(sandbox: Sandbox, hook: PaywizeHook, minimum: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="minimum"):
        quick(PaywizeBalanceSensor, minimum=minimum).execute({})
    assert calls(sandbox, "balance") == 0


@pytest.mark.parametrize("fault", ["http_500", "http_502_html", "throttle_429", "reset_before", "token_expired"])
@pytest.mark.parametrize("kind", [PaywizePayoutSensor, PaywizeCollectionSensor])
def test_a_passing_failure_is_not_yet(sandbox: Sandbox, hook: PaywizeHook, fault: str, kind: Any) -> None:
    hook.initiate_payout(Payout(**payment()))
    hook.initiate_collection(reference="INV-1", **COLLECTION)
    sandbox.advance(10)
    operation = "status" if kind is PaywizePayoutSensor else "collection_status"
    sandbox.fault(operation, fault)
    assert quick(kind, reference="INV-1").execute({})["status"] == "SUCCESS"


def test_what_nobody_has_seen_yet_is_waited_for_until_the_sensor_times_out(hook: PaywizeHook) -> None:
    sensor = quick(PaywizePayoutSensor, reference="later", timeout=0.05)
    assert sensor.poke({}).is_done is False
    with pytest.raises(AirflowSensorTimeout):
        sensor.execute({})


def test_wrong_keys_end_the_waiting(connect: Any, hook: PaywizeHook) -> None:
    connect(password="WRONG00000000000")
    with pytest.raises(errors.AuthenticationFailed):
        quick(PaywizePayoutSensor, reference="INV-1").execute({})


@pytest.mark.parametrize("ids", [{}, {"reference": "a", "transaction_id": "b"}])
@pytest.mark.parametrize("kind", [PaywizePayoutSensor, PaywizeCollectionSensor])
def test_exactly_one_id_is_needed(hook: PaywizeHook, kind: Any, ids: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidRequest):
        quick(kind, **ids).execute({})


def test_ids_wallet_and_connection_are_templates() -> None:
    for kind, fields in (
        (PaywizePayoutSensor, {"reference", "transaction_id"}), (PaywizeCollectionSensor, {"reference", "transaction_id"}),
        (PaywizeBalanceSensor, {"minimum", "wallet_id"}),
    ):  # fmt: skip
        assert {*fields, "paywize_conn_id"} <= set(kind.template_fields)


# Deferred


def put_off(sensor: Any) -> Any:
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute({})
    return raised.value.trigger


def test_a_sensor_that_is_there_already_does_not_defer(sandbox: Sandbox, hook: PaywizeHook) -> None:
    assert quick(PaywizeBalanceSensor, minimum=1, deferrable=True).execute({})["wallet_id"] == WALLET


@pytest.mark.parametrize("subject", ["payout", "collection", "balance"])
def test_a_deferred_sensor_fires_and_reads_for_itself(sandbox: Sandbox, hook: PaywizeHook, subject: str) -> None:
    sandbox.merchant("docs-v1", wallets={WALLET: "5000.00"})
    hook.initiate_payout(Payout(**payment("X-1")))
    hook.initiate_collection(reference="X-1", **COLLECTION)
    sensor = {
        "payout": lambda: quick(PaywizePayoutSensor, reference="X-1", deferrable=True),
        "collection": lambda: quick(PaywizeCollectionSensor, reference="X-1", deferrable=True),
        "balance": lambda: quick(PaywizeBalanceSensor, minimum="9000.50", deferrable=True),
    }[subject]()
    trigger = put_off(sensor)
    sandbox.advance(10)
    sandbox.merchant("docs-v1", wallets={WALLET: "9000.50"})
    event = fired(trigger)
    assert event == {"status": "done"}
    result = sensor.execute_complete({}, event)
    assert result.get("status", result.get("available")) in {"SUCCESS", "9000.50"}


def test_a_deferred_sensor_times_out_or_skips(sandbox: Sandbox, hook: PaywizeHook) -> None:
    trigger = put_off(quick(PaywizePayoutSensor, reference="later", deferrable=True, timeout=0.1))
    event = fired(trigger)
    assert event == {"status": "timeout"}
    with pytest.raises(AirflowSensorTimeout):
        quick(PaywizePayoutSensor, reference="later", deferrable=True).execute_complete({}, event)
    with pytest.raises(AirflowSkipException):
        quick(PaywizePayoutSensor, reference="later", deferrable=True, soft_fail=True).execute_complete({}, event)


def test_a_forged_event_is_no_proof(sandbox: Sandbox, hook: PaywizeHook) -> None:
    with pytest.raises(errors.PaygateError):
        quick(PaywizePayoutSensor, reference="later", deferrable=True).execute_complete({}, {"status": "done"})
