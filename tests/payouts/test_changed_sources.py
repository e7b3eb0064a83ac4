"""A source that changes between tries, or between its two readings: nothing unchecked is sent, nothing is lost from sight."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.payouts import batch
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import moved, payment
from tests.operators.conftest import PayBatch
from tests.processes import at_once


class Source:
    """A JSON-lines file that somebody edits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, *rows: dict[str, Any]) -> None:
        self.path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "batch.jsonl")


@pytest.fixture
def pay_file(pay_batch: PayBatch, source: Source) -> PayBatch:
    def paid(**arguments: Any) -> dict[str, Any]:
        return pay_batch(**{"path": str(source.path), "timeout": 20, **arguments})

    return paid


def counted(summary: dict[str, Any]) -> dict[str, int]:
    states = ("total", "succeeded", "failed", "refused", "unknown", "pending")
    assert summary["total"] == sum(summary[state] for state in states[1:])
    return {state: summary[state] for state in states if summary[state]}


def states_in(results: Path) -> list[tuple[str, str]]:
    with results.open(newline="") as stream:
        return [(line["reference"], line["state"]) for line in csv.DictReader(stream)]


A, B, C, D = (payment(name) for name in "ABCD")


def lose_the_answer_of_a(sandbox: Sandbox) -> None:
    """A is executed, its answer is lost, and the gateway hides it for a while."""
    sandbox.fault("initiate", "stale", seconds=100, times=1, match={"sender_id": "A"})
    sandbox.fault("initiate", "reset_after", match={"sender_id": "A"})


# What becomes of the file by the next try: where A was, and where nothing says so any more.
EDITS: dict[str, list[dict[str, Any]]] = {
    "A is gone, all lines move up": [B, C],
    "A is gone from the end": [C, B],
    "A has another amount": [{**A, "amount": "1.00"}, B, C],
    "A has another beneficiary": [B, {**A, "beneficiary_account": "999999999999"}, C],
    "A repeats for another amount": [A, B, C, {**A, "amount": "1.00"}],
    "the file is empty": [],
    "another file altogether": [D],
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_unresolved_row_is_named_and_followed_whatever_becomes_of_the_file(
    sandbox: Sandbox, connect: Any, pay_file: PayBatch, source: Source, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], edit: str,
) -> None:  # fmt: skip
    connect(visibility_window=3600)
    lose_the_answer_of_a(sandbox)
    source.holds(A, B, C)
    with pytest.raises(errors.OutcomeUnknown):
        pay_file(timeout=0.2)
    source.holds(*EDITS[edit])
    capsys.readouterr()
    results = tmp_path / "r.csv"
    with pytest.raises(errors.OutcomeUnknown):
        pay_file(on_invalid="skip", results_path=str(results), timeout=0.2)
    assert ("A", "unknown") in states_in(results)
    sandbox.advance(200)  # the gateway shows it now
    summary = pay_file(on_invalid="skip", results_path=str(results))
    assert summary["unknown"] == summary["pending"] == 0
    assert ("A", "settled") in states_in(results)
    assert moved(sandbox, "A") == 1
    assert sandbox.ledger()["repeated"] == []


def test_a_new_file_under_an_old_name_does_not_count_the_old_one(
    sandbox: Sandbox, pay_file: PayBatch, source: Source
) -> None:
    source.holds(A, B, C)
    assert counted(pay_file()) == {"total": 3, "succeeded": 3}
    source.holds(D)
    summary = pay_file()
    assert counted(summary) == {"total": 1, "succeeded": 1}
    assert summary["amount_succeeded"] == "1250.00"


def test_rows_that_were_added_are_paid_and_the_others_are_not_paid_again(
    sandbox: Sandbox, pay_file: PayBatch, source: Source
) -> None:
    source.holds(A, C)
    pay_file()
    source.holds(D, A, B, C)
    assert counted(pay_file()) == {"total": 4, "succeeded": 4}
    assert sandbox.ledger()["totals"]["count"] == 4
    assert sandbox.ledger()["repeated"] == []


def test_a_row_that_was_refused_is_sent_once_it_is_corrected(
    sandbox: Sandbox, pay_file: PayBatch, source: Source
) -> None:
    sandbox.merchant("docs-v1", minimum="10")
    source.holds({**A, "amount": "5"}, B)
    assert counted(pay_file()) == {"total": 2, "succeeded": 1, "refused": 1}
    source.holds({**A, "amount": "15", "beneficiary_account": "999999999999"}, B)
    assert counted(pay_file()) == {"total": 2, "succeeded": 2}
    assert [line["amount"] for line in sandbox.ledger(sender_id="A")["lines"]] == ["15.00"]


@pytest.fixture
def between_readings(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Do something after the source was checked and before it is read again."""

    def arranged(act: Callable[[], None]) -> None:
        original = batch.check_balance

        def then(*args: Any) -> None:
            original(*args)
            act()

        monkeypatch.setattr(batch, "check_balance", then)

    return arranged


# What the file holds when it is read again; what is paid; what the summary says.
SECOND: dict[str, tuple[list[dict[str, Any]], str, dict[str, int]]] = {
    "another amount": ([{**A, "amount": "99999"}, B, C], "BC", {"total": 3, "succeeded": 2, "refused": 1}),
    "another account": ([A, {**B, "beneficiary_account": "666666666666"}, C], "AC",
                        {"total": 3, "succeeded": 2, "refused": 1}),
    "another wallet": ([A, {**B, "wallet_id": "8109039352"}, C], "AC", {"total": 3, "succeeded": 2, "refused": 1}),
    "unreadable": ([A, {**B, "amount": "x"}, C], "AC", {"total": 3, "succeeded": 2, "refused": 1}),
    "a row more": ([A, B, C, D], "ABC", {"total": 4, "succeeded": 3, "refused": 1}),
    "a row in between": ([A, D, B, C], "A", {"total": 4, "succeeded": 1, "refused": 3}),
    "a row less at the end": ([A, B], "AB", {"total": 3, "succeeded": 2, "refused": 1}),
    "a row less at the beginning": ([B, C], "", {"total": 3, "refused": 3}),
    "nothing": ([], "", {"total": 3, "refused": 3}),
    "another order": ([C, B, A], "B", {"total": 3, "succeeded": 1, "refused": 2}),
    "the first row again": ([A, A, C], "AC", {"total": 3, "succeeded": 2, "refused": 1}),
}  # fmt: skip


@pytest.mark.parametrize("second", list(SECOND))
def test_a_row_that_is_not_as_it_was_checked_is_not_sent_and_is_named(
    sandbox: Sandbox, pay_file: PayBatch, source: Source, between_readings: Any, second: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    rows, paid, expected = SECOND[second]
    source.holds(A, B, C)
    between_readings(lambda: source.holds(*rows))
    assert counted(pay_file()) == expected
    assert {(line["sender_id"], line["amount"], line["account"]) for line in sandbox.ledger()["lines"]} == {
        (name, "1250.00", "000123456789") for name in paid
    }
    assert sandbox.ledger()["repeated"] == []


def test_a_file_that_vanishes_between_the_readings_sends_nothing_and_a_retry_goes_on(
    sandbox: Sandbox, pay_file: PayBatch, source: Source, between_readings: Any
) -> None:
    source.holds(A, B, C)
    between_readings(source.path.unlink)
    with pytest.raises(errors.InvalidRequest, match="cannot be opened"):
        pay_file()
    assert moved(sandbox) == 0


def test_what_was_paid_before_keeps_its_state_when_its_row_changes_under_way(
    sandbox: Sandbox, pay_file: PayBatch, source: Source, between_readings: Any
) -> None:
    source.holds(A, B)
    pay_file()
    source.holds(A, B, C)
    between_readings(lambda: source.holds({**A, "amount": "7"}, B, C))
    assert counted(pay_file()) == {"total": 3, "succeeded": 3}


def test_two_workers_on_one_batch_pay_each_row_once(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(f"INV-{number}") for number in range(12)]
    told = at_once([lambda: pay_batch(payouts=rows, max_concurrency=2, timeout=20)] * 3)
    for result in told:
        assert isinstance(result, dict) or result[1] == "NotSent", result
    assert any(isinstance(result, dict) for result in told)
    assert pay_batch(payouts=rows)["succeeded"] == 12
    assert sandbox.ledger()["repeated"] == []
    assert moved(sandbox) == 12


def test_two_batches_that_share_rows_pay_each_once(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(f"INV-{number}") for number in range(12)]
    told = at_once([
        lambda order=order, name=name: pay_batch(payouts=order, batch_id=name, max_concurrency=3, timeout=20)  # type: ignore[misc]
        for name, order in (("first", rows), ("second", rows[::-1]), ("third", rows[6:] + rows[:6]))
    ])  # fmt: skip
    assert [result["succeeded"] for result in told] == [12, 12, 12]
    assert sandbox.ledger()["repeated"] == []
    assert moved(sandbox) == 12


def test_a_later_reader_takes_the_batch_over_before_anything_unchecked_is_sent(
    sandbox: Sandbox, pay_batch: PayBatch, between_readings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker is still reading when another one begins with a worse file: the first must not send on half a check."""
    good, bad = [A, B], [A, {**B, "amount": "₹5"}]
    original, seen = batch.check, []

    def interrupted(*args: Any) -> int:
        if not seen:
            seen.append(True)
            with pytest.raises(errors.InvalidRequest):
                pay_batch(payouts=bad)
        return original(*args)

    monkeypatch.setattr(batch, "check", interrupted)
    with pytest.raises(errors.NotSent, match="another worker"):
        pay_batch(payouts=good)
    assert moved(sandbox) == 0
