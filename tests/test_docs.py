"""The pages say what the code says: snippets, fields, exceptions, tables, links, commands."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def snippets() -> Any:
    spec = importlib.util.spec_from_file_location("snippets", ROOT / "docs" / "snippets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_takes_from_the_code_is_up_to_date(page: Path, snippets: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert snippets.filled(text) == text, "run: python docs/snippets.py"


def test_every_marked_region_of_the_examples_is_shown_somewhere() -> None:
    regions = {
        (path.name, region)
        for path in (ROOT / "example_dags").glob("*.py")
        for region in re.findall(r"# \[START (\w+)\]", path.read_text(encoding="utf-8"))
    }
    shown = {
        tuple(words.split())
        for page in PAGES
        for words in re.findall(r"<!-- snippet: ([^>]+) -->", page.read_text(encoding="utf-8"))
    }
    assert regions == shown


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_exception_has_a_line_that_says_what_airflow_does() -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    from airflow_provider_paygate import exceptions

    lines = dict(
        re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+|–)", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.M)
    )
    known = {
        name: kind
        for name, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, exceptions.PaygateError) and kind is not exceptions.PaygateError
    }
    assert set(lines) == set(known)
    for name, kind in known.items():
        if lines[name] != "–":
            assert lines[name] == ("fails" if issubclass(kind, AirflowFailException) else "retries"), name


def test_every_table_of_the_database_is_described() -> None:
    from airflow_provider_paygate.database.schema import metadata

    described = set(re.findall(r"`(paygate_\w+)`", (ROOT / "docs" / "database.md").read_text(encoding="utf-8")))
    assert set(metadata.tables) == described


def test_the_readme_shows_a_dag_that_loads() -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) <= 10
    names: dict[str, Any] = {}
    exec(code[1], names)
    assert names["DAG"].__name__ == "DAG"


def test_every_make_target_and_command_that_is_named_exists() -> None:
    from airflow_provider_paygate.cli import COMMANDS

    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"(?:`|\$ )make (\w+)", text)) <= made, page
        assert set(re.findall(r"(?:`|\$ )paygate (\w+)", text)) <= set(COMMANDS), page
