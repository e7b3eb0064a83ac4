"""Alembic's entry: runs inside the transaction and under the lock that `upgrade` holds."""

from __future__ import annotations

from alembic import context

from airflow_provider_paygate.database.migrations import VERSION_TABLE
from airflow_provider_paygate.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
