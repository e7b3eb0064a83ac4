"""What is installed: metadata, entry points, pins for every requirement, and nothing heavy without an extra."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [
    line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]
OWN = canonicalize_name(PROJECT["name"])
HEAVY = {"fastapi", "uvicorn", "psycopg", "duckdb", "pyarrow", "sqlglot", "pandas", "polars", "pyspark", "pygal"}
# What Airflow (2.11: with its FAB provider), requests and FastAPI bring along.
WITH_AIRFLOW = {"cryptography", "psutil", "rich", "sqlalchemy", "starlette", "urllib3"} | {
    "flask_appbuilder", "flask_babel", "wtforms"
}  # fmt: skip


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]]


def test_every_requirement_of_every_extra_is_pinned_within_its_range() -> None:
    pinned = {canonicalize_name(name): version for name, version in (line.split("==") for line in PINS)}
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        if name != OWN:
            assert name in pinned, f"{name}: run make constraints"
            assert requirement.specifier.contains(pinned[name], prereleases=True), requirement


def test_dev_brings_every_other_extra() -> None:
    (own,) = [
        requirement
        for requirement in map(Requirement, PROJECT["optional-dependencies"]["dev"])
        if canonicalize_name(requirement.name) == OWN
    ]
    assert own.extras == set(PROJECT["optional-dependencies"]) - {"dev"}


@pytest.mark.parametrize("line", PINS)
def test_a_pin_is_a_name_and_a_version_and_nothing_else(line: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", line)
    assert canonicalize_name(line.split("==")[0]) != OWN


def test_whatever_the_package_imports_is_required_or_comes_with_airflow() -> None:
    imported = set()
    for path in (ROOT / "airflow_provider_paygate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    required = {canonicalize_name(requirement.name).replace("-", "_") for requirement in requirements()}
    known = required | WITH_AIRFLOW | {"airflow", "airflow_provider_paygate", "Crypto"} | sys.stdlib_module_names
    assert imported - known == set()


def test_nothing_heavy_comes_without_an_extra() -> None:
    names = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert not names & HEAVY


def test_it_says_what_it_is() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert (ROOT / PROJECT["license-files"][0]).exists()
    assert "Framework :: Apache Airflow :: Provider" in PROJECT["classifiers"]
    assert "Documentation" in PROJECT["urls"]
    assert (ROOT / "airflow_provider_paygate" / "py.typed").exists()


def test_airflow_finds_it_by_its_entry_point() -> None:
    points = metadata.entry_points(group="apache_airflow_provider")
    (point,) = [point for point in points if point.module.startswith("airflow_provider_paygate")]
    assert canonicalize_name(point.load()()["package-name"]) == OWN


def test_a_command_that_is_asked_for_help_imports_nothing_of_airflow() -> None:
    code = (
        "import sys\nfrom airflow_provider_paygate.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'airflow', 'sqlalchemy', 'fastapi', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_built_wheel_carries_the_example_dags_and_no_test(tmp_path: Path) -> None:
    pytest.importorskip("flit_core", reason="building needs flit_core")
    from zipfile import ZipFile

    from flit_core.wheel import make_wheel_in

    wheel = make_wheel_in(ROOT / "pyproject.toml", tmp_path)
    names = ZipFile(wheel.file).namelist()
    assert "airflow_provider_paygate/example_dags/data/suppliers.csv" in names
    assert "airflow_provider_paygate/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]
