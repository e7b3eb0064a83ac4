"""`PaygateReconcileOperator`: files and journals compared; what breaks do to the task; nothing secret told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator
from airflow_provider_paygate.operators.reconcile import (
    REPORT_URL,
    PaygateReconcileOperator,
    ReconciliationReportLink,
)
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, calls, payment

HEADER = "reference,amount,currency,status,created_at,settled_at\n"
AGREED = HEADER + "A,100.00,INR,SUCCESS,2026-01-05T06:00:00Z,2026-01-05T20:00:00Z\n"
SHORT = HEADER + "A,99.00,INR,SUCCESS,2026-01-05T06:00:00Z,2026-01-06T06:00:00Z\n"
LATE = AGREED + "B,5.00,INR,SUCCESS,2026-01-14T06:00:00Z,\n"

Reconcile = Callable[..., dict[str, Any]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def written(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


@pytest.fixture
def reconcile() -> Reconcile:
    def run(ledger: Any, gateway: Any, context: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        given = {"as_of": "2026-01-15", **arguments}
        return PaygateReconcileOperator(task_id="reconcile", ledger=ledger, gateway=gateway, **given).execute(
            context or {}
        )

    return run


class Task:
    """A task instance that keeps what it is given."""

    dag_id, run_id, task_id, map_index, try_number = "d", "r", "reconcile", -1, 1

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.told[key] = value


def test_files_that_agree_give_a_small_summary_and_two_files(
    reconcile: Reconcile, write: Callable[[str, str], str], tmp_path: Path
) -> None:
    report, breaks = tmp_path / "a report.html", tmp_path / "breaks.csv"
    task = Task()
    told = reconcile(
        write("l.csv", LATE), write("g.csv", AGREED), {"ti": task}, report_path=str(report), breaks_path=str(breaks)
    )
    assert told["ledger"]["count"] == {"input": 2, "matched": 1, "breaks": 0, "timing": 1, "ignored": 0}
    assert told["by_class"]["timing"] == 1
    assert told["report_path"] == str(report)
    assert len(json.dumps(told)) < 3000
    assert "<html" in report.read_text(encoding="utf-8")
    assert [line.split(",")[1] for line in breaks.read_text().splitlines()] == ["class", "timing"]
    assert task.told == {REPORT_URL: report.as_uri()}
    assert sorted(path.name for path in tmp_path.glob("*.*")) == sorted(
        {"a report.html", "breaks.csv", "g.csv", "l.csv", *(path.name for path in tmp_path.glob("paygate.db*"))}
    )


def test_files_come_from_and_go_to_object_storage(
    reconcile: Reconcile, write: Callable[[str, str], str], tmp_path: Path
) -> None:
    sides = [Path(write(name, text)).as_uri() for name, text in (("l.csv", AGREED), ("g.csv", SHORT))]
    report, breaks = (tmp_path / "out.html").as_uri(), (tmp_path / "out.parquet").as_uri()
    with pytest.raises(errors.BreaksFound):
        reconcile(*sides, report_path=report, breaks_path=breaks)
    assert (tmp_path / "out.parquet").read_bytes()[:4] == b"PAR1"
    assert "l.csv" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_the_output_of_a_report_task_is_a_side(reconcile: Reconcile, write: Callable[[str, str], str]) -> None:
    gateway = {"report": "payments", "path": write("g.csv", AGREED), "rows": 1}
    assert reconcile(write("l.csv", AGREED), gateway)["matched_by"]["reference"] == 1


def test_every_class_but_timing_fails_the_task_and_says_which(
    reconcile: Reconcile, write: Callable[[str, str], str], tmp_path: Path
) -> None:
    report = str(tmp_path / "r.html")
    task = Task()
    with pytest.raises(errors.BreaksFound, match=r"^nightly: 1 amount_mismatch; report: .*r\.html$") as caught:
        reconcile(write("l.csv", LATE), write("g.csv", SHORT), {"ti": task}, name="nightly", report_path=report)
    assert isinstance(caught.value, AirflowFailException)
    assert Path(report).exists()
    assert REPORT_URL in task.told


@pytest.mark.parametrize(
    ("fail_on", "raised"),
    [
        (["status_mismatch"], None),
        ([], None),
        (["amount_mismatch"], errors.BreaksFound),
        (["timing"], errors.BreaksFound),
        ({"amount_mismatch": "warn"}, None),
        ({"amount_mismatch": "skip"}, AirflowSkipException),
        ({"amount_mismatch": "skip", "timing": "fail"}, errors.BreaksFound),
        ({"timing": "skip"}, errors.BreaksFound),
    ],
)
def test_fail_on_says_what_a_class_does(
    fail_on: Any, raised: type[Exception] | None, reconcile: Reconcile, write: Callable[[str, str], str]
) -> None:
    sides = write("l.csv", LATE), write("g.csv", SHORT)
    if raised is None:
        assert reconcile(*sides, fail_on=fail_on)["by_class"]["amount_mismatch"] == 1
    else:
        with pytest.raises(raised):
            reconcile(*sides, fail_on=fail_on)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"gateway": "nowhere.csv"}, "nowhere.csv"),
        ({"gateway": "journal:nowhere"}, "Airflow has no connection 'nowhere'"),
        ({"gateway": {"sql": "SELECT 1", "conn_id": "nowhere"}}, "Airflow has no connection 'nowhere'"),
        ({"gateway": {"sql": "SELECT 1"}}, "gateway: give a query as"),
        ({"gateway": None}, "gateway: give a path"),
        ({"gateway": "ftq://bucket/g.csv"}, "ftq://bucket/g.csv"),
        ({"statement": "journal:paywize_default"}, "a journal is no bank statement"),
        ({"tolerance": 0.5}, "tolerance is a float"),
        ({"tolerance": "some"}, "tolerance some: give a plain decimal"),
        ({"window": "two"}, "window two: give a whole number"),
        ({"as_of": "today"}, "as_of today: give an ISO date"),
        ({"holidays": ["2026-01-26", "soon"]}, "holidays: 'soon' is not an ISO date"),
        ({"journal_since": "soon"}, "journal_since soon: give an ISO date"),
        ({"columns": ["a"]}, "columns must be a mapping"),
        ({"columns": {"sum": "amount"}}, "no column 'sum'"),
        ({"fail_on": "timing"}, "fail_on must be a list or mapping of"),
        ({"fail_on": ["losses"]}, "fail_on must be a list or mapping of"),
        ({"fail_on": {"timing": "cry"}}, "one of fail, warn, skip"),
        ({"report_path": "/no/such/folder/r.html"}, "the folder does not exist"),
        ({"breaks_path": "breaks.xlsx"}, "tables are written as"),
    ],
)
def test_bad_input_is_one_sentence_and_fails(
    arguments: dict[str, Any], reason: str, reconcile: Reconcile, write: Callable[[str, str], str]
) -> None:
    given = {"ledger": write("l.csv", AGREED), "gateway": write("g.csv", AGREED), **arguments}
    with pytest.raises(errors.InvalidRequest) as caught:
        reconcile(**given)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_arguments_mean_what_they_mean_at_the_prompt(reconcile: Reconcile, write: Callable[[str, str], str]) -> None:
    ledger, gateway = write("l.csv", LATE.replace("reference", "order")), write("g.csv", SHORT)
    told = reconcile(
        ledger, gateway, ledger_columns={"reference": "order"}, tolerance=Decimal("1.00"), window="3",
        holidays=[date(2026, 1, 15)], cutoffs={"INR": "17:30"}, timezone="Asia/Kolkata", as_of=date(2026, 1, 16),
    )  # fmt: skip
    assert (told["by_class"]["timing"], told["ledger"]["count"]["matched"]) == (1, 1)
    with pytest.raises(errors.InvalidRequest, match=r"g\.csv:1: the gateway has no rows; allow_empty"):
        reconcile(write("l.csv", AGREED), write("g.csv", HEADER))


# Journals


def pay(*payouts: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    operator = PaywizePayoutBatchOperator(task_id="pay", batch_id="B", payouts=payouts, **arguments)
    return operator.execute({})


def test_the_journal_is_refreshed_and_then_compared(
    reconcile: Reconcile,
    connect: Callable[..., str],
    sandbox: Sandbox,
    write: Callable[[str, str], str],
    tmp_path: Path,
) -> None:
    connect()
    sandbox.merchant("docs-v1", durations={"IMPS": [60, 60]})
    pay(payment("PAID"), payment("BAD", beneficiary_account="9876543210", beneficiary_ifsc="TEST0001234"),
        wait_for_completion=False)  # fmt: skip
    ledger = write("books.csv", "reference,amount,currency,status\nPAID,1250.00,INR,SUCCESS\nBAD,1250.00,INR,SUCCESS\n")
    report = tmp_path / "r.html"
    arguments = {"as_of": None, "fail_on": (), "report_path": str(report)}

    assert reconcile(ledger, "journal:paywize_default", refresh=False, **arguments)["by_class"]["timing"] == 2
    assert calls(sandbox, "status") == 0
    sandbox.advance(120)
    told = reconcile(ledger, "journal:paywize_default", **arguments)
    assert calls(sandbox, "status") == 2
    assert told["ledger"]["count"]["matched"] == 1
    assert {name: count for name, count in told["by_class"].items() if count} == {"reversal": 1}
    text = report.read_text(encoding="utf-8") + json.dumps(told)
    for secret in (CANARY_ACCOUNT, "9876543210", *filter(None, [sandbox.connection()["password"]])):
        assert secret not in text


# What Airflow sees


class Events(dict[Any, Any]):
    """outlet_events, as far as an operator uses it."""

    class Added(list[Any]):
        def add(self, asset: Any, extra: Any) -> None:
            self.append((asset.name, extra))

    def __missing__(self, key: Any) -> Events.Added:
        return self.setdefault(key, Events.Added())


def test_one_asset_event_for_each_local_day_of_settlement(
    reconcile: Reconcile, write: Callable[[str, str], str]
) -> None:
    events = Events()
    more = "B,5.00,INR,SUCCESS,2026-01-05T06:00:00Z,2026-01-06T04:00:00Z\nC,5.00,INR,SUCCESS,,2026-01-08\n"
    path = write("l.csv", AGREED + more)  # A settled at 20:00 UTC, which is the 6th in India
    reconcile(path, path, {"outlet_events": events}, asset_alias="settled")
    ((alias, added),) = events.items()
    assert alias.name == "settled"
    assert added == [("settled", {"settlement_day": day}) for day in ("2026-01-06", "2026-01-08")]


def test_airflows_own_accessor_takes_an_event_for_each_day(
    reconcile: Reconcile, write: Callable[[str, str], str]
) -> None:
    context = pytest.importorskip("airflow.sdk.execution_time.context")
    from airflow.providers.common.compat.sdk import AssetAlias

    events = context.OutletEventAccessors()
    path = write("l.csv", AGREED + "C,5.00,INR,SUCCESS,,2026-01-08\n")
    reconcile(path, path, {"outlet_events": events}, asset_alias="settled")
    assert len(events[AssetAlias("settled")].asset_alias_events) == 2


def test_the_alias_is_an_outlet_beside_others() -> None:
    from airflow.providers.common.compat.sdk import Asset

    operator = PaygateReconcileOperator(
        task_id="r", ledger="l.csv", gateway="g.csv", asset_alias="settled", outlets=[Asset("other")]
    )
    assert [outlet.name for outlet in operator.outlets] == ["other", "settled"]


def test_the_link_opens_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import XCom

    from airflow_provider_paygate.get_provider_info import get_provider_info

    monkeypatch.setattr(
        XCom, "get_value", lambda *, key, ti_key: f"https://reports/{ti_key}" if key == REPORT_URL else None
    )
    (link,) = PaygateReconcileOperator.operator_extra_links
    assert (link.name, link.get_link(None, ti_key="x")) == ("Reconciliation report", "https://reports/x")
    kind = ReconciliationReportLink
    assert f"{kind.__module__}.{kind.__qualname__}" in get_provider_info()["extra-links"]


def test_every_argument_but_the_alias_is_a_template() -> None:
    import inspect

    named = set(inspect.signature(PaygateReconcileOperator.__init__).parameters) - {"self", "kwargs"}
    assert set(PaygateReconcileOperator.template_fields) == named - {"asset_alias"}


# The example


def test_the_nightly_example_finds_the_one_payment_that_failed(
    connect: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import csv

    from airflow.dag_processing.dagbag import DagBag

    from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS

    connect()
    monkeypatch.setenv("PAYGATE_REPORTS", str(tmp_path))
    bag = DagBag(dag_folder=str(EXAMPLE_DAGS / "paygate_reconcile.py"), load_op_links=False)
    assert bag.import_errors == {}
    tasks = bag.dags["paygate_reconcile"].task_dict
    assert tasks["charges"].upstream_task_ids == {"taken"}
    with open(EXAMPLE_DAGS / "data" / "suppliers.csv", encoding="utf-8", newline="") as stream:
        pay(*csv.DictReader(stream), poll_interval=0.02)
    tasks["sweep"].execute({})
    nightly = tasks["payouts"]
    nightly.report_path, nightly.breaks_path = str(tmp_path / "r.html"), str(tmp_path / "b.csv")  # rendered
    with pytest.raises(errors.BreaksFound, match=r"^suppliers: 1 status_mismatch; report: "):
        nightly.execute({})
    assert len((tmp_path / "b.csv").read_text().splitlines()) == 2


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What arrives at a mail server of our own, to which `smtp_default` leads."""
    arrived: list[str] = []

    class Server(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in iter(self.rfile.readline, b""):
                word = line[:4].upper().strip()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    arrived.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 5, "retry_limit": 1},
        }
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield arrived
        server.shutdown()


def test_the_nightly_example_tells_a_notifier(mailbox: list[str]) -> None:
    from email import message_from_string

    from airflow.dag_processing.dagbag import DagBag

    from airflow_provider_paygate.demo.stage import EXAMPLE_DAGS

    bag = DagBag(dag_folder=str(EXAMPLE_DAGS / "paygate_reconcile.py"), load_op_links=False)
    dag = bag.dags["paygate_reconcile"]
    for task in dag.tasks:
        (notify,) = task.on_failure_callback
        context = {"dag": dag, "ds": "2026-01-15", "ti": Task(), "exception": errors.BreaksFound("charges: 1 <fee>")}
        notify(context)
    assert len(mailbox) == len(dag.tasks) == 4
    message = message_from_string(mailbox[0])
    assert message["Subject"] == "paygate_reconcile 2026-01-15: reconcile found breaks or failed"
    (body,) = message.get_payload()
    assert "charges: 1 &lt;fee&gt;" in body.get_payload(decode=True).decode()
