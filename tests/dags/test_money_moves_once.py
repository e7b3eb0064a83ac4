"""In Airflow itself: a paid DAG that is cleared, backfilled or run anew moves no more money (promise 13)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.sandbox.server import running
from tests.conftest import CANARY_ACCOUNT, UNPACED

FILES = Path(__file__).parent / "files"
ONE, TWO, THREE = (f"2026-02-0{day}T00:00:00+00:00" for day in (1, 2, 3))
# Dag, logical date: run, cleared and run again, backfilled for two more dates, and started by hand once more.
RUNS: list[tuple[str, str | None]] = [
    ("single", ONE), ("single", ONE), ("single", TWO), ("single", THREE), ("single", None),
    ("mapped", ONE), ("mapped", ONE), ("mapped", TWO),
    ("batch", ONE), ("batch", ONE), ("batch", TWO),
]  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of it in one Airflow, whose start is what takes long."""
    home = tmp_path_factory.mktemp("airflow")
    with running() as sandbox:
        sandbox.merchant("docs-v1", dedupe=False, durations={"IMPS": [0, 0]})  # no help from the gateway
        connection = sandbox.connection("docs-v1")
        connection["extra"] = {**connection["extra"], "rate_limits": UNPACED}
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(FILES),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__PAYGATE__DATABASE": f"sqlite:///{home}/paygate.db",
            "AIRFLOW_CONN_PAYWIZE_DEFAULT": json.dumps(connection),
            "CANARY_ACCOUNT": CANARY_ACCOUNT,
        }
        script = subprocess.run(
            [sys.executable, str(FILES / "run.py"), json.dumps(RUNS)],
            env=environment, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        told = [json.loads(line[4:]) for line in script.stdout.splitlines() if line.startswith("RUN ")]
        assert len(told) == len(RUNS), script.stdout[-3000:] + script.stderr[-3000:]
        return {"runs": told, "ledger": sandbox.ledger(), "home": home, "output": script.stdout + script.stderr}


def runs(played: dict[str, Any], dag: str) -> list[dict[str, Any]]:
    return [run for run in played["runs"] if run["dag"] == dag]


def test_every_run_succeeds_and_money_moved_once(played: dict[str, Any]) -> None:
    assert {run["state"] for run in played["runs"]} == {"success"}
    assert played["ledger"]["repeated"] == []
    assert sorted(line["sender_id"] for line in played["ledger"]["lines"]) == [
        "BATCH-1", "BATCH-2", "BATCH-3", "ROW-1", "ROW-2", "ROW-3", "SINGLE",
    ]  # fmt: skip


def test_one_payout_is_told_alike_by_every_run(played: dict[str, Any]) -> None:
    first, *later = [run["returned"][0] for run in runs(played, "single")]
    assert (first["status"], first["already_paid"]) == ("SUCCESS", False)
    assert later == [{**first, "already_paid": True}] * 4


def test_mapped_payouts_that_wait_in_the_triggerer_are_paid_once_each(played: dict[str, Any]) -> None:
    for number, run in enumerate(runs(played, "mapped")):
        assert [task[1] for task in run["tasks"]] == [0, 1, 2]
        assert {result["reference"]: result["amount"] for result in run["returned"]} == {
            "ROW-1": "1.10", "ROW-2": "2.10", "ROW-3": "3.10",
        }  # fmt: skip
        assert {result["already_paid"] for result in run["returned"]} == {number > 0}


def test_a_batch_counts_what_another_run_paid(played: dict[str, Any]) -> None:
    first, *later = [run["returned"][0] for run in runs(played, "batch")]
    assert (first["succeeded"], first["amount_succeeded"], first["already_paid"]) == (3, "21.00", 0)
    for again in later:
        assert (again["succeeded"], again["amount_succeeded"], again["already_paid"]) == (3, "21.00", 3)


def test_the_journal_shows_no_account_number(played: dict[str, Any]) -> None:
    for path in played["home"].glob("paygate.db*"):
        assert CANARY_ACCOUNT.encode() not in path.read_bytes()
    for run in played["runs"]:
        assert CANARY_ACCOUNT not in json.dumps(run)
