"""DAGs that pay: one payout, a mapped one that waits in the triggerer, and a batch."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG

from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator, PaywizePayoutOperator

COMMON: dict[str, Any] = {
    "mode": "IMPS",
    "beneficiary_name": "Asha Rao",
    "beneficiary_account": os.environ["CANARY_ACCOUNT"],
    "beneficiary_ifsc": "HDFC0001234",
    "poll_interval": 0.05,
    "timeout": 20,
}
ROWS = [{"reference": f"ROW-{number}", "amount": f"{number}.10"} for number in range(1, 4)]
BATCH = [
    {**{name: value for name, value in COMMON.items() if name not in {"poll_interval", "timeout"}}, **row}
    for row in ({"reference": f"BATCH-{number}", "amount": "7"} for number in range(1, 4))
]
TIMES = {"schedule": None, "start_date": datetime(2026, 1, 1, tzinfo=UTC), "catchup": False}

with DAG("single", **TIMES):  # type: ignore[arg-type]
    PaywizePayoutOperator(task_id="pay", reference="SINGLE", amount="5", retries=1, **COMMON)

with DAG("mapped", **TIMES):  # type: ignore[arg-type]
    PaywizePayoutOperator.partial(task_id="pay", deferrable=True, **COMMON).expand_kwargs(ROWS)

with DAG("batch", **TIMES):  # type: ignore[arg-type]
    PaywizePayoutBatchOperator(task_id="pay", payouts=BATCH, deferrable=True, poll_interval=0.05, timeout=20)
