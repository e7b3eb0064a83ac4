"""`paygate reconcile LEDGER GATEWAY`: compare the books with the gateway, and with the bank.

Exit code 0: nothing is open but what is not yet due. 1: breaks. 2: could not run; one line on stderr says why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_paygate.reconciliation import (
    AsOf,
    Calendars,
    CannotReconcile,
    FileSide,
    Settings,
    Tolerance,
    Window,
)
from airflow_provider_paygate.reconciliation.engine import Reconciliation
from airflow_provider_paygate.reconciliation.table_file import check_path
from airflow_provider_paygate.reconciliation.vocabulary import COLUMNS

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation import BreakMemory, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.description = "Compare the books with the gateway, and with the bank. Exit code 0, 1 (breaks), 2 (failed)."
    parser.epilog = f"Columns: {', '.join(COLUMNS)}; all but reference and amount may be absent."
    parser.add_argument("ledger", metavar="LEDGER", help="a .csv, .jsonl or .parquet file, or journal:<connection id>")
    parser.add_argument("gateway", metavar="GATEWAY", help="the same, as the gateway sees it")
    parser.add_argument("--statement", metavar="FILE", help="the bank's lines; utr and amount are enough")
    files = parser.add_argument_group("what to write")
    files.add_argument("--report", metavar="FILE", help="a page to look at (.html)")
    files.add_argument("--breaks", metavar="FILE", help="one row per break (.csv or .parquet)")
    files.add_argument(
        "--matches", metavar="FILE", help="one row per match, with the pass that made it (.csv or .parquet)"
    )
    files.add_argument("--summary", metavar="FILE", help="counts and sums (.json)")
    rules = parser.add_argument_group("what counts as a break")
    rules.add_argument(
        "--as-of", metavar="DATE", help="look from the end of this day, or from this moment (default: now)"
    )
    rules.add_argument("--window", metavar="DAYS", help="business days for which a side may lag (default: 2)")
    rules.add_argument("--ledger-window", metavar="DAYS", help="the same, where it is the ledger that lags")
    rules.add_argument("--tolerance", metavar="AMOUNT", help="by how much two amounts may differ (default: 0)")
    rules.add_argument("--tolerance-percent", metavar="PERCENT", help="the same, in percent of the ledger's amount")
    rules.add_argument("--holidays", metavar="FILE", help="days without business, one ISO date per line")
    _repeatable(
        rules, "--cutoff", "CURRENCY=HH:MM", "what is made later counts from the next business day, as INR=17:30"
    )
    rules.add_argument("--timezone", metavar="ZONE", help="for all currencies (default: India for INR, London for GBP)")
    rules.add_argument("--allow-empty", action="store_true", help="accept a ledger or gateway without rows")
    columns = parser.add_argument_group("how the files are written")
    _repeatable(columns, "--columns", "OURS=THEIRS", "a column's name in ledger and gateway")
    _repeatable(columns, "--ledger-columns", "OURS=THEIRS", "in the ledger only")
    _repeatable(columns, "--gateway-columns", "OURS=THEIRS", "in the gateway's file only")
    _repeatable(columns, "--statement-columns", "OURS=THEIRS", "in the bank statement")
    columns.add_argument("--date-format", metavar="FORMAT", help="of dates that are not ISO 8601, as %%d/%%m/%%Y")
    columns.add_argument(
        "--journal-since", metavar="DATE", help="of a journal, only what was made on this day or later"
    )
    remember = parser.add_argument_group("what is remembered between runs, in the paygate database")
    remember.add_argument("--name", help="keep breaks, their first day and the trend under this name")
    _repeatable(
        remember, "--ignore", "BREAK_ID=REASON", "leave an open break of this name out of the count from now on"
    )


def run(args: argparse.Namespace) -> int:
    """Reconcile as asked; prints the report. Returns the exit code."""
    try:
        result = _reconcile(args)
        _print(result.text())
        return result.exit_code
    except Exception as error:
        # Our own, those of the paygate database included, which cannot be named here: they would bring all of Airflow.
        if not type(error).__module__.startswith("airflow_provider_paygate."):
            raise
        print(f"paygate reconcile: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def side_named(
    text: str,
    both: dict[str, str],
    own: dict[str, str],
    date_format: str | None,
    folder: str,
    since: date | None = None,
) -> FileSide:
    """What LEDGER or GATEWAY stands for; a journal, which bears our own names and dates, is written to `folder`."""
    if not text.startswith("journal:"):
        return FileSide(text, both | own, date_format)
    from airflow_provider_paygate.hooks.journal_side import hook_of, write_journal

    return FileSide(write_journal(hook_of(text.removeprefix("journal:").strip()), folder, since), own)


def memory_of(name: str | None) -> BreakMemory | None:
    """The paygate database as memory, if a name asks for one."""
    if name is None:
        return None
    from airflow_provider_paygate.database import database
    from airflow_provider_paygate.reconciliation import SqlBreakMemory

    return SqlBreakMemory(database())


def settings_of(args: argparse.Namespace) -> Settings:
    """All that decides the answer besides the data. Raises CannotReconcile for a value that is none."""
    gateway = _days("--window", args.window, 2)
    zone = _zone(args.timezone)
    holidays = _holidays(args.holidays) if args.holidays else []
    return Settings(
        as_of=_as_of(args.as_of),
        window=Window(gateway=gateway, ledger=_days("--ledger-window", args.ledger_window, gateway)),
        tolerance=Tolerance(
            _decimal("--tolerance", args.tolerance), _decimal("--tolerance-percent", args.tolerance_percent)
        ),
        calendars=Calendars.standard(cutoffs=_cutoffs(args.cutoff), holidays=holidays, zone=zone),
        allow_empty=args.allow_empty,
    )


def check_folder(path: str) -> None:
    """Refuse a file to write whose folder is not there, before any work is done."""
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise CannotReconcile(f"{path}: the folder does not exist")


def _reconcile(args: argparse.Namespace) -> Result:
    for path in (args.breaks, args.matches):
        if path:
            check_path(path)
    for path in (args.report, args.summary, args.breaks, args.matches):
        if path:
            check_folder(path)
    settings = settings_of(args)
    with tempfile.TemporaryDirectory(prefix="paygate-reconcile-") as folder:
        try:
            return _compared(args, settings, folder)
        except CannotReconcile as error:
            raise CannotReconcile(str(error).replace(f"{folder}{os.sep}", "")) from None


def _compared(args: argparse.Namespace, settings: Settings, folder: str) -> Result:
    both = _mapping("--columns", args.columns)
    since = day("--journal-since", args.journal_since)
    ledger, gateway = (
        side_named(text, both, _mapping(f"--{role}-columns", given), args.date_format, folder, since)
        for role, text, given in (
            ("ledger", args.ledger, args.ledger_columns),
            ("gateway", args.gateway, args.gateway_columns),
        )
    )
    own = _mapping("--statement-columns", args.statement_columns)
    statement = FileSide(args.statement, own, args.date_format) if args.statement else None
    ignore = _mapping("--ignore", args.ignore)
    memory = memory_of(args.name)
    if ignore and (memory is None or args.name is None):
        raise CannotReconcile("--ignore needs the --name under which the break is remembered")
    for break_id, reason in ignore.items():
        if memory is not None:
            memory.ignore(args.name, break_id, reason)
    with Reconciliation(ledger, gateway, statement, settings=settings, name=args.name, memory=memory) as it:
        result = it.result
        if args.matches:
            it.write_matches(args.matches)
    if args.breaks:
        result.write_breaks(args.breaks)
    if args.summary:
        _write(args.summary, json.dumps(result.summary(), indent=2) + "\n")
    if args.report:
        _write(args.report, result.html())
    return result


def _print(text: str) -> None:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _repeatable(group: argparse._ArgumentGroup, flag: str, metavar: str, help: str) -> None:
    group.add_argument(flag, action="append", default=[], metavar=metavar, help=help + " (repeatable)")


def _mapping(flag: str, pairs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not sign or not ours.strip() or not theirs.strip():
            raise CannotReconcile(f"{flag} {pair}: give it as NAME=VALUE")
        if ours.strip() in found:
            raise CannotReconcile(f"{flag} {pair}: {ours.strip()} is given twice")
        found[ours.strip()] = theirs.strip()
    return found


def _as_of(text: str | None) -> AsOf:
    try:
        return AsOf.now() if text is None else AsOf.parse(text)
    except ValueError:
        raise CannotReconcile(f"--as-of {text}: give an ISO date, or date and time, as in 2026-01-31") from None


def _days(flag: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,3}", text):
        raise CannotReconcile(f"{flag} {text}: give a whole number of business days")
    return int(text)


def day(flag: str, text: str | None) -> date | None:
    """A day given as text. Raises CannotReconcile for what is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CannotReconcile(f"{flag} {text}: give an ISO date, as in 2026-01-31") from None


def _decimal(flag: str, text: str | None) -> Decimal:
    try:
        value = Decimal(text or "0")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise CannotReconcile(f"{flag} {text}: give a plain decimal, as in 0.50")
    return value


def _cutoffs(pairs: Iterable[str]) -> dict[str, time]:
    cutoffs = {}
    for currency, clock in _mapping("--cutoff", pairs).items():
        try:
            cutoffs[currency.upper()] = time.fromisoformat(clock)
        except ValueError:
            raise CannotReconcile(f"--cutoff {currency}={clock}: give a time of day, as in INR=17:30") from None
    return cutoffs


def _zone(name: str | None) -> str | None:
    try:
        return name and ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        raise CannotReconcile(f"--timezone {name}: no such zone; give one as Asia/Kolkata") from None


def _holidays(path: str | list[str]) -> list[date]:
    """The days in a file, or those given."""
    days = []
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines() if isinstance(path, str) else path
    except (OSError, UnicodeDecodeError) as error:
        raise CannotReconcile(f"--holidays {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        try:
            days += [date.fromisoformat(text)] if text else []
        except ValueError:
            where = f"{path}:{number}" if isinstance(path, str) else "--holidays"
            raise CannotReconcile(f"{where}: {text!r} is not an ISO date such as 2026-01-26") from None
    return days


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CannotReconcile(f"{path}: cannot be written: {error.strerror or error}") from None
