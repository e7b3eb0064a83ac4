"""Every class of break, and which one a reference gets when several apply."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_paygate.reconciliation import Tolerance
from tests.reconciliation.sides import OLD, YOUNG, Files, classes

LEDGER = "reference,amount,currency,status,created_at\n"
GATEWAY = "reference,amount,currency,status,fee,created_at\n"


@pytest.mark.parametrize(
    ("ledger", "gateway", "expected"),
    [
        (f"A,1,INR,SUCCESS,{OLD}", f"A,1,INR,COMPLETED,,{OLD}", None),
        (f"A,1,INR,success,{OLD}", f"A,1,inr, Success ,,{OLD}", None),
        (f"A,1,INR,SUCCESS,{OLD}", f"B,1,INR,SUCCESS,,{OLD}\nB,1,INR,SUCCESS,,{OLD}", "missing_at_gateway"),
        (f"A,1,INR,SUCCESS,{YOUNG}", f"B,1,INR,SUCCESS,,{YOUNG}", "timing"),
        (f"A,1,INR,SUCCESS,{OLD}\nA,1,INR,SUCCESS,{OLD}", f"A,1,INR,SUCCESS,,{OLD}", "duplicate"),
        (f"A,1,INR,SUCCESS,{OLD}", f"A,1,INR,SUCCESS,,{OLD}\nA,9,GBP,FAILED,,{OLD}", "duplicate"),
        (f"A,1,INR,UNKNOWN,{OLD}\nA,1,INR,UNKNOWN,{OLD}", f"A,1,INR,SUCCESS,,{OLD}", "duplicate"),
        (f"A,1,INR,UNKNOWN,{OLD}", f"A,2,GBP,REFUNDED,,{OLD}", "unknown_outcome"),
        (f"A,1,INR,UNKNOWN,{YOUNG}", f"B,1,INR,SUCCESS,,{YOUNG}", "unknown_outcome"),
        (f"A,1,INR,SUCCESS,{YOUNG}", f"A,2,GBP,PENDING,,{YOUNG}", "timing"),
        (f"A,1,INR,PROCESSING,{YOUNG}", f"A,1,INR,SUCCESS,,{YOUNG}", "timing"),
        (f"A,1,INR,PENDING,{OLD}", f"A,1,INR,INITIATED,,{OLD}", None),
        (f"A,1,INR,SUCCESS,{OLD}", f"A,1,INR,PENDING,,{OLD}", "status_mismatch"),
        (f"A,1,INR,SUCCESS,{OLD}", f"A,1,INR,whatever is new,,{OLD}", "status_mismatch"),
        (f"A,1,INR,SUCCESS,{OLD}", f"A,2,GBP,REFUNDED,,{OLD}", "currency_mismatch"),
        (f"A,1,INR,SUCCESS,{OLD}", f"A,2,INR,REFUNDED,,{OLD}", "reversal"),
        (f"A,1,INR,COMPLETED,{OLD}", f"A,1,INR,Reversed,,{OLD}", "reversal"),
        (f"A,1,INR,FAILED,{OLD}", f"A,1,INR,REFUNDED,,{OLD}", "status_mismatch"),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,7.50,INR,FAILED,2.50,{OLD}", "fee"),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,12.50,INR,SUCCESS,2.50,{OLD}", "fee"),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,10,INR,SUCCESS,2.50,{OLD}", None),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,7.51,INR,FAILED,2.50,{OLD}", "amount_mismatch"),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,10,INR,FAILED,,{OLD}", "status_mismatch"),
        (f"A,10,INR,,{OLD}", f"A,10,INR,FAILED,,{OLD}", "status_mismatch"),
        (f"A,10,,SUCCESS,{OLD}", f"A,10,INR,SUCCESS,,{OLD}", None),
        (f"A,10,INR,SUCCESS,{OLD}", f"A,10,INR,,,{OLD}", None),
    ],
)
def test_a_reference_gets_the_first_class_that_applies(
    files: Files, ledger: str, gateway: str, expected: str | None
) -> None:
    result = files.result(LEDGER + ledger + "\n", GATEWAY + gateway + "\n")

    assert classes(result).get("A") == expected


def test_a_payment_the_books_lack_is_missing_in_the_ledger(files: Files) -> None:
    result = files.result(
        LEDGER + f"A,1,INR,SUCCESS,{OLD}\n", GATEWAY + f"A,1,INR,SUCCESS,,{OLD}\nZ,5,INR,SUCCESS,,{OLD}\n"
    )

    (row,) = result.breaks
    assert (row.break_class, row.ledger_amount, row.gateway_amount, row.difference) == (
        "missing_in_ledger",
        None,
        Decimal(5),
        Decimal(5),
    )
    assert result.exit_code == 1


def test_a_duplicate_on_both_sides_is_one_break_with_the_sums(files: Files) -> None:
    twice = f"A,10.00,INR,SUCCESS,{OLD}\n" * 2
    result = files.result(LEDGER + twice, GATEWAY + f"A,10.00,INR,SUCCESS,,{OLD}\n" * 3)

    (row,) = result.breaks
    assert (row.break_class, row.ledger_amount, row.gateway_amount) == ("duplicate", Decimal(20), Decimal(30))
    assert row.evidence == "2 in the ledger, 3 at the gateway"
    assert result.tally.count("gateway", "breaks") == 3


def test_only_timing_is_no_reason_to_fail(files: Files) -> None:
    result = files.result(LEDGER + f"A,1,INR,SUCCESS,{YOUNG}\n", GATEWAY + f"B,1,INR,SUCCESS,,{YOUNG}\n")

    assert (result.by_class["timing"], result.exit_code) == (2, 0)


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        (Tolerance(), "amount_mismatch"),
        (Tolerance(Decimal("0.99")), "amount_mismatch"),
        (Tolerance(Decimal("1.00")), None),
        (Tolerance(percent=Decimal("0.99")), "amount_mismatch"),
        (Tolerance(percent=Decimal("1")), None),
        (Tolerance(Decimal("0.01"), Decimal("1")), None),
    ],
)
def test_amounts_within_the_tolerance_agree(files: Files, tolerance: Tolerance, expected: str | None) -> None:
    result = files.result(
        LEDGER + f"A,100.00,INR,SUCCESS,{OLD}\n", GATEWAY + f"A,99.00,INR,SUCCESS,,{OLD}\n", tolerance=tolerance
    )

    assert classes(result).get("A") == expected


def test_amounts_are_exact_where_doubles_are_not(files: Files) -> None:
    ledger = "reference,amount\nA,99999999999999.9999\nB,0.1\n"
    result = files.result(ledger, "reference,amount\nA,99999999999999.9998\nB,0.1000000\n")

    (row,) = result.breaks
    assert (row.reference, row.difference) == ("A", Decimal("-0.0001"))


def test_references_keep_their_zeros_and_lose_their_blanks(files: Files) -> None:
    ledger = "reference,amount\n00100,1\n 0200 ,2\nABFEu00A0,3\n"
    result = files.result(ledger, "reference,amount\n00100,1\n0200,2\nABFEu00A0,3\n")

    assert result.breaks == ()
    assert result.matched_by["reference"] == 3
