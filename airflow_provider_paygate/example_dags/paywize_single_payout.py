"""Pay one invoice: submit it in one task, do other work, wait for the bank in another."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator
from airflow_provider_paygate.sensors.paywize import PaywizePayoutSensor

with DAG(
    dag_id="paywize_single_payout",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_payout]
    pay = PaywizePayoutOperator(
        task_id="pay",
        reference="INV-2026-0101",
        amount="1250.00",
        mode="IMPS",
        beneficiary_name="Asha Stationers",
        beneficiary_account="1234567890",
        beneficiary_ifsc="HDFC0001234",
        remarks="stationery",
        wait_for_completion=False,
    )
    # [END howto_operator_paywize_payout]

    # [START howto_sensor_paywize_payout]
    paid = PaywizePayoutSensor(
        task_id="paid",
        reference="{{ ti.xcom_pull(task_ids='pay')['reference'] }}",
        poke_interval=15,
        timeout=4 * 3600,
    )
    # [END howto_sensor_paywize_payout]

    pay >> paid
