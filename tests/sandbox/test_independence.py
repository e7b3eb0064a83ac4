"""The sandbox is a second reading of the specification: it takes nothing from the client it is there to check."""

from __future__ import annotations

import ast
from pathlib import Path

import airflow_provider_paygate.sandbox

ROOT = Path(airflow_provider_paygate.sandbox.__file__).parent
OURS = "airflow_provider_paygate"
FOREIGN = ("Crypto", "airflow", "requests", "sqlalchemy")


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{file} climbs out of its folder"
            names.add(node.module if node.level == 0 and node.module else f"{OURS}.sandbox")
    return names


def test_it_imports_nothing_of_the_package_outside_itself() -> None:
    for file in ROOT.rglob("*.py"):
        for name in imported(file):
            assert not name.startswith(OURS) or name.startswith(f"{OURS}.sandbox"), (file, name)
            assert name.partition(".")[0] not in FOREIGN, (file, name)
