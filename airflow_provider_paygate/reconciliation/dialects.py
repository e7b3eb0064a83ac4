"""The passes are written for DuckDB; here they become another database's SQL."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_paygate.reconciliation.errors import CannotReconcile


@lru_cache(maxsize=256)
def carried(query: str, dialect: str) -> str:
    """The query as `dialect` ("postgres", "spark") writes it."""
    try:
        import sqlglot
    except ImportError:
        raise CannotReconcile(
            "running in another database than DuckDB needs SQLGlot: pip install 'airflow-provider-paygate[recon]'"
        ) from None
    return sqlglot.transpile(query, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
