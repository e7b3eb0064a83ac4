"""Reports: paged, once each, in whatever shape, in constant memory, written whole or not at all."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.exceptions import BadReply, InvalidRequest, NotFound, OutcomeUnknown
from airflow_provider_paygate.hooks.journal_side import write_journal
from airflow_provider_paygate.operators.paytia import PaytiaReportOperator
from airflow_provider_paygate.payouts import submission
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.paytia.conftest import Connect
from tests.paytia.fake import Fake


def refs(rows: Iterator[Any]) -> list[str]:
    return [row.reference for row in rows]


@pytest.mark.parametrize("shape", ["data", "data.data", "results", "result", "records", "list"])
@pytest.mark.parametrize("names", ["snake", "portal"])
def test_rows_are_found_in_every_shape(sandbox: Sandbox, account: Connect, shape: str, names: str) -> None:
    sandbox.account("key-only", report_shape=shape, row_names=names)
    sandbox.seed_payments("key-only", 250)
    rows = list(account().payments_taken())
    assert len({row.reference for row in rows}) == len({row.transaction_id for row in rows}) == 250
    assert all(row.amount and row.created_at and row.is_final for row in rows)


@pytest.mark.parametrize("past_the_end", ["empty", "repeat"])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200])
def test_a_report_ends(sandbox: Sandbox, account: Connect, count: int, past_the_end: str) -> None:
    sandbox.account("key-only", past_the_end=past_the_end)
    if count:
        sandbox.seed_payments("key-only", count)
    assert len(refs(account().payments_taken())) == count


def test_rows_that_two_pages_share_come_once(sandbox: Sandbox, account: Connect) -> None:
    sandbox.account("key-only", page_overlap=7)
    sandbox.seed_payments("key-only", 320)
    rows = refs(account().payments_taken())
    assert len(rows) == len(set(rows)) == 320


def test_a_gateway_that_caps_its_pages_lower_is_read_to_the_end(fake: Fake, link: Connect) -> None:
    fake.page_cap = 25
    fake.payments = [{"id": n, "reference_number": f"R{n}", "amount": "1.00"} for n in range(110)]
    assert len(refs(link().payments_taken())) == 110


def test_a_page_that_repeats_ends_the_report_and_is_told(
    fake: Fake, link: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.payments = [{"id": n, "reference_number": f"R{n}", "amount": "1.00"} for n in range(250)]
    fake.ignores = {"page"}
    hook = link()
    told = report(tmp_path / "out.csv").execute({})
    assert (told["rows"], told["pages"], told["ended"]) == (100, 2, "repeats")
    assert "page 2 is the same as page 1" in capsys.readouterr().out
    assert hook.get_payment(reference="R249").amount == 1
    with pytest.raises(NotFound):
        hook.get_payment(reference="R250")
    fake.ignores = {"page", "search"}
    with pytest.raises(BadReply, match="page 2 is the same"):
        hook.get_payment(reference="R249")


@pytest.mark.parametrize("ignored", [{"search"}, {"search", "page"}])
def test_absence_is_not_read_out_of_a_history_that_does_not_page(
    fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch, ignored: set[str]
) -> None:
    monkeypatch.setattr(submission, "BETWEEN_LOOKUPS", 0)
    hook = link(visibility_window=0)
    fake.payments = [
        {"id": n, "reference_number": f"R{n}", "amount": "1.00", "status": "completed", "moved": True}
        for n in range(150)
    ]
    fake.ignores = ignored
    fake.fail("payment_service", "lose")
    charge = {"reference": "INV-1", "amount": "5.00", "transaction_id": "pm_ok"}
    if "page" in ignored:  # it lies beyond the only page that is ever shown
        for _ in range(3):
            with pytest.raises(OutcomeUnknown, match="page 2 is the same"):
                hook.charge_stored(**charge)
    else:
        assert hook.charge_stored(**charge).succeeded
    assert fake.counts["payment_service"] == len(fake.charged("INV-1")) == 1


def test_rows_without_ids_are_all_given_and_counted(sandbox: Sandbox, account: Connect, tmp_path: Path) -> None:
    sandbox.account("key-only", rows_without_ids=True)
    sandbox.seed_payments("key-only", 150)
    account()
    told = report(tmp_path / "out.csv").execute({})
    assert (told["rows"], told["without_id"]) == (150, 150)


def test_rows_in_no_known_place_are_not_an_empty_report(fake: Fake, link: Connect) -> None:
    fake.fail("payments_taken", (200, {"httpStatus": True, "stuff": {"a": {"b": 1}}, "more": 1}))
    with pytest.raises(BadReply, match="no known place"):
        list(link().payments_taken())


@pytest.mark.parametrize("empty", [{"data": []}, {"data": None}, {"data": {"data": []}}, {"total": 0}, {"records": []}])
def test_an_empty_report_is_empty(fake: Fake, link: Connect, empty: dict[str, Any]) -> None:
    fake.fail("payments_taken", (200, {"httpStatus": True, "status": {"statusCode": 200}, **empty}))
    assert list(link().payments_taken()) == []


def test_filters_go_along_and_are_checked_at_once(sandbox: Sandbox, account: Connect) -> None:
    hook = account()
    for wrong in ({"start_date": "yesterday"}, {"limit": 0}, {"minimum": 1.5}, {"search": "4111111111111111"}):
        with pytest.raises(InvalidRequest):
            hook.payments_taken(**wrong)
    assert sandbox.counters()["operations"] == {}


def test_reading_goes_on_after_a_passing_outage(
    sandbox: Sandbox, account: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_paygate.gateways.paytia import conversation

    monkeypatch.setattr(conversation, "READ_PAUSES", (0.01, 0.01, 0.01))
    sandbox.seed_payments("key-only", 150)
    for fault in ("http_503", "reset_before", "http_502_html"):
        sandbox.fault("payments_taken", fault)
    assert len(refs(account().payments_taken())) == 150


def test_calls_and_their_details(sandbox: Sandbox, account: Connect) -> None:
    sandbox.seed_payments("key-only", 120)
    hook = account()
    calls = list(hook.cdr_logs())
    assert len({call.cdr_id for call in calls}) == 120
    assert calls[0].started_at is not None
    assert calls[0]["originator"] == "customer"
    assert hook.cdr(str(calls[0].cdr_id)).cdr_id == calls[0].cdr_id
    hook.charge_stored(reference="A", amount="1.00", transaction_id="pm_ok")
    made = str(hook.get_payment(reference="A").cdr_id)
    assert hook.cdr_api_details(made)
    assert hook.webhook_log(made) == {"data": []}


def report(path: Path | str, **more: Any) -> PaytiaReportOperator:
    return PaytiaReportOperator(task_id="t", path=str(path), **more)


def test_it_looks_back_so_that_no_late_record_is_missed(sandbox: Sandbox, account: Connect, tmp_path: Path) -> None:
    account()
    day = 86400
    now = sandbox.now()
    sandbox.seed_payments("key-only", 10, apart=day)
    from datetime import UTC, datetime, timedelta

    today = datetime.fromtimestamp(now, UTC).date()
    told = report(
        tmp_path / "a.csv", start_date=str(today - timedelta(days=1)), end_date=str(today), lookback_days=3
    ).execute({})
    assert told["start_date"] == str(today - timedelta(days=4))
    assert told["rows"] == 4


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_format_holds_the_same(sandbox: Sandbox, account: Connect, tmp_path: Path, suffix: str) -> None:
    account()
    sandbox.seed_payments("key-only", 150)
    path = tmp_path / f"out.{suffix}"
    assert report(path).execute({})["rows"] == 150
    rows = read(path)
    assert len(rows) == 150
    first = min(rows, key=lambda row: row["reference"])
    assert (first["reference"], first["amount"], first["currency"]) == ("SEED-0000000", "1.00", "GBP")
    assert first["created_at"].endswith("+00:00")
    raw = first["raw"] if isinstance(first["raw"], dict) else json.loads(first["raw"])
    assert raw["gateway_nickname"] == "stripe"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_empty_report_still_makes_a_file(sandbox: Sandbox, account: Connect, tmp_path: Path, suffix: str) -> None:
    account()
    path = tmp_path / f"out.{suffix}"
    assert report(path).execute({})["rows"] == 0
    assert read(path) == []


def test_a_report_that_breaks_off_leaves_what_was_there(sandbox: Sandbox, account: Connect, tmp_path: Path) -> None:
    account()
    sandbox.seed_payments("key-only", 250)
    path = tmp_path / "out.csv"
    path.write_text("yesterday's\n")
    sandbox.fault("payments_taken", "html_200", after=1)
    with pytest.raises(BadReply):
        report(path).execute({})
    assert path.read_text() == "yesterday's\n"
    assert list(tmp_path.glob(".paygate-*")) == []


def test_a_reference_that_does_not_fit_at_paytia_is_found_again(
    sandbox: Sandbox, account: Connect, tmp_path: Path
) -> None:
    hook = account()
    names = ["INV-1", "Rechnung für März, Müller & Söhne, zweite Mahnung, mit Zinsen"]
    for name in names:
        hook.charge_stored(reference=name, amount="5.00", transaction_id="pm_ok")
    report(tmp_path / "out.csv").execute({})
    theirs = {row["reference"] for row in read(tmp_path / "out.csv")}
    assert theirs == {hook.reference_number(name) for name in names}
    journal = read(Path(write_journal(hook, str(tmp_path))))
    assert {row["sender_id"]: row["reference"] for row in journal} == {
        hook.reference_number(name): name for name in names
    }
    assert hook.reference_number("INV-1") == "INV-1"


def test_it_reaches_object_storage(sandbox: Sandbox, account: Connect, tmp_path: Path) -> None:
    account()
    sandbox.seed_payments("key-only", 3)
    report(f"file://{tmp_path}/out.csv").execute({})
    assert len(read(tmp_path / "out.csv")) == 3


def test_calls_are_written_too(sandbox: Sandbox, account: Connect, tmp_path: Path) -> None:
    account()
    sandbox.seed_payments("key-only", 12)
    assert report(tmp_path / "calls.jsonl", report="cdr").execute({})["rows"] == 12


@pytest.mark.parametrize(
    "wrong",
    [{"path": "out.xlsx"}, {"report": "refunds"}, {"start_date": "soon"}, {"lookback_days": -1},
     {"start_date": "2026-02-02", "end_date": "2026-02-01"}, {"path": "/nowhere/out.csv"}],
)  # fmt: skip
def test_wrong_arguments_are_named(sandbox: Sandbox, account: Connect, tmp_path: Path, wrong: dict[str, Any]) -> None:
    account()
    with pytest.raises(InvalidRequest):
        report(**{"path": tmp_path / "out.csv", **wrong}).execute({})


COUNTING = """
from airflow_provider_paygate.hooks.paytia import PaytiaHook


def resident() -> float:
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 2**20


hook = PaytiaHook()
next(iter(hook.payments_taken(limit=1)))  # what is imported once
before = most = resident()
count = 0
for _ in hook.payments_taken():
    count += 1
    if count % 1000 == 0:
        most = max(most, resident())
print(count, most - before)
"""


def test_50_000_rows_take_less_than_50_mib(sandbox: Sandbox, account: Connect) -> None:
    sandbox.seed_payments("key-only", 50_000)
    account()
    done = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True, timeout=100)
    count, more = done.stdout.split()[-2:]
    assert int(count) == 50_000
    assert float(more) < 50, f"{more} MiB"


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="") as stream:
            return list(csv.DictReader(stream))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows
