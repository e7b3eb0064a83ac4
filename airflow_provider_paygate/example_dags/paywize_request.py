"""Call what has no operator of its own: the balance of the merchant's bank account (connected banking)."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizeRequestOperator

with DAG(
    dag_id="paywize_request",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_request]
    PaywizeRequestOperator(
        task_id="bank_balance",
        method="GET",
        path="/v1/connected-banking/public/bank-balance/SHIVALIK",
    )
    # [END howto_operator_paywize_request]
