"""The paygate database: one SQL schema on SQLite (one machine) or PostgreSQL (a fleet).

``[paygate] database`` names it: a SQLAlchemy URL, or ``conn:<airflow connection id>``. The default is
``paygate.db`` in ``AIRFLOW_HOME``.
"""

from __future__ import annotations

from airflow_provider_paygate.database.engine import Database, DatabaseUnavailable, database

__all__ = ["Database", "DatabaseUnavailable", "database"]
