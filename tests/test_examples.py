"""The example DAGs load and do what they say, and `paygate demo` plays the main job whole."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow.dag_processing.dagbag import DagBag

from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS
from airflow_provider_paygate.demo.table import Line, rupees, table
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, moved

ROOT = Path(__file__).resolve().parent.parent
DEMO = [sys.executable, "-m", "airflow_provider_paygate", "demo"]


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    bag = DagBag(dag_folder=str(EXAMPLE_DAGS), load_op_links=False)
    assert bag.import_errors == {}
    return dict(bag.dags)


def suppliers() -> list[dict[str, str]]:
    with (ROOT / "example_dags" / "data" / "suppliers.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_example_dags_load(dags: dict[str, Any]) -> None:
    files = {path.stem for path in EXAMPLE_DAGS.glob("*.py")} - {"__init__"}
    assert set(dags) == files


def test_the_suppliers_are_twenty_good_rows_and_one_of_them_fails_at_the_gateway() -> None:
    from airflow_provider_paygate.payouts import Payout

    payouts = [Payout(**row) for row in suppliers()]  # type: ignore[arg-type]
    assert len({payout.reference for payout in payouts}) == 20
    assert [payout.beneficiary_ifsc for payout in payouts if payout.beneficiary_account == "9876543210"] == [
        "TEST0001234"
    ]
    assert {payout.mode for payout in payouts} == {"IMPS", "NEFT", "RTGS"}


def test_one_payout_is_sent_in_one_task_and_waited_for_in_another(
    dags: dict[str, Any], sandbox: Sandbox, connect: Callable[..., str]
) -> None:
    connect()
    tasks = dags["paywize_single_payout"].task_dict
    sent = tasks["pay"].execute({})
    sensor = tasks["paid"]
    sensor.reference = sent["reference"]  # its template, rendered
    assert sensor.poke({}).xcom_value["status"] == "SUCCESS"
    assert moved(sandbox) == 1


def test_the_wallet_is_waited_for_and_read(dags: dict[str, Any], connect: Callable[..., str], sandbox: Sandbox) -> None:
    connect()
    tasks = dags["paywize_wallet"].task_dict
    assert tasks["funded"].poke({}).is_done
    assert tasks["balance"].execute({})["available"] == "100000000.00"


def test_a_collection_is_asked_for_and_comes(
    dags: dict[str, Any], sandbox: Sandbox, connect: Callable[..., str]
) -> None:
    connect()
    tasks = dags["paywize_collection"].task_dict
    asked = tasks["ask"].execute({})
    assert asked["payment_url"]
    sensor = tasks["collected"]
    sensor.reference = asked["reference"]
    assert not sensor.poke({}).is_done
    sandbox.advance(3600)
    assert sensor.poke({}).xcom_value["status"] == "SUCCESS"


def test_a_bank_balance_is_read_without_an_operator_of_its_own(
    dags: dict[str, Any], sandbox: Sandbox, connect: Callable[..., str]
) -> None:
    connect()
    assert "balance" in dags["paywize_request"].task_dict["bank_balance"].execute({})


def test_the_batch_pays_the_same_suppliers_and_the_sweep_finds_nothing_in_doubt(
    dags: dict[str, Any], sandbox: Sandbox, connect: Callable[..., str]
) -> None:
    connect()
    tasks = dags["paywize_batch"].task_dict
    tasks["pay"].render_template_fields({"params": dags["paywize_batch"].params.dump()})
    told = tasks["pay"].execute({})
    assert (told["total"], told["succeeded"], told["failed"]) == (20, 19, 1)
    assert tasks["sweep"].execute({})["unknown"] == 0
    assert calls(sandbox, "initiate") == moved(sandbox) == 20


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "₹0.00"), ("999.99", "₹999.99"), ("1000", "₹1,000.00"), ("100000", "₹1,00,000.00"),
        ("12345678.9", "₹1,23,45,678.90"), ("-100000", "-₹1,00,000.00"),
    ],
)  # fmt: skip
def test_amounts_are_grouped_as_in_india(amount: str, shown: str) -> None:
    from decimal import Decimal

    assert rupees(Decimal(amount)) == shown


def test_the_table_fits_eighty_columns() -> None:
    from decimal import Decimal

    line = Line("INV-2026-0001", "A very long supplier name", Decimal("3500000"), "RTGS", "settled", "6" * 12, "a note")
    text = list(table([line]))
    assert max(map(len, text)) <= 80
    assert text[-1].split() == ["1", "in", "all", "₹35,00,000.00"]


def surroundings(**more: str) -> dict[str, str]:
    """A shell that is set up for another Airflow, which the demo must not touch."""
    return {**os.environ, "AIRFLOW_HOME": "/nonexistent", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "broken://", **more}


def our_processes(place: Path) -> list[psutil.Process]:
    """What still runs with `place` as its temporary directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(place):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(300)
def test_the_demo_shows_nineteen_settled_a_killed_batch_paid_once_and_a_reconciliation_and_leaves_nothing_running() -> (
    None
):
    with tempfile.TemporaryDirectory(prefix="a path with spaces ") as folder:
        place = Path(folder)
        done = subprocess.run(DEMO, env=surroundings(TMPDIR=folder), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "19 settled" in done.stdout
        assert "1 failed" in done.stdout
        assert "20 payments, none of them made twice" in done.stdout
        assert "killed after" in done.stdout
        assert "200 settled" in done.stdout
        assert "200 payments of the batch, none of them made twice" in done.stdout
        assert "219 agree, 1 break" in done.stdout
        assert "It ties out: 220 payments, ₹13,44,815.49 on either side." in done.stdout
        assert "The break: INV-2026-0013, booked as paid" in done.stdout
        *lines, report_line, log_line = done.stdout.splitlines()
        assert max(map(len, lines)) <= 80
        report, log = sorted(place.iterdir())  # nothing else is left
        assert report_line.endswith(str(report))
        assert log_line.endswith(str(log))
        assert "INV-2026-0013" in report.read_text(encoding="utf-8")
        assert our_processes(place) == []


def test_a_demo_that_cannot_be_played_whole_is_not_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import util

    from airflow_provider_paygate.cli import main

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "duckdb" else found(name, *more))
    assert main(["demo"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paygate demo: its reconciliation needs the extra recon")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_what_it_started(ending: signal.Signals, tmp_path: Path) -> None:
    place = tmp_path / "of the demo"
    place.mkdir()
    demo = subprocess.Popen(
        DEMO, env=surroundings(TMPDIR=str(place)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    while "sandbox" not in demo.stdout.readline():
        pass
    time.sleep(0.5)
    assert len(our_processes(place)) > 1
    demo.send_signal(ending)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 128 + ending
    assert said == "\npaygate demo: interrupted; everything it started is stopped.\n"
    assert our_processes(place) == []
    assert [path.suffix for path in place.iterdir()] == [".log"]
