"""Rotating token pairs, the pairs people pasted, and requests that moved no money but are made once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("paygate_tokens", sa.Column("uses", sa.Integer, nullable=False, server_default="0"))
    op.add_column("paygate_tokens", sa.Column("not_before", sa.Float(53)))
    op.add_column("paygate_tokens", sa.Column("aside", sa.Text))
    op.add_column("paygate_tokens", sa.Column("aside_expires_at", sa.Float(53)))
    op.create_table(
        "paygate_pasted_pairs",
        sa.Column("token_key", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("adopted_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "paygate_requests",
        sa.Column("account_id", sa.String(64), primary_key=True),
        sa.Column("operation", sa.String(20), primary_key=True),
        sa.Column("reference", sa.String(200), primary_key=True),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("asked_at", sa.Float(53), nullable=False),
        sa.Column("answered_at", sa.Float(53)),
    )
