"""Reading a wallet, asking for money, calling anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators.paywize import (
    PaywizeBalanceOperator,
    PaywizeCollectionOperator,
    PaywizeRequestOperator,
)
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, moved

WALLET = "PAYWIZE12345679"


def collect(reference: str = "C-1", **fields: Any) -> dict[str, Any]:
    asked = {
        "amount": "100.50",
        "vpa": "merchant@paywize",
        "channel": "FINO",
        "callback_url": "https://example.com/hook",
    }
    return PaywizeCollectionOperator(task_id="collect", reference=reference, **{**asked, **fields}).execute({})


def call(method: str, path: str, **fields: Any) -> dict[str, Any]:
    return PaywizeRequestOperator(task_id="call", method=method, path=path, **fields).execute({})


def test_a_balance_is_told_as_text(sandbox: Sandbox, connect: Any) -> None:
    connect()
    result = PaywizeBalanceOperator(task_id="balance").execute({})
    assert result == {"wallet_id": WALLET, "available": "100000000.00", "currency": "INR"}
    assert json.loads(json.dumps(result)) == result
    other = PaywizeBalanceOperator(task_id="balance", wallet_id="8109039352").execute({})
    assert other["available"] == "50000.00"
    with pytest.raises(errors.InvalidRequest):
        PaywizeBalanceOperator(task_id="balance", wallet_id="nobody's").execute({})


@pytest.mark.parametrize("merchant", ["docs-v1", "v2"])
def test_a_link_is_made_once(sandbox: Sandbox, connect: Any, merchant: str) -> None:
    connect(merchant)
    first = collect()
    assert set(first) == {
        "reference", "sender_id", "transaction_id", "status", "amount", "payment_url", "intent_url",
    }  # fmt: skip
    assert (first["reference"], first["status"], first["amount"]) == ("C-1", "INITIATED", "100.50")
    assert first["payment_url"].startswith("http")
    again = collect()
    assert again["transaction_id"] == first["transaction_id"]
    with pytest.raises(errors.ReferenceConflict):
        collect(amount="100.51")
    assert json.loads(json.dumps(again)) == again


@pytest.mark.parametrize("fault", ["http_500", "reset_after", "undecryptable", "duplicate", "other_id", "empty_body"])
def test_a_lost_answer_is_looked_up(sandbox: Sandbox, connect: Any, fault: str) -> None:
    connect()
    sandbox.fault("collection_initiate", fault, executes=True)
    assert collect()["sender_id"] == "C-1"
    sandbox.fault("collection_initiate", fault, executes=False)
    with pytest.raises((errors.OutcomeUnknown, errors.DuplicateReference)):
        collect("C-2")
    assert collect("C-2")["payment_url"]


@pytest.mark.parametrize(
    "wrong", [{"amount": 1.5}, {"vpa": "x"}, {"channel": "SBI"}, {"callback_url": None}, {"reference": ""}]
)
def test_a_wrong_field_is_named_before_any_link_is_made(sandbox: Sandbox, connect: Any, wrong: dict[str, Any]) -> None:
    connect()
    with pytest.raises(errors.InvalidRequest, match=next(iter(wrong))):
        collect(**wrong)
    assert calls(sandbox, "collection_initiate") == 0


def test_a_callback_url_of_the_connection_is_enough(sandbox: Sandbox, connect: Any) -> None:
    connect(callback_url="https://example.com/connection")
    assert collect(callback_url=None)["status"] == "INITIATED"


def test_any_call(sandbox: Sandbox, connect: Any) -> None:
    connect()
    balance = call("GET", "/payout/v1/balance", params={"wallet_id": WALLET})
    assert balance["available_balance"] == "100000000.00"
    bank = call("GET", "/v1/connected-banking/public/bank-balance/SHIVALIK")
    assert isinstance(bank["balance"], str | int)
    assert json.loads(json.dumps(bank)) == bank
    paid = call("POST", "/v1/connected-banking/public/payment/initiate", data={
        "sender_id": "CB-1", "wallet_id": WALLET, "amount": "10.00", "payment_mode": "IMPS", "beneficiary_name": "Asha",
        "beneficiary_ifsc": "HDFC0001234", "beneficiary_acc_number": "000123456789", "remarks": "vendor",
        "channel": "SHIVALIK",
    })  # fmt: skip
    assert "000123456789" not in json.dumps(paid)
    assert moved(sandbox) == 1


def test_a_query_is_ours_even_inside_a_dag_with_params_of_its_own(sandbox: Sandbox, connect: Any) -> None:
    connect()
    with DAG("with_params", schedule=None, params={"wallet": "other"}):
        operator = PaywizeRequestOperator(
            task_id="call", method="GET", path="/payout/v1/balance", params={"wallet_id": WALLET}
        )
    assert operator.execute({})["available_balance"] == "100000000.00"


def test_everything_but_the_waiting_is_a_template() -> None:
    assert set(PaywizeBalanceOperator.template_fields) == {"wallet_id", "paywize_conn_id"}
    assert {"reference", "amount", "vpa", "channel", "callback_url", "remarks", "paywize_conn_id"} == set(
        PaywizeCollectionOperator.template_fields
    )
    assert {"method", "path", "data", "paywize_conn_id"} < set(PaywizeRequestOperator.template_fields)
    operator = PaywizeRequestOperator(
        task_id="c", method="{{ m }}", path="/{{ p }}", data={"a": "{{ p }}"}, params={"q": "{{ p }}"}
    )
    operator.render_template_fields({"m": "GET", "p": "x"})
    assert (operator.method, operator.path, operator.data, operator.query) == ("GET", "/x", {"a": "x"}, {"q": "x"})
