"""The first pass: whatever a side looks like becomes one shape of table, strictly.

`recon_ledger`, `recon_gateway` and `recon_statement` have the columns reference, amount DECIMAL(18,4), currency,
status, transaction_id, utr, created_at, created_local, settled_at, settled_local, fee DECIMAL(18,4), settlement_id.
Moments are UTC; where `…_local` is true they are wall-clock time as written, because the source gave no zone.

No expression stands twice in a fallback (TRIM above all): DuckDB would work out what is common for every row beforehand.

Files are checked while they are read, and the read stops at the first flaw (the row is then looked up, see flaws); only
decimals of more than four places are asked beforehand, for they would be rounded. Tables are asked beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.sides import Column, Relation, Role

MONEY = "DECIMAL(18, 4)"
_STOP = "ERROR('flaw')"
_PLAIN_DECIMAL = "[+-]?[0-9]{1,14}([.][0-9]{1,4}0*)?"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ZONE = " ?(Z|z|UTC|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_ISO = f"(19|20|21)[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}([T ]{_CLOCK}({_ZONE})?)?"
_USUAL = "['%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%d', '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S']"


def normalising_select(relation: Relation, role: Role) -> str:
    """One SELECT in DuckDB's dialect."""
    columns = relation.columns
    parts = [
        f"{_reference(relation, role)} AS reference",
        f"{_money(columns.get('amount'), needed=True, stops=relation.is_file)} AS amount",
    ]
    # As written: the passes trim these where few rows are left, for here it would cost more than all matching.
    parts += [f"{_as_written(columns.get(name))} AS {name}" for name in ("currency", "status", "transaction_id", "utr")]
    for name in ("created", "settled"):
        moment, local = _moment(columns.get(f"{name}_at"), relation.date_format)
        parts += [f"{moment} AS {name}_at", f"{local} AS {name}_local"]
    parts += [f"{_money(columns.get('fee'))} AS fee", f"{_text(columns.get('settlement_id'))} AS settlement_id"]
    return f"SELECT {', '.join(parts)} FROM {relation.source}"


def flaws(relation: Relation, role: Role) -> Iterator[tuple[str, str, str]]:
    """(column, SQL condition true for a row to refuse, what to tell the person), the most basic first."""
    keys = [_text(relation.columns[key]) for key in _keys(role) if key in relation.columns]
    yield "reference", f"COALESCE({', '.join([*keys, 'NULL'])}) IS NULL", f"no {' or '.join(_keys(role))}"
    for name in ("amount", "fee"):
        if column := relation.columns.get(name):
            if name == "amount":
                yield name, _blank(column), "no amount"
            yield name, f"NOT {_blank(column)} AND NOT {_holds_money(column)}", _money_advice(name, column)
    for name in ("created_at", "settled_at"):
        if column := relation.columns.get(name):
            form = relation.date_format or "ISO 8601 (2026-01-31 or 2026-01-31T17:05:00+05:30)"
            moment = _read_moment(column, relation.date_format)
            inside = f"{moment} >= DATE '1900-01-01' AND {moment} < DATE '2200-01-01'"
            yield (
                name,
                f"NOT {_blank(column)} AND NOT COALESCE({inside}, FALSE)",
                f"{name} is not a date in the form {form}",
            )


def flaw_counts(relation: Relation, role: Role) -> tuple[str, list[str]]:
    """(SQL of one row with the number of rows that have each flaw, what to tell the person of each)."""
    found = list(flaws(relation, role))
    counts = (
        f"COUNT(CASE WHEN {condition} THEN 1 END) AS flaw_{place}" for place, (_, condition, _) in enumerate(found)
    )
    return f"SELECT {', '.join(counts)} FROM {relation.source}", [advice for _, _, advice in found]


def refusal(label: str, role: Role, counts: Iterable[int], advice: Iterable[str]) -> CannotReconcile | None:
    """The first flaw that any row has, as one line."""
    for wrong, told in zip(counts, advice, strict=True):
        if wrong:
            return CannotReconcile(f"{label}: {wrong} row{'s' if wrong > 1 else ''} of the {role}: {told}")
    return None


def check_kinds(relation: Relation) -> None:
    """Refuse columns whose type cannot hold what they are for; above all floats for money."""
    for name, column in relation.columns.items():
        money, moment = name in ("amount", "fee"), name in ("created_at", "settled_at")
        if column.kind == "float":
            better = "DECIMAL" if money else "text"
            raise CannotReconcile(
                f"{relation.label}: {name} is a floating-point column, which is inexact; make it {better}"
            )
        typed = (
            {"decimal", "integer"} if money else {"timestamp", "timestamptz", "date"} if moment else {"integer", "text"}
        )
        if column.kind not in typed and not (column.kind == "text" and relation.is_file):
            wanted = "an amount: make it DECIMAL" if money else "a date" if moment else "text"
            raise CannotReconcile(f"{relation.label}: the type of {name} cannot be read as {wanted}")


def _keys(role: Role) -> tuple[str, ...]:
    """What may identify a row. A payment made in the gateway's own portal may lack our reference; the ledger's may not."""
    if role == "ledger":
        return ("reference",)
    return ("reference", "transaction_id", "utr", *(("settlement_id",) if role == "statement" else ()))


def _reference(relation: Relation, role: Role) -> str:
    columns = relation.columns
    own = _text(columns.get("reference"))
    keys = [own] + [_text(columns[key]) for key in _keys(role)[1:] if key in columns]
    stop = [_STOP] if relation.is_file else []
    if role == "statement":  # lines keep their keys apart; only the check for having none is made here
        return f"CASE WHEN COALESCE({', '.join([*keys, *stop, 'NULL'])}) IS NOT NULL THEN {own} END"
    return f"COALESCE({', '.join(keys + stop)})"


def _as_written(column: Column | None) -> str:
    if column is None:
        return "CAST(NULL AS VARCHAR)"
    return column.expression if column.kind == "text" else f"CAST({column.expression} AS VARCHAR)"


def _text(column: Column | None) -> str:
    """Trimmed, blank as null; most values have nothing to trim and are not copied."""
    if column is None:
        return "CAST(NULL AS VARCHAR)"
    value = _as_written(column)
    return f"CASE WHEN {value} LIKE ' %' OR {value} LIKE '% ' OR {value} = '' THEN NULLIF(TRIM({value}), '') ELSE {value} END"


def _blank(column: Column) -> str:
    return (
        f"COALESCE(TRIM({column.expression}) = '', TRUE)" if column.kind == "text" else f"({column.expression} IS NULL)"
    )


def _money(column: Column | None, *, needed: bool = False, stops: bool = False) -> str:
    if column is None:
        return f"CAST(NULL AS {MONEY})"
    if column.kind != "text":
        value = f"CAST({column.expression} AS {MONEY})"
        return f"COALESCE({value}, {_STOP})" if stops and needed else value
    value, blank = column.expression, _STOP if needed else "NULL"
    # Two places are the rule and are exact; the pattern is for what is not so plain.
    return (
        f"COALESCE(CASE WHEN {value} LIKE '%.__' THEN TRY_CAST({value} AS {MONEY}) END, "
        f"CASE WHEN {_blank(column)} THEN {blank} "
        f"WHEN {_holds_money(column)} THEN CAST({value} AS {MONEY}) ELSE {_STOP} END)"
    )


def _holds_money(column: Column) -> str:
    value = column.expression
    if column.kind == "text":
        return f"REGEXP_FULL_MATCH({value}, ' *{_PLAIN_DECIMAL} *')"
    bounded = f"{value} > -100000000000000 AND {value} < 100000000000000"
    return f"({bounded} AND {value} = ROUND({value}, 4))" if column.kind == "decimal" else f"({bounded})"


def _money_advice(name: str, column: Column) -> str:
    if column.kind == "text":
        return f"{name} is not a plain decimal such as 100000.00 (no currency sign, no separators, 4 places at most)"
    return f"{name} has more than 14 digits before or 4 after the point"


def _moment(column: Column | None, date_format: str | None) -> tuple[str, str]:
    """(SQL of the moment, SQL of whether it is local time)"""
    if column is None:
        return "CAST(NULL AS TIMESTAMP)", "FALSE"
    read = _read_moment(column, date_format)
    if column.kind != "text":
        return read, "FALSE" if column.kind == "timestamptz" else "TRUE"
    if date_format is None:
        # The usual spellings first, which the database reads fastest. It takes year 26 for one; see out_of_time.
        read = f"COALESCE(TRY_STRPTIME({column.expression}, {_USUAL}), {read})"
    value = f"COALESCE({read}, CASE WHEN {_blank(column)} THEN NULL ELSE {_STOP} END)"
    if date_format is not None:
        return value, "TRUE"
    # Behind the date only a zone has one of these signs.
    text = column.expression
    zoned = f"COALESCE(REGEXP_MATCHES(SUBSTR(LTRIM({text}), 11), '[Zz+-]|UTC'), TRUE)"
    return value, f"CASE WHEN {text} LIKE '%Z' THEN FALSE ELSE NOT {zoned} END"


def _read_moment(column: Column, date_format: str | None) -> str:
    """SQL of the moment, in UTC where the zone is known; null for text that is not one."""
    if column.kind == "timestamptz":
        return f"CAST({column.expression} AT TIME ZONE 'UTC' AS TIMESTAMP)"
    if column.kind != "text":
        return f"CAST({column.expression} AS TIMESTAMP)"
    text = column.expression
    if date_format is not None:
        quoted = date_format.replace("'", "''")
        return f"TRY_STRPTIME(TRIM({text}), '{quoted}')"
    iso = f"REGEXP_FULL_MATCH({text}, ' *{_ISO} *')"
    return f"CASE WHEN {iso} THEN TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"


def out_of_time(table: str) -> str:
    """SQL of whether any moment in a normalised table comes from a year that nobody pays in."""
    outside = " OR ".join(
        f"COALESCE(MIN({name}) < TIMESTAMP '1900-01-01' OR MAX({name}) >= TIMESTAMP '2200-01-01', FALSE)"
        for name in ("created_at", "settled_at")
    )
    return f"SELECT {outside} AS wrong FROM {table}"
