"""`journal:<connection id>`: a connection's journal as a side of a reconciliation."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.hooks import journal_side
from airflow_provider_paygate.hooks.journal_side import hook_of, write_journal
from airflow_provider_paygate.operators.paytia import PaytiaChargeOperator
from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, payment
from tests.reconciliation.sides import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def pay(*payouts: dict[str, Any]) -> dict[str, Any]:
    """Pay as one batch; what it waits for, it waits for a fifth of a second."""
    operator = PaywizePayoutBatchOperator(
        task_id="pay", batch_id="B", payouts=payouts, poll_interval=0.02, timeout=0.2, on_invalid="skip", fail_on=()
    )
    return operator.execute({})


def rows(conn_id: str, folder: Path, since: date | None = None) -> dict[str, dict[str, str]]:
    with open(write_journal(hook_of(conn_id), str(folder), since), encoding="utf-8", newline="") as stream:
        return {row["reference"]: row for row in csv.DictReader(stream)}


def set_states(**states: str) -> None:
    """As if the gateway had said so."""
    from sqlalchemy import text

    from airflow_provider_paygate.database import database

    with database().begin() as connection:
        for reference, state in states.items():
            connection.execute(
                text("UPDATE paygate_payouts SET state = :state, status = NULL WHERE reference = :reference"),
                {"state": state, "reference": reference},
            )


def test_each_state_has_its_word_and_what_never_left_is_left_out(
    any_books: str, connect: Callable[..., str], tmp_path: Path
) -> None:
    connect()
    states = ("settled", "failed", "refunded", "unknown", "sending", "accepted", "planned", "refused")
    pay(*(payment(state, amount="1250.50") for state in states))
    set_states(**{state: state for state in states})

    found = rows("paywize_default", tmp_path)
    assert {reference: row["status"] for reference, row in found.items()} == {
        "settled": "SUCCESS",
        "failed": "FAILED",
        "refunded": "REFUNDED",
        "unknown": "UNKNOWN",
        "sending": "UNKNOWN",
        "accepted": "PENDING",
    }
    assert {(row["amount"], row["currency"]) for row in found.values()} == {("1250.50", "INR")}
    assert [name for name, row in found.items() if row["settled_at"]] == ["settled"]
    assert all(row["created_at"].endswith("Z") and row["transaction_id"] for row in found.values())
    assert CANARY_ACCOUNT not in (tmp_path / "journal-paywize_default.csv").read_text()
    assert rows("paywize_default", tmp_path, date(2099, 1, 1)) == {}


def test_it_is_read_in_pages(
    any_books: str, connect: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    pay(*(payment(f"INV-{number}") for number in range(6)))
    monkeypatch.setattr(journal_side, "PAGE", 2)
    assert len(rows("paywize_default", tmp_path)) == 6


def test_another_accounts_payments_stay_out(connect: Callable[..., str], tmp_path: Path) -> None:
    connect()
    pay(payment("INV-1"))
    connect("live-v2", "other")
    assert rows("other", tmp_path) == {}


def test_the_command_takes_it_for_a_side(
    connect: Callable[..., str], sandbox: Sandbox, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    connect()
    pay(payment("INV-1"), payment("INV-2"))
    ledger = files.write("books.csv", "order,amount,currency\nINV-1,1250.00,INR\nINV-2,1250.00,INR\n")
    words = [ledger, "journal:paywize_default", "--columns", "reference=order"]

    assert files.command(*words) == 0
    assert "books.csv against journal-paywize_default.csv" in capsys.readouterr().out
    assert files.command(*words, "--journal-since", "2099-01-01") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("paygate reconcile: journal-paywize_default.csv:1: the gateway has no rows")


@pytest.mark.parametrize("side", ["journal:", "journal:nowhere", "journal:erp", "journal:broken"])
def test_a_connection_that_has_no_journal_is_one_sentence(
    side: str, files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "password": "hush"}))
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"password": "hush"')
    path = files.write("books.csv", "reference,amount\nA,1\n")

    assert files.command(path, side) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"paygate reconcile: {side}: ")
    assert told.count("\n") == 1
    assert "hush" not in told


def test_paytias_journal_is_one_too(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAYTIA_DEFAULT", json.dumps(sandbox.connection("key-only")))
    PaytiaChargeOperator(task_id="t", reference="INV-1", amount="12.50", transaction_id="pm_ok").execute({})
    ((reference, row),) = rows("paytia_default", tmp_path).items()
    assert (reference, row["amount"], row["currency"], row["status"]) == ("INV-1", "12.50", "GBP", "SUCCESS")
    with pytest.raises(errors.InvalidRequest):
        hook_of("nowhere")
