"""What reconciliations remember between runs of one name: open breaks, ignored ones, counts by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "paygate_breaks",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("break_id", sa.String(16), primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("break_class", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(16)),
        sa.Column("difference", sa.String(48), nullable=False),
        sa.Column("first_seen", sa.String(10), nullable=False),
        sa.Column("last_seen", sa.String(10), nullable=False),
        sa.Column("closed_on", sa.String(10)),
        sa.Column("ignored", sa.Text),
    )
    op.create_table(
        "paygate_reconciliations",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("by_class", sa.Text, nullable=False),
    )
