"""The demo's second act: 200 suppliers as one batch, its worker killed half-way, then the same batch again."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS, Stage
from airflow_provider_paygate.demo.steps import step

DAG = "paywize_batch"
MERCHANT = "live-v2"  # another merchant than the first act's, so that its ledger holds this batch alone
ROWS = 200
HALF = ROWS // 2
TRIES = 3
BATCH = "suppliers-of-the-demo"
LIST = "suppliers-200.csv"  # in the demo's home
ALWAYS_SUCCEEDS = ("1234567890", "TEST0001234")
# Short, so that what was under way when the worker died is soon known to have ended.
PATIENCE = {"timeout": 1, "visibility_window": 2, "rate_limits": {"auth": 0, "initiate": 0, "status": 0, "balance": 0}}


def killed_and_resumed(stage: Stage, home: Path) -> str:
    """Play it, and show that each was paid once; one sentence about what went wrong, or nothing."""
    print(f"\n  Now {ROWS} suppliers as one batch: killed half-way, then run again.\n")
    source = home / LIST
    _write(source)
    _prepare(stage)
    conf = json.dumps({"path": str(source), "batch_id": BATCH, "poll_interval": 0.5})
    command = ("dags", "test", DAG, "-f", str(EXAMPLE_DAGS / f"{DAG}.py"), "-c", conf)
    with step("batch", "Airflow starts") as shown:
        worker = stage.airflow(*command)

        def made() -> int:
            count = _made(stage)
            shown.say(f"{count} of {ROWS} made" if count else "Airflow starts")
            if count >= HALF and worker.ended is None:
                worker.kill()
            return count

        stage.finished(worker, made)
        shown.say(f"killed after {_made(stage)} of {ROWS}: {_told(_states(home))}")
    for _ in range(TRIES):
        with step("again", "Airflow starts") as shown:
            before = _made(stage)
            stage.finished(stage.airflow(*command), lambda: _made(stage))
            shown.say(f"{_made(stage) - before} more made: {_told(_states(home))}")
        if _states(home) == {"settled": ROWS}:
            break
    ledger = stage.control(f"ledger?merchant={MERCHANT}")
    moved, repeated = ledger["totals"]["count"], len(ledger["repeated"])
    print(f"\n  The gateway's ledger has {moved} payments of the batch, {repeated or 'none'} of them made twice.")
    if _states(home) != {"settled": ROWS} or moved != ROWS or repeated:
        return f"the batch should have {ROWS} payments, settled and made once; the journal has {_told(_states(home))}."
    return ""


def _write(path: Path) -> None:
    account, ifsc = ALWAYS_SUCCEEDS
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("reference", "amount", "mode", "beneficiary_name", "beneficiary_account", "beneficiary_ifsc"))
        for n in range(1, ROWS + 1):
            writer.writerow((f"BATCH-2026-{n:04}", f"{100 + n}.50", "IMPS", f"Supplier {n}", account, ifsc))


def _prepare(stage: Stage) -> None:
    """Payments that take an instant to settle, and a gateway slow enough to be interrupted."""
    stage.control(f"merchants/{MERCHANT}", {"durations": {"IMPS": [0.05, 0.15]}})
    stage.control("faults", {"operation": "initiate", "fault": "slow", "seconds": 0.05, "times": ROWS})
    connection = stage.connections()["AIRFLOW_CONN_PAYWIZE_LIVE_V2"]
    connection["extra"].update(PATIENCE)
    stage.environment["AIRFLOW_CONN_PAYWIZE_DEFAULT"] = json.dumps(connection)


def _made(stage: Stage) -> int:
    return len(stage.control(f"payouts?merchant={MERCHANT}")["payouts"])


def _states(home: Path) -> dict[str, int]:
    """How many of the batch's payments the journal has in each state."""
    with closing(sqlite3.connect(home / "paygate.db")) as connection:
        rows = connection.execute("SELECT state FROM paygate_payouts WHERE reference LIKE 'BATCH-%'").fetchall()
    return dict(Counter(state for (state,) in rows))


def _told(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "nothing planned"
