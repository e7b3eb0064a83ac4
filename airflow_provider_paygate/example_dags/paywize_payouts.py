"""Pay the suppliers of a CSV file through Paywize: one task per payment, each paid once, however often it is run."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator

SUPPLIERS = Path(__file__).parent / "data" / "suppliers.csv"

with DAG(
    dag_id="paywize_payouts",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"poll_interval": Param(15, type="number", minimum=0, title="Seconds between looks at a payment")},
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paywize_payout_mapped]
    @task(show_return_value_in_logs=False)  # account numbers
    def suppliers() -> list[dict[str, str]]:
        with SUPPLIERS.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    PaywizePayoutOperator.partial(
        task_id="pay",
        paywize_conn_id="paywize_default",
        poll_interval="{{ params.poll_interval }}",
        map_index_template="{{ task.reference }}",
    ).expand_kwargs(suppliers())
    # [END howto_operator_paywize_payout_mapped]
