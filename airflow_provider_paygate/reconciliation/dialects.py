"""The passes are written for DuckDB; here they become another database's SQL."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_paygate.reconciliation.errors import CannotReconcile

SOURCE = "recon_source"
"""Stands in our SQL for a side's own query, which is in its database's dialect already."""


def carried(query: str, dialect: str, source: str = "") -> str:
    """The query as `dialect` ("postgres", "spark") writes it; `source`, word for word, where SOURCE stands."""
    return _carried(query, dialect).replace(SOURCE, source) if source else _carried(query, dialect)


@lru_cache(maxsize=256)
def _carried(query: str, dialect: str) -> str:
    try:
        import sqlglot
    except ImportError:
        raise CannotReconcile(
            "running in another database than DuckDB needs SQLGlot: pip install 'airflow-provider-paygate[recon]'"
        ) from None
    return sqlglot.transpile(query, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
