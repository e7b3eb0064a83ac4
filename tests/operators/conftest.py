from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator, PaywizePayoutOperator
from tests.conftest import payment

Pay = Callable[..., dict[str, Any]]


@pytest.fixture
def pay(connect: Callable[..., str]) -> Pay:
    """`pay("INV-1", amount="5")` runs the operator once, in a context that holds nothing unless one is given."""
    connect()

    def paid(reference: str = "INV-1", context: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        operator = PaywizePayoutOperator(task_id="pay", **payment(reference, **{"poll_interval": 0.02, **fields}))
        return operator.execute({} if context is None else context)

    return paid


@pytest.fixture
def age() -> Callable[[float], None]:
    """Move every submission in the journal into the past, as waiting would."""

    def aged(seconds: float) -> None:
        from sqlalchemy import text

        from airflow_provider_paygate.database import database

        with database().begin() as connection:
            connection.execute(
                text(
                    "UPDATE paygate_payouts SET deadline_at = deadline_at - :by, created_at = created_at - :by, "
                    "updated_at = updated_at - :by"
                ),
                {"by": seconds},
            )

    return aged


def remove_books(books: Path) -> None:
    """The disk is gone: database, write-ahead log and all."""
    for path in books.parent.glob(books.name + "*"):
        path.unlink()


PayBatch = Callable[..., dict[str, Any]]


@pytest.fixture
def pay_batch(connect: Callable[..., str]) -> PayBatch:
    """`pay_batch(payouts=[…])` runs the batch operator once; what it waits for, it waits for at most 20 seconds."""
    connect()

    def paid(context: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        operator = PaywizePayoutBatchOperator(
            task_id="pay", **{"batch_id": "B-1", "poll_interval": 0.02, "timeout": 20, **arguments}
        )
        return operator.execute({} if context is None else context)

    return paid
