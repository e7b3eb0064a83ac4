"""Move money without the customer: a stored card, a reservation, a bank payout, a subscription; each at most once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_paygate.operators.paytia import (
    PaytiaBankPayoutOperator,
    PaytiaChargeOperator,
    PaytiaRequestOperator,
    PaytiaReserveOperator,
    PaytiaSubscriptionOperator,
)

with DAG(
    dag_id="paytia_stored",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=20)},
    tags=["example", "paygate"],
    doc_md=__doc__,
):
    # [START howto_operator_paytia_charge]
    PaytiaChargeOperator(
        task_id="charge",
        reference="RENT-2026-11-FLAT-4",
        amount="850.00",
        transaction_id="pm_ok",
    )
    # [END howto_operator_paytia_charge]

    # [START howto_operator_paytia_reserve]
    PaytiaReserveOperator(
        task_id="settle",
        action="settle",
        reference="HIRE-0815",
        amount="80.00",
        transaction_id="pi_reserved",
    )
    PaytiaReserveOperator(task_id="release", action="release", transaction_id="pi_reserved_too")
    # [END howto_operator_paytia_reserve]

    # [START howto_operator_paytia_bank_payout]
    PaytiaBankPayoutOperator(
        task_id="pay_out",
        reference="REFUND-0815",
        amount="20.00",
        bank_token="bank_ok",
    )
    # [END howto_operator_paytia_bank_payout]

    # [START howto_operator_paytia_subscription]
    PaytiaSubscriptionOperator(
        task_id="change",
        action="update",
        subscription_id="sub_active",
        subscription_amount="12.00",
        interval="monthly",
        intervalcount=1,
    )
    # [END howto_operator_paytia_subscription]

    # [START howto_operator_paytia_request]
    PaytiaRequestOperator(
        task_id="ask_anything",
        method="POST",
        path="/api/payment_taken",
        data={"page": 1, "limit": 10},
    )
    # [END howto_operator_paytia_request]
