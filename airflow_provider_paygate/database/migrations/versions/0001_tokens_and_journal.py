"""Tokens, accounts, the payout journal with its history, day totals, rates and batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "paygate_tokens",
        sa.Column("token_key", sa.String(64), primary_key=True),
        sa.Column("ciphertext", sa.Text),
        sa.Column("asked_at", sa.Float(53)),
        sa.Column("expires_at", sa.Float(53)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Float(53)),
    )
    op.create_table(
        "paygate_account_names",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "paygate_payouts",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("sender_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("account_last_four", sa.String(8), nullable=False),
        sa.Column("ifsc", sa.String(11), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("wallet_id", sa.String(64)),
        sa.Column("replaces", sa.String(200)),
        sa.Column("replaced_by", sa.String(200)),
        sa.Column("transaction_id", sa.String(255)),
        sa.Column("utr", sa.String(255)),
        sa.Column("status", sa.String(255)),
        sa.Column("code", sa.String(255)),
        sa.Column("message", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("resends", sa.Integer, nullable=False),
        sa.Column("absences", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("deadline_at", sa.Float(53)),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("updated_at", sa.Float(53), nullable=False),
        sa.Column("final_at", sa.Float(53)),
        sa.Column("reserved_day", sa.String(10)),
        sa.Column("conn_id", sa.String(250)),
        sa.Column("dag_id", sa.String(250)),
        sa.Column("run_id", sa.String(250)),
        sa.Column("task_id", sa.String(250)),
        sa.Column("map_index", sa.Integer),
        sa.UniqueConstraint("account_id", "reference", name="paygate_payouts_reference"),
        sa.UniqueConstraint("account_id", "sender_id", name="paygate_payouts_sender_id"),
    )
    op.create_index("paygate_payouts_state", "paygate_payouts", ["account_id", "state"])
    op.create_table(
        "paygate_payout_events",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("payout_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("by", sa.String(1024)),
        sa.Column("detail", sa.Text),
    )
    op.create_index("paygate_payout_events_payout", "paygate_payout_events", ["payout_id"])
    op.create_table(
        "paygate_day_totals",
        sa.Column("account_id", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("reserved_minor", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "paygate_rates",
        sa.Column("account_id", sa.String(64), primary_key=True),
        sa.Column("operation", sa.String(30), primary_key=True),
        sa.Column("sends", sa.Text, nullable=False),
        sa.Column("not_before", sa.Float(53), nullable=False),
    )
    op.create_table(
        "paygate_batches",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(250), nullable=False),
        sa.Column("run", sa.String(800)),
        sa.Column("reading", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.UniqueConstraint("account_id", "batch_id", name="paygate_batches_batch_id"),
    )
    op.create_table(
        "paygate_batch_rows",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("batch", _ROW_ID, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("reading", sa.Integer, nullable=False),
        sa.Column("reference", sa.String(200)),
        sa.Column("wallet_id", sa.String(64)),
        sa.Column("content", sa.String(64)),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("problem", sa.Text),
        sa.Column("payout_id", _ROW_ID),
        sa.Column("already_paid", sa.Integer, nullable=False),
        sa.UniqueConstraint("batch", "reading", "line", name="paygate_batch_rows_line"),
    )
    op.create_index("paygate_batch_rows_reference", "paygate_batch_rows", ["batch", "reference"])
    op.create_index("paygate_batch_rows_payout", "paygate_batch_rows", ["payout_id"])
    op.create_table(
        "paygate_task_tries",
        sa.Column("task", sa.String(64), primary_key=True),
        sa.Column("since_try", sa.Integer, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
