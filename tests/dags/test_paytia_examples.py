"""Paytia's example DAGs, run by Airflow itself as they stand: twice, and the second run moves nothing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS
from airflow_provider_paygate.sandbox.server import running

RUN = Path(__file__).parent / "files" / "run.py"
ONE, TWO = "2026-02-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"
TONIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
# Run, cleared and run again, run for another date.
RUNS: list[tuple[str, str]] = [
    ("paytia_payment_links", ONE), ("paytia_payment_links", ONE), ("paytia_payment_links", TWO),
    ("paytia_stored", ONE), ("paytia_stored", ONE), ("paytia_stored", TWO),
    ("paytia_nightly_report", TONIGHT), ("paytia_authorize", ONE),
]  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    with running() as sandbox:
        sandbox.account("key-only", link_after=0.0)  # customers who pay at once
        sandbox.seed_payments("key-only", 250, start=str(datetime.fromisoformat(TONIGHT) - timedelta(hours=1)))
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE_DAGS),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__PAYGATE__DATABASE": f"sqlite:///{home}/paygate.db",
            "AIRFLOW_CONN_PAYTIA_DEFAULT": json.dumps(sandbox.connection("key-only")),
            "AIRFLOW_CONN_PAYTIA_ENHANCED": json.dumps(sandbox.connection("enhanced")),
            "PAYGATE_REPORTS": str(home),
        }
        script = subprocess.run(
            [sys.executable, str(RUN), json.dumps(RUNS), str(EXAMPLE_DAGS)],
            env=environment, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        told = [json.loads(line[4:]) for line in script.stdout.splitlines() if line.startswith("RUN ")]
        assert len(told) == len(RUNS), script.stdout[-3000:] + script.stderr[-3000:]
        return {
            "runs": told,
            "ledger": sandbox.ledger(),
            "counters": sandbox.counters(),
            "home": home,
            "connections": [sandbox.connection(name) for name in ("key-only", "enhanced")],
        }


def returned(played: dict[str, Any], dag: str) -> list[list[Any]]:
    return [run["returned"] for run in played["runs"] if run["dag"] == dag]


def test_every_run_succeeds(played: dict[str, Any]) -> None:
    assert {(run["dag"], run["state"]) for run in played["runs"]} == {(dag, "success") for dag, _ in RUNS}


def test_the_links_of_the_file_are_made_once_and_paid(played: dict[str, Any]) -> None:
    first, *later = [
        sorted((told for told in values if isinstance(told, dict)), key=lambda told: json.dumps(told, sort_keys=True))
        for values in returned(played, "paytia_payment_links")
    ]
    assert later == [first, first]
    paid = {told["reference"]: told["amount"] for told in first if told["status"] == "COMPLETED"}
    assert paid == {"INV-2026-3001": "120.00", "INV-2026-3002": "45.50", "INV-2026-3003": "980.00"}
    assert len([told for told in first if "url" in told]) == 3


def test_stored_instruments_move_once(played: dict[str, Any]) -> None:
    moved = sorted(line["sender_id"] for line in played["ledger"]["lines"] if line["sender_id"][:3] != "INV")
    assert moved == ["HIRE-0815", "REFUND-0815", "RENT-2026-11-FLAT-4"]
    assert played["ledger"]["repeated"] == []


def test_the_nights_report_is_written_with_its_days_rendered(played: dict[str, Any]) -> None:
    told = {values["report"]: values for values in returned(played, "paytia_nightly_report")[0]}
    assert told["payments"]["end_date"] == told["cdr"]["end_date"] == TONIGHT[:10]
    with open(told["payments"]["path"], newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["transaction_id"] for row in rows}) == len(rows) == told["payments"]["rows"] >= 250
    assert Path(told["cdr"]["path"]).name == f"paytia-calls-{TONIGHT[:10]}.jsonl"


def test_authorize_tells_no_token(played: dict[str, Any]) -> None:
    assert returned(played, "paytia_authorize") == [[{"authorized": True, "seconds": 3600}]]


def test_no_key_and_no_token_is_in_what_airflow_keeps(played: dict[str, Any]) -> None:
    kept = json.dumps(played["runs"]) + "".join(
        path.read_text(errors="replace") for path in (played["home"] / "logs").rglob("*.log")
    )
    kept += "".join(path.read_bytes().decode("latin-1") for path in played["home"].glob("*.db*"))
    for connection in played["connections"]:
        extra = connection["extra"]
        secrets = (extra["api_key"], connection.get("password"), extra.get("access_token"), extra.get("refresh_token"))
        for secret in filter(None, secrets):
            assert secret not in kept
