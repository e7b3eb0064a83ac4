"""`paygate demo`: pay suppliers through Airflow and the sandbox, show what became of each, reconcile with the gateway."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_paygate.demo.killed_batch import LIST, killed_and_resumed
from airflow_provider_paygate.demo.processes import Ended, ended_by_signals
from airflow_provider_paygate.demo.reconciled import missing, reconciled
from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS, NotRunning, Stage
from airflow_provider_paygate.demo.steps import step
from airflow_provider_paygate.demo.table import Line, table

if TYPE_CHECKING:
    import argparse

DAG = "paywize_payouts"
MERCHANT = "docs-v1"
CONNECTION = "AIRFLOW_CONN_PAYWIZE_DEFAULT"
SUPPLIERS = EXAMPLE_DAGS / "data" / "suppliers.csv"
ALWAYS_FAILS = "9876543210"  # Paywize's own test account, and the sandbox's
# Real payments take minutes to hours. Airflow runs the tasks of a test run one after another, so these take an instant.
DURATIONS = {"IMPS": [0.05, 0.15], "NEFT": [0.05, 0.25], "RTGS": [0.05, 0.25]}
POLL_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none: it always does the same."""


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when every payment ended as it should, else 1 and one sentence."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    if needed := missing():
        print(f"paygate demo: {needed}", file=sys.stderr)
        return 1
    descriptor, name = tempfile.mkstemp(prefix="paygate-demo-", suffix=".log")
    os.close(descriptor)
    log = Path(name)
    report = log.with_suffix(".html")
    try:
        with ended_by_signals(), tempfile.TemporaryDirectory(prefix="paygate-demo-") as home:
            wrong = _played(Path(home), log, report)
    except Ended as ended:
        print("\npaygate demo: interrupted; everything it started is stopped.", file=sys.stderr)
        return 128 + ended.number
    except NotRunning as failure:
        wrong = str(failure)
    if wrong:
        print(f"\npaygate demo: {wrong} All that was said is in {log}", file=sys.stderr)
        return 1
    print("  That is what should happen.\n")
    print(f"  The reconciliation's report: {report}")
    print(f"  Airflow's log:               {log}")
    return 0


def _played(home: Path, log: Path, report: Path) -> str:
    """Play it in `home`, its report last; one sentence about what went wrong, or nothing."""
    with SUPPLIERS.open(newline="", encoding="utf-8") as file:
        suppliers = list(csv.DictReader(file))
    print(f"\n  {len(suppliers)} suppliers are paid through Airflow and a Paywize sandbox: no real money.\n")
    with Stage(home, log) as stage:
        with step("sandbox", "starts") as shown:
            stage.start_sandbox("--port", "0")
            stage.control(f"merchants/{MERCHANT}", {"durations": DURATIONS})
            stage.environment[CONNECTION] = json.dumps(stage.connections()[CONNECTION])
            shown.say(f"Paywize at {stage.url}/paywize")
        with step("airflow", "makes its database (SQLite)"):
            if stage.finished(stage.airflow("db", "migrate")):
                return "Airflow could not make its database."
        with step("payouts", "Airflow starts") as shown:

            def sent() -> int:
                made = len(stage.control(f"payouts?merchant={MERCHANT}")["payouts"])
                shown.say(f"{made} of {len(suppliers)} sent" if made else "Airflow starts")
                return made

            # One payment is meant to fail, and its run with it: the exit code says nothing.
            conf = json.dumps({"poll_interval": POLL_SECONDS})
            stage.finished(stage.airflow("dags", "test", DAG, "-f", str(EXAMPLE_DAGS / f"{DAG}.py"), "-c", conf), sent)
        ledger = stage.control(f"ledger?merchant={MERCHANT}")
        lines = [_line(row, _journal(home).get(row["reference"])) for row in suppliers]
        print()
        for text in table(lines, coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ):
            print(text)
        moved, repeated = ledger["totals"]["count"], len(ledger["repeated"])
        print(f"\n  The gateway's ledger has {moved} payments, {repeated or 'none'} of them made twice.")
        wrong = [line.reference for line, row in zip(lines, suppliers, strict=True) if not _as_it_should(line, row)]
        if wrong:
            return f"{len(wrong)} of {len(lines)} payments did not end as they should: {', '.join(wrong)}."
        if moved != len(suppliers) or repeated:
            return f"the ledger should have {len(suppliers)} payments, each made once."
        if failure := killed_and_resumed(stage, home):
            return failure
        (fails,) = (row["reference"] for row in suppliers if row["beneficiary_account"] == ALWAYS_FAILS)
        return reconciled(stage, home, (SUPPLIERS, home / LIST), report, fails)


def _as_it_should(line: Line, row: dict[str, str]) -> bool:
    fails = row["beneficiary_account"] == ALWAYS_FAILS
    return line.state in ({"failed", "refunded"} if fails else {"settled"})


def _journal(home: Path) -> dict[str, tuple[str, str | None, str | None]]:
    """Reference -> state, UTR and message, from the payout journal of `home`."""
    books = home / "paygate.db"
    if not books.exists():
        return {}
    with closing(sqlite3.connect(books)) as connection:
        rows = connection.execute("SELECT reference, state, utr, message FROM paygate_payouts").fetchall()
    return {reference: (state, utr, message) for reference, state, utr, message in rows}


def _line(row: dict[str, str], entry: tuple[str, str | None, str | None] | None) -> Line:
    state, utr, message = entry or ("not sent", None, None)
    note = "" if state == "settled" else message or ""
    if state == "failed":
        note = f"{note}: with this test account it always does."
    return Line(
        reference=row["reference"],
        supplier=row["beneficiary_name"],
        amount=Decimal(row["amount"]),
        mode=row["mode"],
        state=state,
        utr=utr or "",
        note=note,
    )
