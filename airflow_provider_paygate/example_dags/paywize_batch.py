"""Pay the same suppliers as one batch, from a file; and sweep up what a lost answer left in doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator, PaywizePayoutSweepOperator

SUPPLIERS = Path(__file__).parent / "data" / "suppliers.csv"

with DAG(
    dag_id="paywize_batch",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "path": Param(str(SUPPLIERS), type="string", title="The file with the payments"),
        "batch_id": Param(
            "suppliers-2026-11", type="string", title="The batch's name: the same name is the same batch"
        ),
        "poll_interval": Param(15, type="number", minimum=0, title="Seconds between looks at what is unresolved"),
    },
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_payout_batch]
    pay = PaywizePayoutBatchOperator(
        task_id="pay",
        path="{{ params.path }}",
        batch_id="{{ params.batch_id }}",
        poll_interval="{{ params.poll_interval }}",
        on_invalid="skip",
        max_batch_amount="2000000.00",
        max_concurrency=4,
    )
    # [END howto_operator_paywize_payout_batch]

    # [START howto_operator_paywize_payout_sweep]
    sweep = PaywizePayoutSweepOperator(task_id="sweep", trigger_rule="all_done")
    # [END howto_operator_paywize_payout_sweep]

    pay >> sweep
