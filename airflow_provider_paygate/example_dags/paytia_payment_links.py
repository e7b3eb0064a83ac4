"""Ask the customers of a CSV file for money by payment link, and wait until each has paid."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_paygate.operators.paytia import PaytiaPaymentLinkOperator
from airflow_provider_paygate.sensors.paytia import PaytiaPaymentSensor

INVOICES = Path(__file__).parent / "data" / "invoices.csv"

with DAG(
    dag_id="paytia_payment_links",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paytia_payment_link]
    @task
    def invoices() -> list[dict[str, str]]:
        with INVOICES.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    links = PaytiaPaymentLinkOperator.partial(
        task_id="ask",
        send_email=True,
        map_index_template="{{ task.reference }}",
    ).expand_kwargs(invoices())
    # [END howto_operator_paytia_payment_link]

    # [START howto_sensor_paytia_payment]
    @task
    def references(made: Any) -> list[str]:
        return [link["reference"] for link in made]

    PaytiaPaymentSensor.partial(
        task_id="paid",
        mode="reschedule",
        poke_interval=300,
        timeout=14 * 24 * 3600,
        map_index_template="{{ task.reference }}",
    ).expand(reference=references(links.output))
    # [END howto_sensor_paytia_payment]
