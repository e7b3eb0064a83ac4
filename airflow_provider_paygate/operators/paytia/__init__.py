"""Paytia operators: links, charges, reservations, subscriptions, bank payouts, reports, anything else."""

from __future__ import annotations

from airflow_provider_paygate.operators.paytia.links import PaytiaPaymentLinkOperator
from airflow_provider_paygate.operators.paytia.money import (
    PaytiaBankPayoutOperator,
    PaytiaChargeOperator,
    PaytiaReserveOperator,
)
from airflow_provider_paygate.operators.paytia.report import PaytiaReportOperator
from airflow_provider_paygate.operators.paytia.request import PaytiaAuthorizeOperator, PaytiaRequestOperator
from airflow_provider_paygate.operators.paytia.subscription import PaytiaSubscriptionOperator

__all__ = [
    "PaytiaAuthorizeOperator",
    "PaytiaBankPayoutOperator",
    "PaytiaChargeOperator",
    "PaytiaPaymentLinkOperator",
    "PaytiaReportOperator",
    "PaytiaRequestOperator",
    "PaytiaReserveOperator",
    "PaytiaSubscriptionOperator",
]
