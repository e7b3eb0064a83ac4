"""Ask a payer for money by UPI, and wait until it has come."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizeCollectionOperator
from airflow_provider_paygate.sensors.paywize import PaywizeCollectionSensor

with DAG(
    dag_id="paywize_collection",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_collection]
    ask = PaywizeCollectionOperator(
        task_id="ask",
        reference="ORDER-2026-0007",
        amount="499.00",
        vpa="merchant@paywize",
        channel="FINO",
        callback_url="https://shop.example/paywize",
        remarks="order7",
    )
    # [END howto_operator_paywize_collection]

    # [START howto_sensor_paywize_collection]
    collected = PaywizeCollectionSensor(
        task_id="collected",
        reference="{{ ti.xcom_pull(task_ids='ask')['reference'] }}",
        poke_interval=30,
        timeout=3600,
    )
    # [END howto_sensor_paywize_collection]

    ask >> collected
