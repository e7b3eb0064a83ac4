"""The window: business days where the money lives, cut-offs, holidays, and which side lags."""

from __future__ import annotations

from datetime import date, time

import pytest

from airflow_provider_paygate.reconciliation import AsOf, Calendars, CannotReconcile, Settings, Window
from tests.reconciliation.sides import Files, classes

HEADER = "reference,amount,currency,created_at\n"
OTHER = "reference,amount\nX,1\n"
CLOSED = Calendars.standard(holidays=[date(2026, 1, 26)])
CUTOFFS = Calendars.standard(cutoffs={"INR": time(17, 30)})


@pytest.mark.parametrize(
    ("created_at", "currency", "as_of", "calendars", "late"),
    [
        # 2026-01-09 is a Friday
        ("2026-01-09T04:30:00Z", "INR", "2026-01-12", None, False),
        ("2026-01-09T04:30:00Z", "INR", "2026-01-13T04:29:59+00:00", None, False),
        ("2026-01-09T04:30:00Z", "INR", "2026-01-13T04:30:00+00:00", None, True),
        ("2026-01-09T04:30:00Z", "INR", "2026-01-13", None, True),
        ("2026-01-09", "INR", "2026-01-12", None, False),
        ("2026-01-10T12:00:00Z", "INR", "2026-01-13", None, False),
        ("2026-01-10T12:00:00Z", "INR", "2026-01-14", None, True),
        # 20:00 on a Friday in London is Saturday in India, so it counts from Monday's start there
        ("2026-01-09T20:00:00Z", "GBP", "2026-01-13T19:00:00+00:00", None, False),
        ("2026-01-09T20:00:00Z", "INR", "2026-01-13T19:00:00+00:00", None, True),
        # British Summer Time: 23:30 UTC on Thursday is Friday in London
        ("2026-06-04T23:30:00Z", "GBP", "2026-06-08T23:00:00+00:00", None, False),
        ("2026-01-23T06:00:00Z", "INR", "2026-01-27T06:00:00+00:00", None, True),
        ("2026-01-23T06:00:00Z", "INR", "2026-01-27T06:00:00+00:00", CLOSED, False),
        ("2026-01-05T11:59:00Z", "INR", "2026-01-07T12:30:00+00:00", CUTOFFS, True),
        ("2026-01-05T12:00:00Z", "INR", "2026-01-07T12:30:00+00:00", CUTOFFS, False),
        ("2026-01-05T17:29:00", "INR", "2026-01-07T12:30:00+00:00", CUTOFFS, True),
        ("", "INR", "2026-01-07", None, True),
    ],
)
def test_two_business_days_of_patience(
    files: Files, created_at: str, currency: str, as_of: str, calendars: Calendars | None, late: bool
) -> None:
    more = {"calendars": calendars} if calendars else {}
    result = files.result(HEADER + f"A,1,{currency},{created_at}\n", OTHER, as_of=AsOf.parse(as_of), **more)

    assert classes(result)["A"] == ("missing_at_gateway" if late else "timing")


def test_the_window_may_be_longer_for_one_side(files: Files) -> None:
    text = HEADER + "A,1,INR,2026-01-05T06:00:00Z\n"
    other = HEADER + "X,1,INR,2026-01-05T06:00:00Z\n"
    result = files.result(text, other, window=Window(gateway=3, ledger=1), as_of=AsOf.parse("2026-01-07"))

    assert classes(result) == {"A": "timing", "X": "missing_in_ledger"}
    assert {row.reference: row.due_by for row in result.breaks} == {"A": date(2026, 1, 8), "X": date(2026, 1, 6)}


def test_age_is_counted_in_local_days(files: Files) -> None:
    result = files.result(HEADER + "A,1,INR,2026-01-05T20:00:00Z\n", OTHER, as_of=AsOf.parse("2026-01-16"))

    assert result.breaks[0].age_days == 10


def test_a_window_of_no_sense_is_refused() -> None:
    with pytest.raises(CannotReconcile, match="business days"):
        Settings(window=Window(gateway=-1))
