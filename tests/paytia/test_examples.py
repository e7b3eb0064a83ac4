"""The example DAGs do what they say, against the sandbox."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect

EXAMPLES = Path(__file__).resolve().parents[2] / "airflow_provider_paygate" / "example_dags"


@pytest.fixture
def dags() -> dict[str, Any]:
    bag = DagBag(dag_folder=str(EXAMPLES), load_op_links=False)
    assert bag.import_errors == {}
    return {name: dag for name, dag in bag.dags.items() if name.startswith("paytia")}


def test_they_are_there(dags: dict[str, Any]) -> None:
    assert set(dags) == {"paytia_authorize", "paytia_nightly_report", "paytia_payment_links", "paytia_stored"}


def test_stored_instruments_move_once(sandbox: Sandbox, account: Connect, dags: dict[str, Any]) -> None:
    account()
    for _ in range(2):
        for task in dags["paytia_stored"].tasks:
            assert task.execute({})
    assert sandbox.ledger()["totals"]["count"] == 3  # charged, settled, paid out


def test_links_are_made_from_the_file_and_waited_for(sandbox: Sandbox, account: Connect, dags: dict[str, Any]) -> None:
    from airflow_provider_paygate.operators.paytia import PaytiaPaymentLinkOperator
    from airflow_provider_paygate.sensors.paytia import PaytiaPaymentSensor

    account()
    dag = dags["paytia_payment_links"]
    assert {task.task_id for task in dag.tasks} == {"invoices", "ask", "references", "paid"}
    with (EXAMPLES / "data" / "invoices.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    made = [PaytiaPaymentLinkOperator(task_id="t", send_email=True, **row).execute({}) for row in rows]
    sandbox.advance(30)
    for link in made:
        assert PaytiaPaymentSensor(task_id="t", reference=link["reference"]).poke({}).is_done


def test_the_nightly_report_is_written(
    sandbox: Sandbox, account: Connect, dags: dict[str, Any], tmp_path: Path
) -> None:
    account()
    sandbox.seed_payments("key-only", 120)
    for task in dags["paytia_nightly_report"].tasks:
        task.path = str(tmp_path / Path(task.path).name.replace("{{ ds }}", "today"))
        task.first_day = task.last_day = None
        assert task.execute({})["rows"] == 120
    assert {path.suffix for path in tmp_path.glob("paytia-*")} == {".csv", ".jsonl"}


def test_authorize_runs(sandbox: Sandbox, account: Connect, dags: dict[str, Any]) -> None:
    account("enhanced", conn_id="paytia_enhanced")
    assert dags["paytia_authorize"].tasks[0].execute({})["authorized"]
