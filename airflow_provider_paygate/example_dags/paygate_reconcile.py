"""Every night: sweep up what is in doubt, then compare books and gateway, and tell somebody where they do not agree."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_provider_paygate.operators.paytia import PaytiaReportOperator
from airflow_provider_paygate.operators.paywize import PaywizePayoutSweepOperator
from airflow_provider_paygate.operators.reconcile import PaygateReconcileOperator

SUPPLIERS = Path(__file__).parent / "data" / "suppliers.csv"
FOLDER = os.environ.get("PAYGATE_REPORTS", tempfile.gettempdir())

# [START howto_operator_reconcile_notifier]
TELL = SmtpNotifier(  # over the connection smtp_default; any other notifier goes in its place
    to="finance@example.com",
    from_email="airflow@example.com",
    subject="{{ dag.dag_id }} {{ ds }}: {{ ti.task_id }} found breaks or failed",
    html_content="<p>{{ exception | e }}</p>",
)
# [END howto_operator_reconcile_notifier]

with DAG(
    dag_id="paygate_reconcile",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10), "on_failure_callback": TELL},
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_reconcile_journal]
    sweep = PaywizePayoutSweepOperator(task_id="sweep")

    payouts = PaygateReconcileOperator(
        task_id="payouts",
        ledger=str(SUPPLIERS),
        gateway="journal:paywize_default",
        name="suppliers",
        report_path=f"{FOLDER}/payouts-{{{{ ds }}}}.html",
        breaks_path=f"{FOLDER}/payouts-{{{{ ds }}}}.csv",
        asset_alias="payouts_settled",
        trigger_rule="all_done",  # what the sweep cannot resolve is in the report
    )

    sweep >> payouts
    # [END howto_operator_reconcile_journal]

    # [START howto_operator_reconcile_report]
    taken = PaytiaReportOperator(
        task_id="taken",
        path=f"{FOLDER}/paytia-{{{{ ds }}}}.csv",
        start_date="{{ macros.ds_add(ds, -7) }}",
        end_date="{{ ds }}",
    )

    PaygateReconcileOperator(
        task_id="charges",
        ledger={
            "sql": "SELECT order_id, total, created_at FROM orders WHERE created_at >= DATE '{{ macros.ds_add(ds, -7) }}'",
            "conn_id": "shop",
        },
        ledger_columns={"reference": "order_id", "amount": "total"},
        gateway=taken.output,
        name="charges",
        tolerance="0.01",
        report_path=f"{FOLDER}/charges-{{{{ ds }}}}.html",
        fail_on={"fee": "warn", "missing_in_ledger": "warn"},
    )
    # [END howto_operator_reconcile_report]
