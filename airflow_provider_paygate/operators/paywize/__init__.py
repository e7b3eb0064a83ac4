"""Paywize operators: pay, pay a batch, read a wallet, ask for money, call anything else."""

from __future__ import annotations

from airflow_provider_paygate.operators.paywize.balance import PaywizeBalanceOperator
from airflow_provider_paygate.operators.paywize.batch import PaywizePayoutBatchOperator
from airflow_provider_paygate.operators.paywize.collection import PaywizeCollectionOperator
from airflow_provider_paygate.operators.paywize.payout import PaywizePayoutOperator
from airflow_provider_paygate.operators.paywize.request import PaywizeRequestOperator
from airflow_provider_paygate.operators.paywize.sweep import PaywizePayoutSweepOperator

__all__ = [
    "PaywizeBalanceOperator",
    "PaywizeCollectionOperator",
    "PaywizePayoutBatchOperator",
    "PaywizePayoutOperator",
    "PaywizePayoutSweepOperator",
    "PaywizeRequestOperator",
]
