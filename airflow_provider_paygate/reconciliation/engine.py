"""Reconcile two sides, and a bank statement if there is one. The face of this package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from airflow_provider_paygate.reconciliation.breaks import Judged, in_order, judge
from airflow_provider_paygate.reconciliation.errors import CannotReconcile, TotalsDoNotTie
from airflow_provider_paygate.reconciliation.executors import Executor
from airflow_provider_paygate.reconciliation.findings import Holding, all_findings, upper
from airflow_provider_paygate.reconciliation.memory import BreakMemory, Remembered
from airflow_provider_paygate.reconciliation.passes import found, run_passes
from airflow_provider_paygate.reconciliation.result import IgnoredBreak, Result, StatementCount
from airflow_provider_paygate.reconciliation.settings import Settings
from airflow_provider_paygate.reconciliation.sides import FileSide, Role, Side
from airflow_provider_paygate.reconciliation.table_file import write_table
from airflow_provider_paygate.reconciliation.totals import Tally
from airflow_provider_paygate.reconciliation.vocabulary import PASSES, SIDES

MATCH_TYPES = {
    "pass": "VARCHAR",
    "ledger_reference": "VARCHAR",
    "gateway_reference": "VARCHAR",
    "settlement_id": "VARCHAR",
    "ledger_amount": "DECIMAL(38, 4)",
    "gateway_amount": "DECIMAL(38, 4)",
}


def reconcile(
    ledger: Side,
    gateway: Side,
    statement: Side | None = None,
    *,
    settings: Settings | None = None,
    where: Executor | None = None,
    name: str | None = None,
    memory: BreakMemory | None = None,
) -> Result:
    """Match, compare, and account for every row.

    `where` is the database that does the work (default: DuckDB in this process); it is left to the caller to close.
    With `memory`, breaks are remembered under `name`. Raises CannotReconcile with a one-line reason.
    """
    with Reconciliation(ledger, gateway, statement, settings=settings, where=where, name=name, memory=memory) as it:
        return it.result


class Reconciliation:
    """The same while its database is still open, for those who want the matches too."""

    def __init__(
        self,
        ledger: Side,
        gateway: Side,
        statement: Side | None = None,
        *,
        settings: Settings | None = None,
        where: Executor | None = None,
        name: str | None = None,
        memory: BreakMemory | None = None,
    ) -> None:
        if memory is not None and not name:
            raise CannotReconcile("to remember breaks between runs takes a name")
        self._sides: dict[Role, Side] = {"ledger": ledger, "gateway": gateway}
        if statement is not None:
            self._sides["statement"] = statement
        self._settings = settings if settings is not None else Settings()
        self._own = where is None
        self._where = where
        self._name = name
        self._memory = memory

    def __enter__(self) -> Reconciliation:
        if self._where is None:
            from airflow_provider_paygate.reconciliation.executors.duckdb import DuckDBExecutor

            self._where = DuckDBExecutor()
        try:
            self.result = self._run(self._where)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write_matches(self, path: str) -> None:
        """Every confirmed match with the pass that made it, as CSV or Parquet by the suffix of the path."""
        if self._where is not None:
            rows = sorted(found(self._where, "matches"), key=lambda row: [str(cell) for cell in row])
            write_table(path, MATCH_TYPES, rows)

    def _close(self) -> None:
        if self._own and self._where is not None:
            self._where.close()

    def _run(self, executor: Executor) -> Result:
        settings, with_statement = self._settings, "statement" in self._sides
        for role, side in self._sides.items():
            executor.read(side, role)
        run_passes(executor, settings.tolerance, with_statement=with_statement)
        tally = _input(executor)
        if not settings.allow_empty:
            _refuse_empty(tally, self._sides)
        judged = in_order(
            [judge(finding, settings) for finding in all_findings(executor, with_statement=with_statement)]
        )
        remembered = self._memory.load(self._name) if self._memory is not None and self._name else Remembered()
        is_open, ignored = _without_ignored(judged, remembered)
        matched, confirmed = _matched(executor, tally, judged)
        for one in is_open:
            tally.add("timing" if one.row.break_class == "timing" else "breaks", one.holdings)
        for one, _ in ignored:
            tally.add("ignored", one.holdings)
        tally.check()
        first_seen = {key: seen.first_seen for key, seen in remembered.breaks.items() if seen.is_open}
        today = settings.as_of.day
        result = Result(
            as_of=settings.as_of,
            breaks=tuple(one.row for one in is_open),
            tally=tally,
            labels={role: _label(side) for role, side in self._sides.items()},
            name=self._name,
            ignored=tuple(IgnoredBreak(one.row, reason) for one, reason in ignored),
            matched_by=matched,
            lags=dict(sorted((int(days), int(rows)) for days, rows in found(executor, "totals_lags"))),
            made_on={one.row.break_id: one.made_on for one in judged if one.made_on is not None},
            first_seen={one.row.break_id: first_seen.get(one.row.break_id, today) for one in judged},
            statement=_statement(executor, confirmed, sum(matched.values())) if with_statement else None,
            past=tuple(run for run in remembered.runs if run.day < today),
        )
        if self._memory is not None and self._name:
            self._memory.save(self._name, today, [one.row for one in judged], result.by_class)
        return result


def _input(executor: Executor) -> Tally:
    tally = Tally()
    for side, currency, rows, amount in found(executor, "totals_input"):
        tally.add("input", [Holding(side, upper(currency), int(rows), amount)])
    return tally


def _matched(executor: Executor, tally: Tally, judged: Iterable[Judged]) -> tuple[dict[str, int], int]:
    """Adds what agrees to the tally; (pass → ledger rows, payments the bank confirms)."""
    by_pass, confirmed = Counter(dict.fromkeys(PASSES, 0)), 0
    by_pass["reference"] += _set_aside(executor, tally, judged)
    for name, ledger_currency, gateway_currency, ledger_rows, gateway_rows, ledger, gateway, on_statement in found(
        executor, "totals_matched"
    ):
        tally.add("matched", [Holding("ledger", ledger_currency, int(ledger_rows), ledger)])
        tally.add("matched", [Holding("gateway", gateway_currency, int(gateway_rows), gateway)])
        by_pass[name] += int(ledger_rows)
        confirmed += int(on_statement)
    return dict(by_pass), confirmed


def _set_aside(executor: Executor, tally: Tally, judged: Iterable[Judged]) -> int:
    """Adds the pairs that pass 1 set aside, which agree to the unit, and counts them.

    They are what remains of each side; that both remainders are the same in rows and money proves that none was lost.
    """
    seen = Tally()
    for side, currency, rows, amount in found(executor, "totals_second_look"):
        seen.add("input", [Holding(side, currency, int(rows), amount)])
    for one in judged:
        if one.row.break_class == "duplicate":
            seen.add("input", one.holdings)
    pairs = 0
    for currency in tally.currencies:
        rest = [
            Holding(
                side,
                currency,
                tally.count(side, "input", currency) - seen.count(side, "input", currency),
                tally.amount(side, "input", currency) - seen.amount(side, "input", currency),
            )
            for side in SIDES
        ]
        if rest[0][2:] != rest[1][2:]:
            raise TotalsDoNotTie(f"{currency or 'no currency'}: {rest[0]} set aside against {rest[1]}")
        tally.add("matched", rest)
        pairs += rest[0].rows
    return pairs


def _without_ignored(judged: Iterable[Judged], remembered: Remembered) -> tuple[list[Judged], list[tuple[Judged, str]]]:
    is_open, ignored = [], []
    for one in judged:
        before = remembered.breaks.get(one.row.break_id)
        if before is not None and before.ignored is not None and before.is_ignored_as(one.row):
            ignored.append((one, before.ignored))
        else:
            is_open.append(one)
    return is_open, ignored


def _statement(executor: Executor, confirmed: int, agreed: int) -> StatementCount:
    lines = sum(int(row[0]) for row in found(executor, "totals_statement"))
    unknown = sum(int(row[3]) for row in found(executor, "find_statement_lines"))
    return StatementCount(lines, unknown, confirmed, agreed - confirmed)


def _refuse_empty(tally: Tally, sides: dict[Role, Side]) -> None:
    for role in ("ledger", "gateway"):
        if tally.count(role, "input") == 0:
            label = _label(sides[role], whole=True)
            line = ":1" if isinstance(sides[role], FileSide) else ""
            raise CannotReconcile(f"{label}{line}: the {role} has no rows; --allow-empty if that is true")


def _label(side: Side, *, whole: bool = False) -> str:
    if isinstance(side, FileSide):
        return side.path if whole else side.path.replace("\\", "/").rsplit("/", 1)[-1]
    return side.label
