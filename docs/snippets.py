"""Fills in what the pages take from the code: snippets of the example DAGs, and the fields of a connection.

Run: python docs/snippets.py. A block stands between `<!-- snippet: FILE REGION -->` or `<!-- fields: TYPE -->` and
`<!-- end -->`; a test fails when one is out of date.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / "airflow_provider_paygate" / "example_dags"
BLOCK = re.compile(r"(<!-- (snippet|fields): ([^>]+) -->\n).*?(^<!-- end -->)", re.DOTALL | re.MULTILINE)


def filled(page: str) -> str:
    """The page with every block as the code has it now."""

    def block(found: re.Match[str]) -> str:
        head, kind, words, end = found.groups()
        body = snippet(*words.split()) if kind == "snippet" else fields(words)
        return f"{head}{body}\n{end}"

    return BLOCK.sub(block, page)


def snippet(file: str, region: str) -> str:
    """The marked region of an example DAG, as a block of code."""
    text = (EXAMPLES / file).read_text(encoding="utf-8")
    found = re.search(rf"^ *# \[START {region}\]\n(.*?)^ *# \[END {region}\]$", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"{file} has no region {region}")
    return f"```python\n{textwrap.dedent(found[1])}```"


def fields(conn_type: str) -> str:
    """The extras of a connection type as a table."""
    from airflow_provider_paygate.get_provider_info import get_provider_info

    types = {known["connection-type"]: known for known in get_provider_info()["connection-types"]}
    lines = ["| extra | in the form | meaning | default |", "|---|---|---|---|"]
    for name, field in types[conn_type]["conn-fields"].items():
        required = "null" not in field["schema"]["type"]
        default = field["schema"].get("default")
        word = str(default).lower() if isinstance(default, bool) else default
        shown = "required" if required else "–" if default is None else f"`{word}`"
        choices = field["schema"].get("enum")
        meaning = field["description"] + (
            f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
        )
        lines.append(f"| `{name}` | {field['label']} | {meaning} | {shown} |")
    return "\n".join(lines)


def pages() -> list[Path]:
    return [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"]


def main() -> int:
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(DOCS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
