from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from airflow_provider_paygate.reconciliation import FileSide, Result, Settings, reconcile
from tests.reconciliation.planted import AS_OF, plant
from tests.reconciliation.sides import Files

BANK = "SELECT * FROM (VALUES ('400000001000', -1.00), ('GHOST', 77.00)) AS bank(utr, amount)"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="session")
def typed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Parquet files with the types a database would have."""
    folder = tmp_path_factory.mktemp("planted")
    planted = plant(folder, rows=3000, each=5, suffix="parquet")
    paths = {side: folder / f"{side}.parquet" for side in ("ledger", "gateway")}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for side, path in paths.items():
            settled = ", CAST(settled_at AS TIMESTAMPTZ) AS settled_at" if side == "gateway" else ""
            connection.execute(
                f"COPY (SELECT * REPLACE (CAST(created_at AS TIMESTAMPTZ) AS created_at{settled}) "
                f"FROM '{getattr(planted, side)}') TO '{path}' (FORMAT parquet)"
            )
        connection.execute(f"COPY ({BANK}) TO '{folder / 'bank.parquet'}' (FORMAT parquet)")
    return {**paths, "bank": folder / "bank.parquet"}


@pytest.fixture(scope="session")
def from_files(typed: dict[str, Path]) -> Result:
    """What the files of `typed` come to."""
    return reconcile(
        *(FileSide(str(typed[name])) for name in ("ledger", "gateway", "bank")), settings=Settings(as_of=AS_OF)
    )
