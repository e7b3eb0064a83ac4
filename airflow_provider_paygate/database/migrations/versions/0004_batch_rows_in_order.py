"""A batch's rows in the order in which they are asked for: SQLite went through the whole batch for each of them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name, columns in (("reference", ["batch", "reference", "reading"]), ("payout", ["batch", "payout_id"])):
        op.drop_index(f"paygate_batch_rows_{name}", "paygate_batch_rows")
        op.create_index(f"paygate_batch_rows_{name}", "paygate_batch_rows", columns)
