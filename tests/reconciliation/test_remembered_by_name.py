"""`paygate reconcile --name`: what one run found the next one knows, in the paygate database."""

from __future__ import annotations

import re

import pytest

from airflow_provider_paygate.reconciliation import SqlBreakMemory
from tests.reconciliation.sides import Files

HEADER = "reference,amount,currency,created_at\n"
A, B = "A,1.00,INR,2026-01-05T06:00:00Z\n", "B,2.00,INR,2026-01-05T06:00:00Z\n"


def test_a_break_keeps_its_first_day_is_ignored_with_a_reason_and_closes(any_books: str, files: Files) -> None:
    from airflow_provider_paygate.database import database

    ledger, gateway = files.write("l.csv", HEADER + A + B), files.write("g.csv", HEADER + A)

    def run(day: str, *words: str) -> int:
        return files.command(ledger, gateway, "--name", "nightly", "--as-of", day, *words)

    assert run("2026-01-15") == 1
    assert run("2026-01-16") == 1
    ((key, kept),) = SqlBreakMemory(database()).load("nightly").breaks.items()
    assert (kept.break_class, kept.first_seen.isoformat()) == ("missing_at_gateway", "2026-01-15")

    report = files.folder / "report.html"
    assert run("2026-01-17", "--ignore", f"{key}=paid in cash", "--report", str(report)) == 0
    assert "paid in cash" in report.read_text(encoding="utf-8")

    files.write("g.csv", HEADER + A + B)
    assert run("2026-01-18") == 0
    remembered = SqlBreakMemory(database()).load("nightly")
    assert [one.is_open for one in remembered.breaks.values()] == [False]
    assert [run.day.day for run in remembered.runs] == [15, 16, 17, 18]
    assert SqlBreakMemory(database()).load("another").breaks == {}


def test_ignoring_what_is_not_open_is_refused_in_one_line(
    any_books: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files.write("l.csv", HEADER + A)

    assert files.command(path, path, "--name", "nightly", "--ignore", "0123456789abcdef=why not") == 2
    assert re.fullmatch(r"paygate reconcile: no open break .*\n", capsys.readouterr().err)
