"""The picture of the life cycle is the table that the code runs on."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_the_picture_in_the_docs_is_the_table_in_the_code() -> None:
    spec = importlib.util.spec_from_file_location("make_lifecycle", DOCS / "make_lifecycle.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (DOCS / "at_most_once.md").read_text()
    assert script.page_with_picture(page) == page, "run: python docs/make_lifecycle.py"
