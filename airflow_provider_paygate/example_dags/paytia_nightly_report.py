"""Pull yesterday's payments and calls every night, three days back, so that a late record is in tonight's file."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paytia import PaytiaReportOperator

FOLDER = os.environ.get("PAYGATE_REPORTS", tempfile.gettempdir())

with DAG(
    dag_id="paytia_nightly_report",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paytia_report]
    PaytiaReportOperator(
        task_id="payments",
        report="payments",
        path=f"{FOLDER}/paytia-payments-{{{{ ds }}}}.csv",
        start_date="{{ macros.ds_add(ds, -1) }}",
        end_date="{{ ds }}",
        lookback_days=2,
    )
    # [END howto_operator_paytia_report]

    PaytiaReportOperator(
        task_id="calls",
        report="cdr",
        path=f"{FOLDER}/paytia-calls-{{{{ ds }}}}.jsonl",
        start_date="{{ macros.ds_add(ds, -1) }}",
        end_date="{{ ds }}",
    )
