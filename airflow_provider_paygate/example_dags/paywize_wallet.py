"""Wait until the wallet holds enough for the day's payouts, then read what it holds."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizeBalanceOperator
from airflow_provider_paygate.sensors.paywize import PaywizeBalanceSensor

with DAG(
    dag_id="paywize_wallet",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_sensor_paywize_balance]
    funded = PaywizeBalanceSensor(
        task_id="funded",
        minimum="250000.00",
        poke_interval=60,
        timeout=2 * 3600,
    )
    # [END howto_sensor_paywize_balance]

    # [START howto_operator_paywize_balance]
    balance = PaywizeBalanceOperator(task_id="balance", wallet_id="PAYWIZE12345679")
    # [END howto_operator_paywize_balance]

    funded >> balance
