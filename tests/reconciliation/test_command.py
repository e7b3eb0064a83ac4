"""`paygate reconcile` as a process: quick, without Airflow, and never a traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.reconciliation.planted import plant
from tests.reconciliation.sides import Files

PROGRAM = """
import argparse, sys
from airflow_provider_paygate.cli import reconcile
parser = argparse.ArgumentParser()
reconcile.add_arguments(parser)
code = reconcile.run(parser.parse_args())
heavy = [name for name in ("airflow", "pandas", "pyarrow", "sqlalchemy", "sqlglot") if name in sys.modules]
assert not heavy, heavy
sys.exit(code)
"""


def test_a_thousand_rows_take_less_than_three_seconds(tmp_path: Path) -> None:
    planted = plant(tmp_path, rows=1000, each=5)
    words = [
        planted.ledger,
        planted.gateway,
        "--breaks",
        str(tmp_path / "b.parquet"),
        "--as-of",
        "2026-03-20T18:00:00+00:00",
    ]
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (1, "")
    assert time.monotonic() - start < 3
    assert "60 breaks, 5 not yet due" in done.stdout


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    planted = plant(tmp_path, rows=1000, each=5)
    shell = f"{shlex.quote(sys.executable)} -c '{PROGRAM}' {planted.ledger} {planted.gateway} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)

    assert done.stderr == ""
    assert done.stdout.startswith("Reconciliation: ledger-1000-0.csv against gateway-1000-0.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_said(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    path = files.write("l.csv", "reference,amount\nA,1\n")
    locked = files.folder / "locked"
    locked.mkdir(mode=0o500)

    assert files.command(path, path, "--summary", str(locked / "s.json")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_said(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", "mysql://nowhere/none")
    path = files.write("l.csv", "reference,amount\nA,1\n")

    assert files.command(path, path, "--name", "nightly") == 2
    assert capsys.readouterr().err.count("\n") == 1
