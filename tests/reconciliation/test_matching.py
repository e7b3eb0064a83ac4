"""The passes: each match is made by the first that can prove it; what is ambiguous is reported, never confirmed."""

from __future__ import annotations

import csv
from decimal import Decimal

from tests.reconciliation.sides import OLD, Files, classes

HEADER = "reference,amount,currency,status,transaction_id,utr,created_at,settlement_id,fee\n"


def row(
    reference: str, amount: str = "10.00", transaction: str = "", utr: str = "", settlement: str = "", fee: str = ""
) -> str:
    return f"{reference},{amount},INR,SUCCESS,{transaction},{utr},{OLD},{settlement},{fee}\n"


def test_each_match_says_which_pass_made_it(files: Files) -> None:
    ledger = row("A") + row("b 1") + row("C", transaction="t-1") + row("D", utr="U1")
    ledger += row("E1", "10.00", settlement="S") + row("E2", "5.00", settlement="S")
    gateway = (
        row("A") + row("B1") + row("X", transaction="T-1") + row("Y", utr="u1") + row("Z", "15.00", settlement="S")
    )
    left, right = files.write("l.csv", HEADER + ledger), files.write("g.csv", HEADER + gateway)
    out = str(files.folder / "matches.csv")

    assert files.command(left, right, "--matches", out) == 0

    with open(out, newline="") as lines:
        found = {
            (one["pass"], one["ledger_reference"], one["gateway_reference"], one["settlement_id"])
            for one in csv.DictReader(lines)
        }
    assert found == {
        ("reference", "A", "A", ""),
        ("reference_text", "b 1", "B1", ""),
        ("transaction_id", "C", "X", ""),
        ("utr", "D", "Y", ""),
        ("settlement_id", "", "", "S"),
    }


def test_a_pair_found_by_utr_is_compared_like_any_other(files: Files) -> None:
    result = files.result(HEADER + row("D", utr="U1"), HEADER + row("Y", "9.00", utr="U1"))

    (found,) = result.breaks
    assert (found.break_class, found.reference) == ("amount_mismatch", "D")
    assert "matched by utr, at the gateway Y" in found.evidence


def test_one_utr_on_two_rows_confirms_neither(files: Files) -> None:
    result = files.result(HEADER + row("P1", utr="U") + row("P2", utr="U"), HEADER + row("X", utr="U"))

    assert classes(result) == {"P1": "missing_at_gateway", "P2": "missing_at_gateway", "X": "missing_in_ledger"}
    assert all("ambiguous: utr" in found.evidence for found in result.breaks)
    assert result.summary()["ambiguous"] == 3


def test_ids_that_point_to_different_rows_confirm_neither(files: Files) -> None:
    gateway = row("X", transaction="T") + row("Y", utr="U")
    result = files.result(HEADER + row("P", transaction="T", utr="U"), HEADER + gateway)

    assert classes(result) == {"P": "missing_at_gateway", "X": "missing_in_ledger", "Y": "missing_in_ledger"}
    assert all("ambiguous" in found.evidence for found in result.breaks)


def test_placeholders_are_no_ids(files: Files) -> None:
    result = files.result(HEADER + row("P", utr="N/A"), HEADER + row("X", utr="n/a"))

    assert classes(result) == {"P": "missing_at_gateway", "X": "missing_in_ledger"}
    assert not any("ambiguous" in found.evidence for found in result.breaks)


def test_one_ledger_row_may_be_many_at_the_gateway(files: Files) -> None:
    result = files.result(
        HEADER + row("DAY-1", "30.00", settlement="S"),
        HEADER + row("X", "10.00", settlement="S") + row("Y", "20.00", settlement="S"),
    )

    assert result.breaks == ()
    assert result.tally.count("gateway", "matched") == 2


def test_a_settlement_whose_sum_is_off_is_one_break(files: Files) -> None:
    ledger = row("E1", "10.00", settlement="S") + row("E2", "5.00", settlement="S")
    off = files.result(HEADER + ledger, HEADER + row("Z", "14.00", settlement="S"))
    fee = files.result(HEADER + ledger, HEADER + row("Z", "14.00", settlement="S", fee="1.00"))

    assert [(found.break_class, found.reference, found.difference) for found in off.breaks] == [
        ("amount_mismatch", "Z", Decimal("-1.00"))
    ]
    assert "settlement S: 2 ledger to 1 gateway rows" in off.breaks[0].evidence
    assert off.tally.count("ledger", "breaks") == 2
    assert classes(fee) == {"Z": "fee"}


def test_a_settlement_in_two_currencies_is_none(files: Files) -> None:
    ledger = row("E1", settlement="S") + row("E2", settlement="S").replace("INR", "")
    result = files.result(HEADER + ledger, HEADER + row("Z", "20.00", settlement="S"))

    assert classes(result) == {"E1": "missing_at_gateway", "E2": "missing_at_gateway", "Z": "missing_in_ledger"}


def test_a_settlement_does_not_hide_two_missing_payments(files: Files) -> None:
    shared = row("A", settlement="S")
    result = files.result(
        HEADER + shared + row("LOST", "7.00", settlement="S"), HEADER + shared + row("FOUND", "7.00", settlement="S")
    )

    assert classes(result) == {"LOST": "missing_at_gateway", "FOUND": "missing_in_ledger"}


def test_a_gateway_row_without_reference_goes_by_its_ids(files: Files) -> None:
    result = files.result(HEADER + row("A", utr="U1"), HEADER + row("", utr="U1") + row("", "3.00", transaction="T9"))

    assert classes(result) == {"T9": "missing_in_ledger"}
    assert result.matched_by["utr"] == 1


def test_a_statement_line_without_counterpart_is_missing_in_the_ledger(files: Files) -> None:
    both = HEADER + row("A", utr="U1") + row("B", utr="U2")
    result = files.result(both, both, "utr,amount\nu1,-10.00\nGHOST,77.00\n")

    (found,) = result.breaks
    assert (found.break_class, found.reference, found.evidence) == ("missing_in_ledger", "GHOST", "statement")
    assert (found.gateway_amount, found.ledger_amount) == (Decimal(77), None)
    assert result.statement is not None
    assert (result.statement.lines, result.statement.confirmed, result.statement.unconfirmed) == (2, 1, 1)


def test_a_statement_that_moved_another_sum_is_an_amount_mismatch(files: Files) -> None:
    both = HEADER + row("A", utr="U1")
    result = files.result(both, both, "utr,amount\nU1,9.00\n")

    (found,) = result.breaks
    assert (found.break_class, found.evidence) == ("amount_mismatch", "statement 9.00, ledger and gateway 10.00")


def test_a_statement_line_may_pay_out_a_settlement(files: Files) -> None:
    both = HEADER + row("A", settlement="S", fee="1.00") + row("B", "20.00", settlement="S", fee="1.00")
    for amount, expected in (("30.00", {}), ("28.00", {}), ("27.00", {"S": "amount_mismatch"})):
        result = files.result(both, both, f"utr,settlement_id,amount\nBANK-1,S,{amount}\n")
        assert classes(result) == expected
