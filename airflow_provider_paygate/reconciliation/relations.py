"""Tables and queries of a database as relations."""

from __future__ import annotations

import re

from airflow_provider_paygate.reconciliation.sides import (
    Column,
    Kind,
    Relation,
    Role,
    TableSide,
    check_required,
    found_columns,
)

_NAME = re.compile(r'("[^"]+"|[A-Za-z_][\w$]*)(\.("[^"]+"|[A-Za-z_][\w$]*))*')


def source_of(side: TableSide) -> str:
    """The side's table or query as something that can stand behind FROM."""
    text = side.query.strip().rstrip(";")
    return text if _NAME.fullmatch(text) else f"({text}\n) AS side"  # its last line may be a comment


def relation_of(side: TableSide, role: Role, described: list[tuple[str, Kind]]) -> Relation:
    """The relation of a table or query whose columns are (name, what it holds)."""
    names = [name for name, _ in described]
    found = found_columns(side.label, names, side.columns)
    check_required(side.label, role, found, names)
    columns = {
        ours: Column('"' + names[place].replace('"', '""') + '"', described[place][1]) for ours, place in found.items()
    }
    return Relation(side.label, source_of(side), columns)
