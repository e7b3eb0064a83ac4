"""`paygate payouts`: for the person on call. Shows what stands in the journal, and settles what is in doubt."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.payouts import PaywizePayouts
    from airflow_provider_paygate.hooks.safe_face import SafeFace
    from airflow_provider_paygate.payouts.entry import Entry, Who


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    from airflow_provider_paygate.payouts.lifecycle import State

    parser.add_argument("--connection", default="paywize_default", help="whose journal (default: paywize_default)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="payments by state, the one that moved last first")
    listing.add_argument("--state", action="append", choices=[state.value for state in State], help="repeatable")
    listing.add_argument("--limit", type=int, default=50, help="at most so many (default: 50)")
    show = actions.add_parser("show", help="one payment with its whole history")
    show.add_argument("reference")
    resolve = actions.add_parser("resolve", help="ask the gateway about one payment, or take down what the bank told")
    resolve.add_argument("reference")
    resolve.add_argument("--as", dest="outcome", choices=["paid", "failed"], help="what only the bank could tell")
    resolve.add_argument("--why", help="how you know; it stays in the history")
    check = actions.add_parser("check", help="a dry run: every row's verdict, totals and balance; nothing is sent")
    check.add_argument("file")
    importing = actions.add_parser("import", help="take down payments that were made before paygate came")
    importing.add_argument("file")
    for reading in (check, importing):
        reading.add_argument("--columns", action="append", default=[], metavar="OURS=THEIRS", help="repeatable")


def run(args: argparse.Namespace) -> int:
    """Do it. 0: done and nothing to worry about; 1: done, with something to look at; 2: could not."""
    from airflow_provider_paygate.exceptions import PaygateError
    from airflow_provider_paygate.payouts.entry import Who

    who = Who(dag_id="command line", run_id=getpass.getuser(), task_id=f"payouts {args.action}")
    action = {"list": _list, "show": _show, "resolve": _resolve, "check": _check, "import": _import}[args.action]
    try:
        return action(_books(args, who), args)
    except PaygateError as error:
        print(f"paygate: {error}", file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 - a tired person wants one sentence; most often the connection is missing
        print(f"paygate: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


def _books(args: argparse.Namespace, who: Who) -> Any:
    """The safe face of the connection's gateway. Raises InvalidRequest for what Paytia's has not."""
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_paygate.exceptions import InvalidRequest

    if BaseHook.get_connection(args.connection).conn_type != "paytia":
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizePayouts(PaywizeHook(args.connection), who)
    if args.action in ("check", "import"):
        raise InvalidRequest(f"{args.action} reads payouts of Paywize; {args.connection} is a Paytia connection")
    from airflow_provider_paygate.hooks.charges import PaytiaCharges
    from airflow_provider_paygate.hooks.paytia import PaytiaHook

    return PaytiaCharges(PaytiaHook(args.connection), who)


def _list(payouts: SafeFace, args: argparse.Namespace) -> int:
    from airflow_provider_paygate.payouts.lifecycle import State

    states = [State(name) for name in args.state or [state.value for state in State]]
    entries = payouts.journal.entries(states, args.limit)
    if not entries:
        print("no such payments")
        return 0
    rows = [
        (
            entry.reference,
            f"{entry.amount:,.2f} {entry.currency}",
            entry.account_last_four,
            entry.state.value,
            entry.transaction_id or "",
            _when(entry.updated_at),
            f"{entry.dag_id or ''} {entry.run_id or ''}".strip(),
        )
        for entry in entries
    ]
    _table(("reference", "amount", "account", "state", "transaction", "moved", "paid by"), rows, right=(1,))
    return 0


def _show(payouts: SafeFace, args: argparse.Namespace) -> int:
    entry = payouts.found(args.reference)
    _facts(entry)
    print()
    rows = [
        (_when(line["at"]), line["event"], line["state"], line["by"] or "", _detail(line["detail"]))
        for line in payouts.journal.history(entry)
    ]
    _table(("when", "event", "state", "by", "detail"), rows)
    return 0


def _resolve(payouts: SafeFace, args: argparse.Namespace) -> int:
    from airflow_provider_paygate.exceptions import InvalidRequest
    from airflow_provider_paygate.payouts.lifecycle import State

    if args.outcome and not (args.why or "").strip():
        raise InvalidRequest("--as needs --why: how do you know? It stays in the history", operation="resolve")
    if args.outcome:
        entry = payouts.resolved_by_hand(args.reference, paid=args.outcome == "paid", why=args.why.strip())
    else:
        entry = payouts.resolved(args.reference)
    _facts(entry)
    if entry.state is State.UNKNOWN:
        print(
            "\nThe gateway does not know it. Run its task again, which looks once more and sends it only when that is proven"
        )
        print("safe; or ask the bank, and take down what it says with --as paid|failed --why '…'.")
        return 1
    return 0


def _check(payouts: PaywizePayouts, args: argparse.Namespace) -> int:
    from airflow_provider_paygate.exceptions import PaygateError
    from airflow_provider_paygate.payouts import batch
    from airflow_provider_paygate.payouts.rows import from_path
    from airflow_provider_paygate.payouts.summary import results_of
    from airflow_provider_paygate.payouts.verdicts import unresolved

    checks = batch.Checks(payouts.hook.settings.ceilings, "skip", payouts.balance)
    source = from_path(args.file, _columns(args.columns))
    with _scratch(payouts) as plan:
        worries: list[PaygateError] = []
        try:
            batch.check(plan, source, checks, _Quiet())
            batch.check_balance(plan, checks, _Quiet())
        except PaygateError as error:
            worries.append(error)
        rows: list[tuple[str, ...]] = []
        bad = paid = 0
        for row in results_of(payouts.journal.database, plan.batch):
            verdict = {"planned": "pay", "refused": "bad"}.get(row["state"], f"not sent: {row['state']} before")
            bad += verdict == "bad"
            paid += verdict.startswith("not sent")
            rows.append((str(row["line"]), row["reference"] or "", row["amount"] or "", verdict, row["message"] or ""))
        _table(("line", "reference", "amount", "verdict", "why"), rows, right=(0, 2))
        total = sum(unresolved(plan).values())
        print(f"\n{len(rows)} rows: {len(rows) - bad - paid} to pay ({total:,.2f} INR), {paid} paid before, {bad} bad")
    for worry in worries:
        print(f"it would stop: {worry}")
    return 1 if bad or worries else 0


def _import(payouts: PaywizePayouts, args: argparse.Namespace) -> int:
    from airflow_provider_paygate.payouts.importing import imported
    from airflow_provider_paygate.payouts.rows import from_path

    source = from_path(args.file, _columns(args.columns), importing=True)
    taken, known, problems = imported(payouts.journal, source(), payouts.who)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{taken} payments taken down, {known} known before, {len(problems)} bad rows")
    return 1 if problems else 0


@contextlib.contextmanager
def _scratch(payouts: PaywizePayouts) -> Iterator[Any]:
    """A plan that leaves nothing behind: a dry run uses the very code that a batch does."""
    from uuid import uuid4

    from airflow_provider_paygate.payouts.plan import Plan

    wallet = payouts.hook.settings.merchant.wallet_id
    plan = Plan(payouts.journal, f"check {uuid4().hex}", wallet, payouts.who)
    try:
        yield plan
    finally:
        plan.forget()


class _Quiet:
    """A batch's log, for a command that prints its own table."""

    def info(self, message: str, *args: object) -> None: ...

    def warning(self, message: str, *args: object) -> None: ...


def _columns(given: list[str]) -> dict[str, str]:
    from airflow_provider_paygate.exceptions import InvalidRequest

    pairs = [pair.partition("=") for pair in given]
    if any(not ours or not theirs for ours, _, theirs in pairs):
        raise InvalidRequest("--columns takes OURS=THEIRS, for example amount=Betrag", operation="check")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _facts(entry: Entry) -> None:
    print(f"{entry.reference}: {entry.amount:,.2f} {entry.currency} to {entry.account_last_four} at {entry.ifsc}")
    print(f"  state        {entry.state.value}{f' ({entry.status})' if entry.status else ''}")
    for name, value in (
        ("message", entry.message),
        ("transaction", entry.transaction_id),
        ("UTR", entry.utr),
        ("gateway id", entry.sender_id),
        ("mode, wallet", f"{entry.mode}, {entry.wallet_id}"),
        ("replaces", entry.replaces),
        ("replaced by", entry.replaced_by),
        ("planned by", f"{entry.dag_id} {entry.run_id} {entry.task_id}" if entry.dag_id else None),
        ("sent", f"{entry.tries} times" if entry.tries != 1 else "once"),
    ):
        if value:
            print(f"  {name:<12} {value}")


def _detail(detail: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in detail.items())


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: tuple[int, ...] = ()) -> None:
    widths = [max(len(row[n]) for row in [headings, *rows]) for n in range(len(headings))]
    for row in [headings, *rows]:
        cells = [
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
