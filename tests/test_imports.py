"""Airflow parses DAG files again and again, and loads provider metadata everywhere: neither may load what it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "requests",
    "Crypto",
    "sqlalchemy",
    "alembic",
    "httpx",
    "aiohttp",
    "fastapi",
    "uvicorn",
    "pendulum",
    "psycopg",
    "urllib3",
    "duckdb",
)


def in_a_fresh_interpreter(code: str, **environment: str) -> str:
    """The last line it prints."""
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    return told.stdout.strip().splitlines()[-1]


def loaded_by(code: str, before: str = "") -> set[str]:
    """The top-level modules that `code` loads beyond what `before` had."""
    told = in_a_fresh_interpreter(
        f"import sys\n{before}\nbefore = set(sys.modules)\n{code}\n"
        "print(' '.join(['-', *sorted({name.split('.')[0] for name in set(sys.modules) - before})]))"
    )
    return set(told.split()[1:])


def modules(*folders: str) -> list[str]:
    paths = (path for folder in folders for path in sorted((ROOT / "airflow_provider_paygate" / folder).rglob("*.py")))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def test_a_dag_file_with_every_operator_and_sensor_loads_nothing_heavy() -> None:
    """Beyond what Airflow itself has loaded when it parses a DAG file."""
    code = "\n".join(f"import {module}" for module in modules("operators", "sensors", "triggers", "hooks"))
    airflow = (
        "from airflow.providers.common.compat.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, conf, "
        "AirflowFailException, AirflowSensorTimeout, PokeReturnValue, mask_secret\nimport airflow.triggers.base"
    )
    assert not loaded_by(code, airflow) & set(HEAVY)


def test_the_metadata_imports_nothing_of_airflow_and_nothing_heavy() -> None:
    code = "from airflow_provider_paygate.get_provider_info import get_provider_info\nget_provider_info()"
    assert not loaded_by(code) & {"airflow", *HEAVY}


@pytest.mark.parametrize("gateway", ["paywize", "paytia"])
def test_a_gateway_knows_no_airflow_no_network_and_no_database(gateway: str) -> None:
    """Nor does it load its cipher before something is encrypted."""
    code = "\n".join(f"import {module}" for module in modules(f"gateways/{gateway}"))
    forbidden = {"airflow", "http", "socket", "ssl", "asyncio", *HEAVY}
    assert not loaded_by(code) & forbidden


def test_nor_do_its_sources_name_any() -> None:
    for path in (ROOT / "airflow_provider_paygate" / "gateways").rglob("*.py"):
        text = path.read_text()
        for name in (
            "import airflow\n",
            "from airflow.",
            "import requests",
            "httpx",
            "sqlalchemy",
            "import socket",
            "aiohttp",
        ):
            assert name not in text, f"{path.name} names {name.strip()}"


@pytest.mark.parametrize("lower", ["gateways", "transport", "tokens", "database", "payouts"])
def test_nothing_looks_up(lower: str) -> None:
    """Dependencies run one way: what Airflow and people see is known to nothing below it."""
    for path in (ROOT / "airflow_provider_paygate" / lower).rglob("*.py"):
        for above in ("operators", "sensors", "triggers", "hooks", "cli", "plugin"):
            assert f"airflow_provider_paygate.{above}" not in path.read_text(), f"{path.name} imports {above}"
