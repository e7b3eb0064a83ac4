"""Keep a token chain alive that rests longer than a refresh token may live: authorise once a week."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paytia import PaytiaAuthorizeOperator

with DAG(
    dag_id="paytia_authorize",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paytia_authorize]
    PaytiaAuthorizeOperator(task_id="authorize", paytia_conn_id="paytia_enhanced")
    # [END howto_operator_paytia_authorize]
