"""What a side of the reconciliation is read from, and what its columns turn into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.vocabulary import COLUMNS

Kind = Literal["text", "decimal", "integer", "float", "timestamp", "timestamptz", "date", "other"]
Role = Literal["ledger", "gateway", "statement"]


@dataclass(frozen=True)
class FileSide:
    """A CSV, JSONL or Parquet file (by its suffix). `columns` maps our names to the file's.

    `date_format` (strptime) is for files whose dates are not ISO 8601.
    """

    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: str | None = None

    def __post_init__(self) -> None:
        check_mapping(self.columns, self.path)


@dataclass(frozen=True)
class TableSide:
    """A table or query in the database that the reconciliation runs in. `columns` maps our names to the query's."""

    query: str
    columns: Mapping[str, str] = field(default_factory=dict)
    label: str = "query"

    def __post_init__(self) -> None:
        check_mapping(self.columns, self.label)


Side = FileSide | TableSide


@dataclass(frozen=True)
class Column:
    """One column as it lies in its source: an SQL expression and what it holds."""

    expression: str
    kind: Kind
    more_than_four_places: bool = False
    """Whether its type has room for more decimal places than the amounts of a normalised side."""


@dataclass(frozen=True)
class Relation:
    """A side as SQL (DuckDB's dialect): where its rows come from, and our columns found there."""

    label: str
    source: str
    columns: Mapping[str, Column]
    is_file: bool = False
    date_format: str | None = None


def check_mapping(columns: Mapping[str, str], label: str) -> None:
    """Refuse a mapping that names a column we do not have."""
    for ours in columns:
        if ours not in COLUMNS:
            raise CannotReconcile(
                f"{label}: there is no column {ours!r} to map to; the columns are {', '.join(COLUMNS)}"
            )


def found_columns(label: str, present: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Our column names -> position in `present`, the names as the source has them (compared without case or space).

    Raises CannotReconcile for a mapped column that is absent and for a used one that is there twice.
    """
    folded = [name.strip().casefold() for name in present]
    found = {}
    for ours in COLUMNS:
        theirs = columns.get(ours, ours)
        exact = [i for i, name in enumerate(present) if name == theirs]
        places = [i for i, name in enumerate(folded) if name == theirs.strip().casefold()]
        if len(places) > 1 and (len(exact) != 1 or ours not in columns):
            raise CannotReconcile(f"{label}: column {theirs!r} is there {len(places)} times; one must go or be renamed")
        if places:
            found[ours] = exact[0] if exact else places[0]
        elif ours in columns:
            raise CannotReconcile(f"{label}: no column {theirs!r} (given for {ours}); it has {_listed(present)}")
    return found


def check_required(label: str, role: Role, found: Mapping[str, object], present: list[str]) -> None:
    """Refuse a side without the columns that identify and value a row."""
    keys = ("reference", "utr", "transaction_id", "settlement_id") if role == "statement" else ("reference",)
    if not any(key in found for key in keys):
        wanted = "reference or utr" if role == "statement" else "reference"
        raise CannotReconcile(
            f"{label}: no column {wanted}; it has {_listed(present)}. Map one, as in reference=order_id"
        )
    if "amount" not in found:
        raise CannotReconcile(f"{label}: no column amount; it has {_listed(present)}. Map one, as in amount=net_value")


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if name else "(blank)" for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "no columns"
