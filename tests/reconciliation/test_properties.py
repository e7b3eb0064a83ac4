"""What holds for any input: planted breaks are found exactly, totals tie out, the order of rows changes no byte."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_paygate.reconciliation import FileSide, Result, Settings, Tolerance, reconcile
from airflow_provider_paygate.reconciliation.vocabulary import BUCKETS, CLASSES, SIDES
from tests.reconciliation.planted import AS_OF, plant

REFERENCES = st.sampled_from(["A", "a", "B 1", "B1", "C", "D", "E", "F"])
ROWS = st.lists(
    st.tuples(
        REFERENCES,
        st.decimals(min_value=-50, max_value=50, places=2).map(lambda amount: f"{amount:f}"),
        st.sampled_from(["INR", "INR", "GBP", ""]),
        st.sampled_from(["SUCCESS", "SUCCESS", "PENDING", "UNKNOWN", "FAILED", "REFUNDED", "odd", ""]),
        st.sampled_from(["", "", "T1", "T2", "T3"]),
        st.sampled_from(["", "", "U1", "U2", "-"]),
        st.sampled_from(["", "2026-03-20T10:00:00Z", "2026-03-01", "2026-01-01T00:00:00+05:30"]),
        st.sampled_from(["", "", "S1", "S2"]),
        st.sampled_from(["", "2.50", "1.00"]),
    ),
    min_size=1,
    max_size=12,
)
HEADER = "reference,amount,currency,status,transaction_id,utr,created_at,settlement_id,fee\n"


def written(folder: str, name: str, rows: list[tuple[str, ...]]) -> FileSide:
    path = Path(folder, name)
    path.write_text(HEADER + "".join(",".join(row) + "\n" for row in rows))
    return FileSide(str(path))


def answer(
    folder: str, ledger: list[tuple[str, ...]], gateway: list[tuple[str, ...]], bank: list[tuple[str, ...]]
) -> Result:
    return reconcile(
        written(folder, "ledger.csv", ledger),
        written(folder, "gateway.csv", gateway),
        written(folder, "bank.csv", bank) if bank else None,
        settings=Settings(as_of=AS_OF, tolerance=Tolerance(Decimal("0.01"))),
    )


@settings(max_examples=25, deadline=None)
@given(ledger=ROWS, gateway=ROWS, bank=st.one_of(st.just([]), ROWS), seed=st.integers(0, 2**32))
def test_any_input_ties_out_and_its_order_does_not_matter(
    ledger: list[tuple[str, ...]], gateway: list[tuple[str, ...]], bank: list[tuple[str, ...]], seed: int
) -> None:
    with TemporaryDirectory() as folder:
        result = answer(folder, ledger, gateway, bank)
        shuffle = random.Random(seed).shuffle
        for rows in (ledger, gateway, bank):
            shuffle(rows)
        again = answer(folder, ledger, gateway, bank)

        assert result.summary() == again.summary()
        assert result.breaks == again.breaks
        assert (result.text(), result.html()) == (again.text(), again.html())
    for side, rows in (("ledger", ledger), ("gateway", gateway)):
        summary = result.summary()[side]
        assert summary["count"]["input"] == len(rows)
        assert Decimal(summary["sum"]["input"]) == sum(Decimal(row[1]) for row in rows)
        for what in ("count", "sum"):
            parts = [Decimal(summary[what][bucket]) for bucket in BUCKETS]
            assert parts[0] == sum(parts[1:])
    assert len({row.break_id for row in result.breaks}) == len(result.breaks)
    assert sum(result.by_class.values()) == len(result.breaks)
    # A class has a fixed place, so the file is sorted by it, then by reference.
    places = [(CLASSES.index(row.break_class), row.reference) for row in result.breaks]
    assert places == sorted(places)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_planted_breaks_are_found_exactly(tmp_path: Path, suffix: str) -> None:
    planted = plant(tmp_path, rows=5000, each=12, seed=7, suffix=suffix)

    result = reconcile(FileSide(planted.ledger), FileSide(planted.gateway), settings=Settings(as_of=AS_OF))

    assert {(row.break_class, row.reference) for row in result.breaks} == planted.expected
    assert len(result.breaks) == len(planted.expected)
    ambiguous = {row.reference for row in result.breaks if "ambiguous" in row.evidence}
    assert len(ambiguous) == 3 * planted.each
    assert result.matched_by["settlement_id"] == 3 * planted.each
    assert all(result.matched_by[name] == planted.each for name in ("reference_text", "transaction_id", "utr"))


def test_files_of_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    outputs = []
    for order in (1, 2):
        planted = plant(tmp_path, rows=3000, each=5, order=order)
        result = reconcile(FileSide(planted.ledger), FileSide(planted.gateway), settings=Settings(as_of=AS_OF))
        for suffix in ("csv", "parquet"):
            result.write_breaks(str(tmp_path / f"{order}.{suffix}"))
        outputs.append([(tmp_path / f"{order}.{suffix}").read_bytes() for suffix in ("csv", "parquet")])

    assert outputs[0] == outputs[1]


def test_sums_are_kept_apart_by_currency(tmp_path: Path) -> None:
    planted = plant(tmp_path, rows=2000, each=5)
    result = reconcile(FileSide(planted.ledger), FileSide(planted.gateway), settings=Settings(as_of=AS_OF))

    by_currency = result.summary()["by_currency"]
    assert set(by_currency) == {"EUR", "GBP", "INR"}
    for side in SIDES:
        for bucket in BUCKETS:
            total = sum(Decimal(one[side]["sum"][bucket]) for one in by_currency.values())
            assert total == Decimal(result.summary()[side]["sum"][bucket])
