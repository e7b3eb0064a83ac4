"""Pay the same suppliers as one batch, from a file; and sweep up what a lost answer left in doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator, PaywizePayoutSweepOperator

SUPPLIERS = Path(__file__).parent / "data" / "suppliers.csv"

with DAG(
    dag_id="paywize_batch",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_payout_batch]
    pay = PaywizePayoutBatchOperator(
        task_id="pay",
        path=str(SUPPLIERS),
        batch_id="suppliers-2026-11",
        on_invalid="skip",
        max_batch_amount="2000000.00",
        max_concurrency=4,
    )
    # [END howto_operator_paywize_payout_batch]

    # [START howto_operator_paywize_payout_sweep]
    sweep = PaywizePayoutSweepOperator(task_id="sweep", trigger_rule="all_done")
    # [END howto_operator_paywize_payout_sweep]

    pay >> sweep
