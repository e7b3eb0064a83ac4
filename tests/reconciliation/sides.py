"""Small sides for tests: a text becomes a CSV file, two of them become a result."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from airflow_provider_paygate.cli import reconcile as command
from airflow_provider_paygate.reconciliation import AsOf, FileSide, Result, Settings, reconcile

AS_OF = AsOf.parse("2026-01-15")
OLD = "2026-01-05T10:00:00Z"
YOUNG = "2026-01-14T10:00:00Z"


class Files:
    """A folder to write sides into and to reconcile them from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def result(self, ledger: str, gateway: str, statement: str | None = None, **settings: Any) -> Result:
        return reconcile(
            FileSide(self.write("ledger.csv", ledger)),
            FileSide(self.write("gateway.csv", gateway)),
            FileSide(self.write("bank.csv", statement)) if statement is not None else None,
            settings=Settings(**{"as_of": AS_OF, **settings}),
        )

    def command(self, *words: str) -> int:
        """The exit code of `paygate reconcile` with these words."""
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args([*words]))


def classes(result: Result) -> dict[str, str]:
    """Reference → class."""
    return {row.reference: row.break_class for row in result.breaks}
