"""`paygate payouts`: what the person on call sees, and may decide."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.cli import main
from airflow_provider_paygate.database import database
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.payouts import Payout
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import CANARY_ACCOUNT, calls, moved, payment
from tests.operators.conftest import Pay, PayBatch, age, pay, pay_batch

__all__ = ["age", "pay", "pay_batch"]


class Ended(NamedTuple):
    """How the command ended, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def payouts(connect: Any, capsys: pytest.CaptureFixture[str]) -> Command:
    def ran(*words: str) -> Ended:
        capsys.readouterr()
        try:
            code = main(["payouts", *words])
        except SystemExit as end:  # the argument parser
            code = int(end.code or 0)
        told = capsys.readouterr()
        assert CANARY_ACCOUNT not in told.out + told.err
        assert "Traceback" not in told.out + told.err
        return Ended(code, told.out, told.err)

    return ran


@pytest.fixture
def in_doubt(sandbox: Sandbox, connect: Any, pay: Pay) -> Callable[[bool], None]:
    """INV-1's answer was lost; whether it was executed is the argument."""

    def lost(executes: bool) -> None:
        connect(visibility_window=100)
        sandbox.fault("initiate", "http_500", executes=executes)
        sandbox.fault("status", "http_500")
        with pytest.raises(errors.OutcomeUnknown):
            pay()

    return lost


def history() -> list[str]:
    with database().read() as connection:
        return [row.event for row in connection.execute(text("SELECT event FROM paygate_payout_events ORDER BY id"))]


def test_list_shows_payments_by_state_and_no_account(
    sandbox: Sandbox, pay: Pay, in_doubt: Any, payouts: Command
) -> None:
    assert "no such payments" in payouts("list").out
    pay("INV-0", amount="1234567.89", mode="RTGS")
    in_doubt(executes=True)
    assert payouts("list").out.count("INV-") == 2
    unknown = payouts("list", "--state", "unknown")
    assert unknown.code == 0
    assert "INV-1" in unknown.out
    assert "INV-0" not in unknown.out
    both = payouts("list", "--state", "unknown", "--state", "settled").out
    assert "1,234,567.89 INR" in both
    assert "****6789" in both
    assert payouts("list", "--limit", "1").out.count("INV-") == 1
    assert payouts("list", "--state", "lost").code == 2


def test_show_tells_the_whole_history(sandbox: Sandbox, pay: Pay, in_doubt: Any, payouts: Command) -> None:
    in_doubt(executes=True)
    assert pay()["status"] == "SUCCESS"
    shown = payouts("show", " INV-1 ")
    assert shown.code == 0
    lines = shown.out.split("when", 1)[1].splitlines()[1:]
    assert [line.split()[2] for line in lines] == ["planned", "send", "lost", "settled"]
    assert "1,250.00 INR to ****6789 at HDFC0001234" in shown.out
    unknown = payouts("show", "NOBODY")
    assert (unknown.code, unknown.out) == (2, "")
    assert "does not know this reference" in unknown.err


@pytest.mark.parametrize("words", [(), ("--as", "failed", "--why", "the bank says so"), ("--as", "paid", "--why", "…")])
def test_resolve_asks_the_gateway_and_what_it_says_stands(
    sandbox: Sandbox, in_doubt: Any, payouts: Command, words: tuple[str, ...]
) -> None:
    in_doubt(executes=True)
    ended = payouts("resolve", "INV-1", *words)
    if words:
        assert (ended.code, ended.out) == (2, "")
        assert "is not in doubt: the gateway says SUCCESS" in ended.err
    else:
        assert ended.code == 0
        assert "settled (SUCCESS)" in ended.out
    assert "by_hand" not in payouts("show", "INV-1").out
    assert calls(sandbox, "initiate") == 1


@pytest.mark.parametrize("outcome", ["paid", "failed"])
def test_a_person_decides_only_after_the_window_with_a_reason_and_for_good(
    sandbox: Sandbox, pay: Pay, in_doubt: Any, payouts: Command, age: Callable[[float], None], outcome: str
) -> None:
    in_doubt(executes=False)
    words = ("resolve", "INV-1", "--as", outcome, "--why", "the bank's letter of 21 November")
    early = payouts(*words)
    assert early.code == 2
    assert "proves nothing for another" in early.err
    age(200)
    assert "needs --why" in payouts("resolve", "INV-1", "--as", outcome).err
    assert "needs --why" in payouts("resolve", "INV-1", "--as", outcome, "--why", "  ").err
    sandbox.fault("status", "http_500")
    assert payouts(*words).code == 2  # an answer that did not come contradicts nothing and proves nothing
    assert payouts("resolve", "INV-1").code == 1
    ended = payouts(*words)
    assert (ended.code, ended.err) == (0, "")
    assert ("settled" if outcome == "paid" else "failed") in ended.out
    shown = payouts("show", "INV-1").out
    assert "letter of 21 November" in shown
    assert "by_hand: True" in shown
    assert payouts(*words).code == 2  # decided once
    if outcome == "paid":
        assert pay()["already_paid"]
    else:
        with pytest.raises(errors.PayoutFailed):
            pay()
        assert pay("INV-2", replaces="INV-1")["status"] == "SUCCESS"
    assert moved(sandbox, "INV-1") == 0


def test_what_the_gateway_has_under_the_id_contradicts_paid_but_not_failed(
    sandbox: Sandbox, pay: Pay, payouts: Command
) -> None:
    PaywizeHook().initiate_payout(Payout(**payment(amount="7")))
    with pytest.raises(errors.ReferenceConflict):
        pay()
    assert "another" in payouts("resolve", "INV-1").err
    assert payouts("resolve", "INV-1", "--as", "paid", "--why", "sure").code == 2
    assert payouts("list", "--state", "unknown").out.count("INV-1") == 1
    assert payouts("resolve", "INV-1", "--as", "failed", "--why", "the bank has only the 7").code == 0
    assert moved(sandbox) == 1


def test_check_tells_every_rows_verdict_and_leaves_nothing_behind(
    sandbox: Sandbox, pay: Pay, payouts: Command, tmp_path: Path
) -> None:
    pay("INV-1")
    rows = [payment("INV-1"), payment("INV-2"), payment("INV-3", amount="₹5"), payment("INV-2", amount="1")]
    path = tmp_path / "b.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["Nr", *list(payment())[1:]])
        writer.writeheader()
        writer.writerows({"Nr": row.pop("reference"), **row} for row in rows)
    events = history()
    ended = payouts("check", str(path), "--columns", "reference=Nr")
    assert ended.code == 1
    assert [line.split()[:2] for line in ended.out.splitlines()[1:5]] == [
        ["2", "INV-1"], ["3", "INV-2"], ["4", "INV-3"], ["5", "INV-2"],
    ]  # fmt: skip
    assert "4 rows: 0 to pay (0.00 INR), 1 paid before, 3 bad" in ended.out
    assert history() == events
    assert calls(sandbox, "initiate") == 1
    with database().read() as connection:
        assert connection.execute(text("SELECT count(*) FROM paygate_batch_rows")).scalar_one() == 0
    assert payouts("check", str(path)).code == 1
    assert "reference" in payouts("check", str(path)).out + payouts("check", str(path)).err
    assert payouts("check", str(tmp_path / "none.csv")).code in {1, 2}
    assert payouts("check", str(path), "--columns", "nonsense").code == 2


def test_check_says_what_would_stop_the_batch(sandbox: Sandbox, connect: Any, payouts: Command, tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(payment()))
        writer.writeheader()
        writer.writerows(payment(f"INV-{number}") for number in range(3))
    connect()
    good = payouts("check", str(path))
    assert good.code == 0
    assert "3 rows: 3 to pay (3,750.00 INR), 0 paid before, 0 bad" in good.out
    connect(max_batch_amount="3000")
    over = payouts("check", str(path))
    assert (over.code, "it would stop" in over.out, "max_batch_amount" in over.out) == (1, True, True)
    connect()
    sandbox.merchant("docs-v1", wallets={"PAYWIZE12345679": "10"})
    poor = payouts("check", str(path))
    assert (poor.code, "holds 10.00" in poor.out) == (1, True)
    assert moved(sandbox) == 0


def test_what_is_imported_is_never_paid_again(
    sandbox: Sandbox, connect: Any, pay: Pay, pay_batch: PayBatch, payouts: Command, tmp_path: Path
) -> None:
    path = tmp_path / "old.csv"
    path.write_text(
        "reference,amount,beneficiary_account,beneficiary_ifsc,status,utr\n"
        "INV-1,1250.00,000123456789,HDFC0001234,,UTR1\n"
        "INV-2,1250.00,000123456789,HDFC0001234,completed,UTR2\n"
        "INV-3,1250.00,000123456789,HDFC0001234,Failed,\n"
        "INV-4,1250.00,000123456789,HDFC0001234,PENDING,\n"
        "INV-5,12€,000123456789,HDFC0001234,,\n"
    )
    connect()
    ended = payouts("import", str(path))
    assert ended.code == 1
    assert "3 payments taken down, 0 known before, 2 bad rows" in ended.out
    assert "line 5 (INV-4)" in ended.err
    assert "line 6 (INV-5)" in ended.err
    assert "0 payments taken down, 3 known before" in payouts("import", str(path)).out
    sandbox.merchant("docs-v1", dedupe=False)
    assert pay("INV-1")["already_paid"]
    with pytest.raises(errors.ReferenceConflict):
        pay("INV-1", amount="1")
    with pytest.raises(errors.PayoutFailed):
        pay("INV-3")
    summary = pay_batch(payouts=[payment("INV-1"), payment("INV-2"), payment("INV-6")])
    assert (summary["succeeded"], summary["already_paid"]) == (3, 2)
    assert [line["sender_id"] for line in sandbox.ledger()["lines"]] == ["INV-6"]


def test_a_connection_that_is_missing_is_one_sentence(payouts: Command) -> None:
    ended = payouts("--connection", "nowhere", "list")
    assert ended.code == 2
    assert "nowhere" in ended.err


def test_no_account_number_is_in_any_file_of_the_database(
    sandbox: Sandbox, pay: Pay, pay_batch: PayBatch, in_doubt: Any, payouts: Command, books: Path, tmp_path: Path
) -> None:
    in_doubt(executes=True)
    pay_batch(payouts=[payment("INV-7"), payment("INV-8", amount="x")], on_invalid="skip")
    payouts("resolve", "INV-1")
    for path in books.parent.glob(books.name + "*"):
        stored = path.read_bytes()
        for form in (CANARY_ACCOUNT, CANARY_ACCOUNT.encode().hex(), CANARY_ACCOUNT.lstrip("0")):
            assert form.encode() not in stored
