"""The demo's last act: the lists of what was to be paid, reconciled with the gateway's own records."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.demo.steps import step
from airflow_provider_paygate.demo.table import rupees

if TYPE_CHECKING:
    from airflow_provider_paygate.demo.stage import Stage
    from airflow_provider_paygate.reconciliation import Result

COLUMNS = ("reference", "amount", "currency", "status", "transaction_id", "utr", "created_at")


def missing() -> str:
    """What has to be installed before it can be played; "" when nothing has to."""
    if all(importlib.util.find_spec(name) for name in ("duckdb", "pygal")):
        return ""
    return "its reconciliation needs the extra recon: pip install 'airflow-provider-paygate[sandbox,recon]'."


def reconciled(stage: Stage, home: Path, lists: Iterable[Path], report: Path, fails: str) -> str:
    """Play it, and write the report; one sentence about what went wrong, or nothing.

    :param lists: files with the references and amounts that were to be paid.
    :param fails: the one reference that is meant to be a break.
    """
    from airflow_provider_paygate.reconciliation import FileSide, reconcile

    print("\n  Last, both lists are reconciled with the gateway's own records.\n")
    with step("compare", "reads both sides") as shown:
        books = _written(home / "books.csv", _rows(lists))
        gateway = _written(home / "gateway.csv", map(_record, stage.control("payouts")["payouts"]))
        result = reconcile(FileSide(str(books)), FileSide(str(gateway)))
        report.write_text(result.html(), encoding="utf-8", newline="\n")
        agree, breaks = result.tally.count("ledger", "matched"), len(result.breaks)
        shown.say(f"{agree} agree, {breaks} break{'' if breaks == 1 else 's'}")
    print(f"\n{_told(result)}")
    if [row.reference for row in result.breaks] != [fails]:
        return f"only {fails} should be a break; see {report}."
    return ""


def _told(result: Result) -> str:
    """That the totals tie out, and the first break."""
    ledger, gateway = (
        f"{result.tally.count(side, 'input')} payments, {rupees(result.tally.amount(side, 'input'))}"
        for side in ("ledger", "gateway")
    )
    lines = [f"  It ties out: {ledger} {'on either side' if ledger == gateway else 'against ' + gateway}."]
    lines += [
        f"  The break: {row.reference}, booked as paid; the gateway says {row.gateway_status}."
        for row in result.breaks[:1]
    ]
    return "\n".join(lines)


def _rows(lists: Iterable[Path]) -> Iterable[dict[str, Any]]:
    for path in lists:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield {"reference": row["reference"], "amount": row["amount"], "currency": "INR"}


def _record(payout: dict[str, Any]) -> dict[str, Any]:
    """A payment as the gateway has it, without the account. The demo's references fit, so they are its sender ids."""
    return {
        "reference": payout["sender_id"],
        "amount": payout["amount"],
        "currency": "INR",
        "status": payout["status"],
        "transaction_id": payout["transaction_id"],
        "utr": payout["utr_number"],
        "created_at": payout["accepted_at"],
    }


def _written(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
