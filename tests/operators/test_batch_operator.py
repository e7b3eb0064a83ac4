"""A batch: checked whole before the first rupee moves, then every row ends in a named state and the totals tie out."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, calls, moved, payment
from tests.operators.conftest import Pay, PayBatch

SUMMARY = {
    "batch_id", "total", "succeeded", "failed", "refused", "unknown", "pending", "amount_succeeded", "already_paid",
}  # fmt: skip
FIELDS = list(payment())


def some(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [payment(f"INV-{number}", **fields) for number in range(1, count + 1)]


def told(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary without its zeros; and it ties out."""
    assert set(summary) == SUMMARY
    assert summary["total"] == sum(summary[state] for state in ("succeeded", "failed", "refused", "unknown", "pending"))
    return {name: value for name, value in summary.items() if value and name != "batch_id"}


def paid_ids(sandbox: Sandbox) -> list[str]:
    assert sandbox.ledger()["repeated"] == []
    return sorted(line["sender_id"] for line in sandbox.ledger()["lines"])


def write_csv(path: Path, rows: list[dict[str, Any]], *, encoding: str = "utf-8", newline: str = "\n") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]) if rows else FIELDS, lineterminator=newline)
        writer.writeheader()
        writer.writerows(rows)
    return path


def task(run: str = "r", try_number: int = 1, **more: Any) -> dict[str, Any]:
    about = {"dag_id": "d", "run_id": run, "task_id": "pay", "map_index": -1, "try_number": try_number, **more}
    return {"ti": SimpleNamespace(**about)}


# Sources


def test_a_list_is_paid_row_by_row_and_the_totals_tie_out(
    sandbox: Sandbox, pay_batch: PayBatch, any_books: str
) -> None:
    summary = pay_batch(payouts=some(12, amount="10.10"), batch_id="salaries")
    assert summary["batch_id"] == "salaries"
    assert told(summary) == {"total": 12, "succeeded": 12, "amount_succeeded": "121.20"}
    assert json.loads(json.dumps(summary)) == summary
    assert len(paid_ids(sandbox)) == 12
    assert (calls(sandbox, "auth"), calls(sandbox, "initiate"), calls(sandbox, "balance")) == (1, 12, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_csv_is_read_with_or_without_a_bom_and_with_either_line_end(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, encoding: str, newline: str
) -> None:
    rows = [payment("INV-1", beneficiary_name='Rao, "Asha"'), payment("INV-2", remarks="März")]
    summary = pay_batch(path=str(write_csv(tmp_path / "b.csv", rows, encoding=encoding, newline=newline)))
    assert told(summary) == {"total": 2, "succeeded": 2, "amount_succeeded": "2500.00"}
    assert paid_ids(sandbox) == ["INV-1", "INV-2"]


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "JSONL"])
def test_json_lines_are_read_with_blank_lines_between(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"b.{suffix}"
    path.write_text("\n\n".join(json.dumps({**row, "note": {"ours": 1}}) for row in some(3)) + "\n\n")
    assert told(pay_batch(path=str(path)))["succeeded"] == 3


def test_parquet_is_read_with_decimals_as_they_are(sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [payment(f"INV-{number}", amount=Decimal("12.50")) for number in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    assert told(pay_batch(path=str(tmp_path / "b.parquet")))["amount_succeeded"] == "37.50"


def test_a_path_is_whatever_airflow_opens(sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path) -> None:
    source, results = write_csv(tmp_path / "b.csv", some(2)), tmp_path / "r.csv"
    assert told(pay_batch(path=f"file://{source}", results_path=f"file://{results}"))["succeeded"] == 2
    assert len(results.read_text().splitlines()) == 3


def test_a_query_is_read_over_an_airflow_connection(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any hook with the driver's own connection will do; the SQLite provider is not always installed."""
    from airflow.providers.common.compat.sdk import BaseHook

    ledger = tmp_path / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute(f"CREATE TABLE due ({', '.join(FIELDS)})")
        for row in some(3):
            connection.execute(f"INSERT INTO due VALUES ({', '.join('?' * len(FIELDS))})", list(row.values()))
    hook = SimpleNamespace(get_conn=lambda: sqlite3.connect(ledger))
    monkeypatch.setattr(BaseHook, "get_hook", lambda conn_id: {"erp": hook}[conn_id])
    query = f"SELECT reference AS id, amount AS betrag, {', '.join(FIELDS[2:])} FROM due ORDER BY reference"
    columns = {"reference": "id", "amount": "betrag"}
    assert told(pay_batch(sql=query, sql_conn_id="erp", columns=columns))["succeeded"] == 3
    with pytest.raises(errors.InvalidRequest, match="sql_conn_id"):
        pay_batch(sql=query)


def test_a_query_is_read_again_by_one_thread_alone(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection of sqlite3 may be used, and closed, by no other thread than the one that made it."""
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_paygate.payouts import plan, sending

    monkeypatch.setattr(sending, "TAKEN", 2)
    monkeypatch.setattr(plan, "CHUNK", 2)
    unclosed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unclosed.append)
    ledger = tmp_path / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute(f"CREATE TABLE due ({', '.join(FIELDS)})")
        for row in some(20):
            connection.execute(f"INSERT INTO due VALUES ({', '.join('?' * len(FIELDS))})", list(row.values()))
    hook = SimpleNamespace(get_conn=lambda: sqlite3.connect(ledger))
    monkeypatch.setattr(BaseHook, "get_hook", lambda conn_id: hook)
    sandbox.fault("initiate", "unknown_code", code=4000, message="Insufficient Balance in the wallet", after=3)
    with pytest.raises(errors.InsufficientFunds):  # the reading is given up in the middle
        pay_batch(sql="SELECT * FROM due", sql_conn_id="erp", max_concurrency=2)
    sandbox.clear_faults()
    assert pay_batch(sql="SELECT * FROM due", sql_conn_id="erp")["succeeded"] == 20
    assert unclosed == []


def test_columns_map_their_names_and_other_columns_are_their_own(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path
) -> None:
    rows = [{"Nr": row.pop("reference"), "Betrag": row.pop("amount"), **row, "cost centre": "7"} for row in some(2)]
    columns = {"reference": "Nr", "amount": "Betrag"}
    assert told(pay_batch(path=str(write_csv(tmp_path / "b.csv", rows)), columns=columns))["succeeded"] == 2
    assert told(pay_batch(payouts=rows, columns=columns, batch_id="B-2"))["already_paid"] == 2
    with pytest.raises(errors.InvalidRequest, match="Nr"):
        pay_batch(payouts=rows, columns={"Nr": "reference"})


@pytest.mark.parametrize(("content", "why"), [
    ("", "has no column reference"),
    ("reference;amount\nINV-1;5\n", "has no column reference"),
    ("reference,amount,amount\n", "twice"),
])  # fmt: skip
def test_a_file_whose_columns_cannot_be_right_is_refused_in_one_sentence(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, content: str, why: str
) -> None:
    path = tmp_path / "b.csv"
    path.write_text(content)
    for on_invalid in ("fail", "skip"):
        with pytest.raises(errors.InvalidRequest, match=why):
            pay_batch(path=str(path), on_invalid=on_invalid)
    assert sandbox.counters()["total"] == 0


@pytest.mark.parametrize("arguments", [
    {}, {"payouts": [], "path": "b.csv"}, {"payouts": "INV-1"}, {"payouts": {"reference": "INV-1"}},
    {"path": "b.xlsx"}, {"path": "/nowhere/b.csv"}, {"payouts": [], "on_invalid": "ignore"},
    {"payouts": [], "fail_on": "unknown"}, {"payouts": [], "fail_on": ["lost"]}, {"payouts": [], "max_concurrency": 0},
    {"payouts": [], "max_concurrency": "many"}, {"payouts": [], "results_path": "r.xlsx"},
    {"payouts": [], "max_amount": 12.5}, {"payouts": [], "max_batch_amount": "lots"}, {"payouts": [], "timeout": "soon"},
    {"payouts": [], "results_path": "/nowhere/r.csv"},
])  # fmt: skip
def test_a_wrong_argument_is_named_before_any_request(
    sandbox: Sandbox, pay_batch: PayBatch, arguments: dict[str, Any]
) -> None:
    if arguments.get("payouts") == []:
        arguments = {**arguments, "payouts": some(1)}
    with pytest.raises(errors.InvalidRequest):
        pay_batch(**arguments)
    assert sandbox.counters()["total"] == 0


def test_a_batch_of_no_rows_is_done_at_once(sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path) -> None:
    empty = {"jsonl": "", "csv": ",".join(FIELDS) + "\r\n"}
    sources: list[dict[str, Any]] = [{"payouts": []}]
    for suffix, content in empty.items():
        (tmp_path / f"b.{suffix}").write_text(content)
        sources.append({"path": str(tmp_path / f"b.{suffix}")})
    for number, source in enumerate(sources):
        results = tmp_path / f"r{number}.csv"
        summary = pay_batch(**source, batch_id=f"B-{number}", results_path=str(results))
        assert told(summary) == {"amount_succeeded": "0.00"}
        assert len(results.read_text().splitlines()) == 1
    assert sandbox.counters()["total"] == 0


def test_every_argument_is_a_template() -> None:
    names = {
        "payouts", "path", "sql", "sql_conn_id", "columns", "batch_id", "on_invalid", "max_concurrency", "max_amount",
        "max_batch_amount", "results_path", "paywize_conn_id", "poll_interval", "timeout",
    }  # fmt: skip
    assert names <= set(PaywizePayoutBatchOperator.template_fields)


# Bad rows

BAD: dict[str, dict[str, Any]] = {
    "currency sign": {"amount": "₹1,250.00"},
    "letters": {"amount": "INR 1250"},
    "separator": {"amount": "1,250.00"},
    "float": {"amount": 1250.0},
    "negative": {"amount": "-5"},
    "nothing": {"amount": "0"},
    "fraction": {"amount": "1.005"},
    "account as number": {"beneficiary_account": 123456789},
    "account from a spreadsheet": {"beneficiary_account": "1.23457E+11"},
    "ifsc": {"beneficiary_ifsc": "HDFC1001234"},
    "mode": {"mode": "UPI"},
    "too much for the mode": {"amount": "500000.01"},
    "no name": {"beneficiary_name": "  "},
    "no reference": {"reference": ""},
    "itself": {"replaces": "BAD"},
    "nothing to replace": {"replaces": "INV-0"},
}


@pytest.mark.parametrize("bad", list(BAD))
def test_one_bad_row_and_nothing_is_sent_unless_bad_rows_are_skipped(
    sandbox: Sandbox, pay_batch: PayBatch, bad: str
) -> None:
    rows = [payment("INV-1"), payment(**{"reference": "BAD", **BAD[bad]}), payment("INV-3")]
    with pytest.raises(errors.InvalidRequest, match=r"1 bad row.*line 2") as raised:
        pay_batch(payouts=rows)
    assert isinstance(raised.value, AirflowFailException)
    assert "123456789" not in str(raised.value)
    assert moved(sandbox) == calls(sandbox, "initiate") == 0
    summary = pay_batch(payouts=rows, on_invalid="skip")
    assert told(summary) == {"total": 3, "succeeded": 2, "refused": 1, "amount_succeeded": "2500.00"}
    assert paid_ids(sandbox) == ["INV-1", "INV-3"]


def test_bad_rows_are_listed_by_the_line_a_person_looks_for(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path
) -> None:
    path = tmp_path / "b.csv"
    path.write_text(
        ",".join(FIELDS) + "\n"
        'INV-1,5,IMPS,"Asha\nRao",000123456789,HDFC0001234,x\n'  # one row on two lines, and a name with a line break
        "\n"
        "INV-2,5,IMPS,Asha Rao,000123456789,HDFC0001234\n"  # a cell too few
        "INV-3,$5,IMPS,Asha Rao,000123456789,HDFC0001234,x\n"
        "INV-4,5,IMPS,Asha Rao,000123456789,HDFC0001234,x\n"
    )
    with pytest.raises(errors.InvalidRequest) as raised:
        pay_batch(path=str(path))
    assert [part.partition(":")[0] for part in str(raised.value).partition("sent: ")[2].split("; ")] == [
        "line 2 (INV-1)", "line 5", "line 6 (INV-3)",
    ]  # fmt: skip
    jsonl = tmp_path / "b.jsonl"
    jsonl.write_text('\n[1]\n{"reference": "A", "reference": "B"}\nnonsense\n' + json.dumps(payment("INV-9")))
    with pytest.raises(errors.InvalidRequest, match=r"3 bad rows.*line 2:.*line 3:.*twice.*line 4:"):
        pay_batch(path=str(jsonl))
    assert calls(sandbox, "initiate") == 0


def test_many_bad_rows_are_counted_and_the_first_of_them_listed(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    rows = some(700, amount="x")
    with pytest.raises(errors.InvalidRequest, match=r"700 bad rows.*line 1 .*and 650 more"):
        pay_batch(payouts=rows)


def test_of_equal_rows_the_first_stands(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    rows = [payment("INV-1"), payment("INV-2"), payment(" INV-1 ", amount=1250)]
    with pytest.raises(errors.InvalidRequest, match=r"1 bad row.*line 3 \(INV-1\): the reference repeats line 1"):
        pay_batch(payouts=rows)
    assert calls(sandbox, "initiate") == 0
    assert told(pay_batch(payouts=rows, on_invalid="skip")) == {
        "total": 3, "succeeded": 2, "refused": 1, "amount_succeeded": "2500.00",
    }  # fmt: skip
    assert paid_ids(sandbox) == ["INV-1", "INV-2"]


@pytest.mark.parametrize("other", [{"amount": "1.00"}, {"beneficiary_account": "999999999999"}, {"amount": "x"},
                                   {"beneficiary_ifsc": "ICIC0001234"}, {"remarks": "else"}])  # fmt: skip
def test_of_unequal_rows_under_one_reference_none_is_paid(
    sandbox: Sandbox, pay_batch: PayBatch, other: dict[str, str]
) -> None:
    rows = [payment("INV-1"), payment("INV-2"), payment("INV-1", **other)]
    with pytest.raises(errors.InvalidRequest, match="2 bad rows"):
        pay_batch(payouts=rows)
    assert told(pay_batch(payouts=rows, on_invalid="skip"))["refused"] == 2
    assert paid_ids(sandbox) == ["INV-2"]


def test_repeats_are_found_far_apart(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    rows = [*some(600, amount="x"), payment("INV-A"), *some(600, amount="y")]
    rows += [payment("INV-A", amount="2")]
    with pytest.raises(errors.InvalidRequest, match="1202 bad rows"):
        pay_batch(payouts=rows)


@pytest.mark.parametrize("other", [{"amount": "1.00"}, {"beneficiary_account": "999999999999"}])
def test_a_reference_that_was_used_for_another_payment_is_a_bad_row(
    sandbox: Sandbox, pay: Pay, pay_batch: PayBatch, other: dict[str, str]
) -> None:
    pay("INV-2")
    rows = [payment("INV-1"), payment("INV-2", **other)]
    with pytest.raises(errors.InvalidRequest, match=r"line 2 \(INV-2\).*used before") as raised:
        pay_batch(payouts=rows)
    assert "999999999999" not in str(raised.value)
    assert paid_ids(sandbox) == ["INV-2"]
    assert told(pay_batch(payouts=rows, on_invalid="skip")) == {
        "total": 2, "succeeded": 1, "refused": 1, "amount_succeeded": "1250.00",
    }  # fmt: skip


def test_a_failed_payment_is_replaced_once_and_that_is_checked_before_the_first_rupee(
    sandbox: Sandbox, pay: Pay, pay_batch: PayBatch
) -> None:
    for number in (1, 2):
        with pytest.raises(errors.PayoutFailed):
            pay(f"OLD-{number}", beneficiary_account="9876543210")
    pay("PAID")
    rows = [payment("NEW-1", replaces="OLD-1"), payment("NEW-2", replaces="OLD-2"), payment("INV-1")]
    for wrong in ({"replaces": "PAID"}, {"replaces": "OLD-1"}):
        with pytest.raises(errors.InvalidRequest, match=r"1 bad row.*line 4 \(NEW-3\).*replace"):
            pay_batch(payouts=[*rows, payment("NEW-3", **wrong)])
    assert moved(sandbox) == 3
    assert told(pay_batch(payouts=rows))["succeeded"] == 3
    assert told(pay_batch(payouts=rows, batch_id="B-2"))["already_paid"] == 3
    with pytest.raises(errors.InvalidRequest, match=r"NEW-9.*NEW-1"):
        pay_batch(payouts=[payment("NEW-9", replaces="OLD-1")], batch_id="B-3")
    assert moved(sandbox) == 6


# Rows that were paid before


def test_a_row_that_was_paid_before_is_counted_with_its_state_and_not_sent(
    sandbox: Sandbox, pay: Pay, pay_batch: PayBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pay("INV-1")
    with pytest.raises(errors.PayoutFailed):
        pay("INV-2", beneficiary_account="9876543210")
    sandbox.reset_counters()
    rows = [payment("INV-1"), payment("INV-2", beneficiary_account="9876543210"), payment("INV-3")]
    summary = pay_batch(payouts=rows)
    assert told(summary) == {
        "total": 3, "succeeded": 2, "failed": 1, "amount_succeeded": "2500.00", "already_paid": 1,
    }  # fmt: skip
    assert calls(sandbox, "initiate") == 1
    assert "1 of its rows had been paid before" in capsys.readouterr().out


def test_a_batch_run_again_sends_nothing_that_is_resolved(
    sandbox: Sandbox, pay_batch: PayBatch, any_books: str
) -> None:
    rows = some(5)
    assert told(pay_batch(task("monday"), payouts=rows))["succeeded"] == 5
    sandbox.reset_counters()
    again = told(pay_batch(task("monday", try_number=2), payouts=rows))
    assert again == {"total": 5, "succeeded": 5, "amount_succeeded": "6250.00"}
    other = told(pay_batch(task("tuesday"), payouts=rows))
    assert other == {"total": 5, "succeeded": 5, "amount_succeeded": "6250.00", "already_paid": 5}
    assert told(pay_batch(task("tuesday"), payouts=rows, batch_id="B-2"))["already_paid"] == 5
    assert sandbox.counters()["total"] == 0


def test_without_a_name_and_a_context_a_batch_still_pays_once(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    assert told(pay_batch(payouts=some(2), batch_id=None))["succeeded"] == 2
    assert told(pay_batch(payouts=some(2), batch_id=None))["already_paid"] == 2
    assert moved(sandbox) == 2


# How rows end, and what the task makes of it


def test_every_row_ends_in_a_named_state_and_the_results_file_has_them_all(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, tmp_path: Path
) -> None:
    connect(visibility_window=3600)
    sandbox.merchant("docs-v1", minimum="10")
    sandbox.fault("initiate", "reset_before", match={"sender_id": "LOST"})
    rows = [
        payment("GOOD"),
        payment("FAILS", beneficiary_account="9876543210"),
        payment("SMALL", amount="5"),
        payment("LOST"),
        payment("WAITS", remarks="PENDING"),
        payment("BAD", amount="₹5"),
    ]
    results = tmp_path / "r.csv"
    arguments: dict[str, Any] = {"on_invalid": "skip", "results_path": str(results), "timeout": 1, "payouts": rows}
    with pytest.raises(errors.OutcomeUnknown, match="1 rows ended unknown"):
        pay_batch(**arguments)
    summary = pay_batch(fail_on=[], **arguments)
    assert told(summary) == {
        "total": 6, "succeeded": 1, "failed": 1, "refused": 2, "unknown": 1, "pending": 1, "amount_succeeded": "1250.00",
    }  # fmt: skip
    with results.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["line"], line["reference"], line["state"], line["amount"]) for line in lines] == [
        ("1", "GOOD", "settled", "1250.00"),
        ("2", "FAILS", "failed", "1250.00"),
        ("3", "SMALL", "refused", "5.00"),
        ("4", "LOST", "unknown", "1250.00"),
        ("5", "WAITS", "accepted", "1250.00"),
        ("6", "BAD", "refused", ""),
    ]
    assert lines[0]["utr"]
    assert lines[0]["transaction_id"].startswith("PAY")
    assert "minimum" in lines[2]["message"]
    assert "amount" in lines[5]["message"]
    for account in (CANARY_ACCOUNT, "9876543210"):
        assert account not in results.read_text()
    assert sandbox.ledger()["repeated"] == []


@pytest.mark.parametrize(("state", "kind"), [("failed", errors.PayoutFailed), ("refused", errors.Refused),
                                             ("pending", errors.StillPending)])  # fmt: skip
def test_a_state_that_is_named_fails_the_task(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, state: str, kind: type[Exception]
) -> None:
    row = {
        "failed": payment(remarks="FAIL"), "refused": payment(wallet_id="PAYWIZEEMPTY0001", amount="₹1"),
        "pending": payment(remarks="PENDING"),
    }[state]  # fmt: skip
    arguments: dict[str, Any] = {"payouts": [row, payment("INV-2")], "on_invalid": "skip", "timeout": 1}
    assert told(pay_batch(**arguments))[state] == 1
    results = tmp_path / "r.csv"
    with pytest.raises(kind, match=f"1 rows ended {state}"):
        pay_batch(**arguments, fail_on=("unknown", state), results_path=str(results))
    assert len(results.read_text().splitlines()) == 3


def test_a_parquet_results_file_is_what_the_next_task_reads(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    rows = [*some(1200, amount="x"), payment("GOOD")]
    pay_batch(payouts=rows, on_invalid="skip", results_path=str(tmp_path / "r.parquet"))
    table = pq.read_table(tmp_path / "r.parquet").to_pylist()
    assert [row["line"] for row in table] == list(range(1, 1202))
    assert [row["state"] for row in table] == ["refused"] * 1200 + ["settled"]


def test_results_that_cannot_be_written_do_not_look_as_if_nothing_moved(
    sandbox: Sandbox, pay_batch: PayBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_paygate.payouts import summary

    results = tmp_path / "there" / "r.csv"
    results.parent.mkdir()
    kept = summary.write_results

    def gone(rows: Any, path: str) -> int:
        results.parent.rmdir()  # between the check and the end
        return kept(rows, path)

    monkeypatch.setattr(summary, "write_results", gone)
    with pytest.raises(errors.PaygateError, match="1 succeeded") as raised:
        pay_batch(payouts=some(1), results_path=str(results))
    assert not isinstance(raised.value, errors.Refused)
    monkeypatch.undo()


# Ceilings, balance, and other reasons to send nothing


@pytest.mark.parametrize(("extra", "arguments", "why"), [
    ({"max_amount": "1000"}, {}, r"line 1 \(INV-1\).*max_amount"),
    ({}, {"max_amount": "1249.99"}, "max_amount 1249.99"),
    ({"max_amount": "2000"}, {"max_amount": Decimal(1000)}, "max_amount 1000"),
    ({"max_amount": "1000"}, {"max_amount": "9999"}, "max_amount 1000"),
    ({"max_batch_amount": "3749.99"}, {}, "total 3750.00 is above max_batch_amount"),
    ({}, {"max_batch_amount": 3749}, "max_batch_amount 3749"),
    ({"max_batch_amount": "3000"}, {"max_batch_amount": "9000"}, "max_batch_amount 3000"),
    ({"max_daily_amount": "3749.99"}, {}, "max_daily_amount"),
])  # fmt: skip
def test_beyond_a_ceiling_nothing_is_sent(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, extra: dict[str, Any], arguments: dict[str, Any], why: str
) -> None:
    connect(**extra)
    with pytest.raises(errors.LimitExceeded, match=why) as raised:
        pay_batch(payouts=some(3), **arguments)
    assert isinstance(raised.value, AirflowFailException)
    assert calls(sandbox, "initiate") == 0
    connect()
    assert told(pay_batch(payouts=some(3)))["succeeded"] == 3


def test_ceilings_that_are_just_met_do_not_stop_anything(sandbox: Sandbox, connect: Any, pay_batch: PayBatch) -> None:
    connect(max_amount="1250", max_batch_amount="3750", max_daily_amount=3750)
    assert told(pay_batch(payouts=some(3)))["succeeded"] == 3
    assert told(pay_batch(payouts=some(3)))["succeeded"] == 3  # nothing is left to count
    with pytest.raises(errors.LimitExceeded, match=r"3750\.00 is already"):
        pay_batch(payouts=[payment("INV-4", amount="1")], batch_id="B-2")


def test_the_balance_must_cover_what_is_unresolved(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    sandbox.merchant("docs-v1", wallets={"PAYWIZE12345679": "3749.99", "OTHER0001": "1250"})
    rows = [*some(3), payment("INV-4", wallet_id="OTHER0001")]
    with pytest.raises(errors.InsufficientFunds, match=r"PAYWIZE12345679 holds 3749.99 .* need 3750.00") as raised:
        pay_batch(payouts=rows)
    assert isinstance(raised.value, AirflowFailException)
    assert calls(sandbox, "initiate") == 0
    sandbox.merchant("docs-v1", wallets={"PAYWIZE12345679": "3750"})
    assert told(pay_batch(payouts=rows))["succeeded"] == 4
    assert told(pay_batch(payouts=rows))["succeeded"] == 4  # the wallets are empty, and nothing is left to pay


def test_a_wallet_nobody_knows_is_a_bad_row_like_any_other(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    rows = [payment("INV-1"), payment("INV-2", wallet_id="NOBODYS"), payment("INV-3")]
    with pytest.raises(errors.InvalidRequest, match=r"1 bad row.*line 2.*wallet"):
        pay_batch(payouts=rows)
    assert calls(sandbox, "initiate") == 0
    assert told(pay_batch(payouts=rows, on_invalid="skip")) == {
        "total": 3, "succeeded": 2, "refused": 1, "amount_succeeded": "2500.00",
    }  # fmt: skip


STOPS: list[tuple[str, dict[str, Any], type[errors.PaygateError], dict[str, Any]]] = [
    ("keys", {"api_key": "PAYGATESANDBOXROTATED00000000000"}, errors.AuthenticationFailed, {}),
    ("address", {"allowed_ips": ["10.9.9.9"]}, errors.NotPermitted, {"allowed_ips": None}),
    ("daily limit", {"daily_limit": "2500"}, errors.LimitExceeded, {"daily_limit": "100000"}),
]


@pytest.mark.parametrize(("change", "kind", "mended"), [stop[1:] for stop in STOPS], ids=[stop[0] for stop in STOPS])
def test_what_is_wrong_with_everything_stops_the_batch_and_a_run_after_that_goes_on(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, change: dict[str, Any], kind: type[errors.PaygateError],
    mended: dict[str, Any],
) -> None:  # fmt: skip
    rows = some(30)
    sandbox.merchant("docs-v1", **change)
    with pytest.raises(kind) as raised:
        pay_batch(payouts=rows, max_concurrency=2)
    assert isinstance(raised.value, AirflowFailException)
    assert moved(sandbox) <= 2
    assert calls(sandbox, "initiate") <= 6  # it stopped, and did not try all thirty
    if mended:
        sandbox.merchant("docs-v1", **mended)
    connect()
    assert told(pay_batch(payouts=rows)) == {"total": 30, "succeeded": 30, "amount_succeeded": "37500.00"}
    assert len(paid_ids(sandbox)) == 30


def test_a_wallet_that_runs_dry_between_rows_stops_the_batch(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    sandbox.fault("initiate", "unknown_code", code=4000, message="Insufficient Balance in the wallet", after=3)
    with pytest.raises(errors.InsufficientFunds):
        pay_batch(payouts=some(20), max_concurrency=1)
    assert moved(sandbox) == 3
    assert told(pay_batch(payouts=some(20)))["succeeded"] == 20
    assert len(paid_ids(sandbox)) == 20


def test_one_refused_row_does_not_stop_the_others(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    sandbox.merchant("docs-v1", minimum="100", commercials=["IMPS"], transaction_limit="5000")
    rows = [
        payment("INV-1"),
        payment("SMALL", amount="99"),
        payment("LARGE", amount="5001"),
        payment("NEFT", mode="NEFT"),
        payment("INV-5"),
    ]
    assert told(pay_batch(payouts=rows)) == {"total": 5, "succeeded": 2, "refused": 3, "amount_succeeded": "2500.00"}


def test_a_row_that_is_throttled_is_sent_after_the_wait(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    sandbox.fault("initiate", "throttle_429", retry_after=0, times=2)
    sandbox.fault("initiate", "code_4290", match={"sender_id": "INV-3"})
    assert told(pay_batch(payouts=some(4)))["succeeded"] == 4
    assert len(paid_ids(sandbox)) == 4


def test_an_id_that_was_used_by_hand_for_somebody_else_ends_as_a_bad_row(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts import Payout

    PaywizeHook().initiate_payout(Payout(**payment("INV-2", amount="7")))
    PaywizeHook().initiate_payout(Payout(**payment("INV-3")))
    summary = pay_batch(payouts=some(4), timeout=30, fail_on=[])  # it does not wait for what cannot come
    assert told(summary) == {
        "total": 4, "succeeded": 3, "unknown": 1, "amount_succeeded": "3750.00", "already_paid": 1,
    }  # fmt: skip
    assert paid_ids(sandbox) == ["INV-1", "INV-2", "INV-3", "INV-4"]


# Concurrency


@pytest.mark.parametrize("most", [1, 3])
def test_never_are_more_rows_in_sending_than_allowed(
    sandbox: Sandbox, pay_batch: PayBatch, any_books: str, most: int
) -> None:
    import threading

    from sqlalchemy import text

    from airflow_provider_paygate.database import database

    sandbox.fault("initiate", "slow", seconds=0.02, times=None)
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with database().read() as connection:
                query = text("SELECT count(*) FROM paygate_payouts WHERE state = 'sending'")
                seen.append(connection.execute(query).scalar_one())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        pay_batch(payouts=some(20), max_concurrency=str(most))
    finally:
        done.set()
        watcher.join()
    assert max(seen) == most


# Deferral


def deferred(pay: Callable[[], Any]) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        pay()
    return raised.value


def fired(trigger: Any) -> list[Any]:
    import asyncio
    from importlib import import_module

    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        return [event async for event in again.run()]

    return asyncio.run(events())


def test_one_trigger_waits_for_the_whole_batch_and_reads_only_what_is_unresolved(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, tmp_path: Path, any_books: str
) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3], "NEFT": [5, 60]})
    rows = [*some(3), payment("SLOW", mode="NEFT"), payment("BAD", amount="x"), payment("FAILS", remarks="FAIL")]
    arguments: dict[str, Any] = {
        "payouts": rows, "on_invalid": "skip", "deferrable": True, "timeout": 600,
        "results_path": str(tmp_path / "r.csv"),
    }  # fmt: skip
    sandbox.advance(1)
    deferral = deferred(lambda: pay_batch(**arguments))
    assert calls(sandbox, "status") == 0
    shown = json.dumps(deferral.trigger.serialize())
    assert CANARY_ACCOUNT not in shown
    assert deferral.method_name == "execute_complete"
    sandbox.advance(4)  # all but one have ended
    pending = type(deferral.trigger)(**{**deferral.trigger.serialize()[1], "deadline": 0.0})
    (early,) = fired(pending)
    assert early.payload["status"] == "timeout"
    sandbox.reset_counters()
    deferral = deferred(lambda: pay_batch(**arguments))  # a restart of the task: nothing is sent
    (event,) = [sandbox.advance(100), *fired(deferral.trigger)][1:]
    assert event.payload["status"] == "done"
    assert calls(sandbox, "initiate") == 0
    operator = PaywizePayoutBatchOperator(task_id="pay", **{**arguments, "batch_id": "B-1"})
    summary = operator.execute_complete({}, json.loads(json.dumps(event.payload)))
    assert told(summary) == {"total": 6, "succeeded": 4, "failed": 1, "refused": 1, "amount_succeeded": "5000.00"}
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 7
    sandbox.reset_counters()
    fired(deferral.trigger)  # a triggerer that restarts
    assert sandbox.counters()["total"] == 0
    assert len(paid_ids(sandbox)) == 5


def test_what_ended_the_wait_is_raised_by_its_own_name(sandbox: Sandbox, connect: Any, pay_batch: PayBatch) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    deferral = deferred(lambda: pay_batch(payouts=some(1), deferrable=True))
    sandbox.merchant("docs-v1", allowed_ips=["10.9.9.9"])
    (event,) = fired(deferral.trigger)
    operator = PaywizePayoutBatchOperator(task_id="pay", payouts=some(1), batch_id="B-1")
    with pytest.raises(errors.NotPermitted):
        operator.execute_complete({}, event.payload)
    with pytest.raises(errors.StillPending):
        operator.execute_complete({}, None)


def test_a_batch_that_nobody_waits_for_returns_what_was_accepted(sandbox: Sandbox, pay_batch: PayBatch) -> None:
    sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    assert told(pay_batch(payouts=some(3), wait_for_completion=False))["pending"] == 3
    assert calls(sandbox, "status") == 0
    sandbox.advance(10)
    assert told(pay_batch(payouts=some(3)))["succeeded"] == 3
    assert len(paid_ids(sandbox)) == 3


def test_the_wait_keeps_the_status_rate(sandbox: Sandbox, connect: Any, pay_batch: PayBatch) -> None:
    from sqlalchemy import text

    from airflow_provider_paygate.database import database

    connect(rate_limits={"auth": 0, "initiate": 0, "balance": 0, "status": 10})
    assert told(pay_batch(payouts=some(9), timeout=60))["succeeded"] == 9
    with database().read() as connection:
        sends = connection.execute(text("SELECT sends FROM paygate_rates WHERE operation = 'status'")).scalar_one()
    assert len(json.loads(sends)) == calls(sandbox, "status") == 9
