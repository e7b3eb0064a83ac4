"""A connection's journal as a side of a reconciliation: a CSV file, written a page at a time, without account numbers."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_provider_paygate.exceptions import InvalidRequest, PaygateError
from airflow_provider_paygate.payouts.identity import major_units
from airflow_provider_paygate.payouts.lifecycle import State

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paytia import PaytiaHook
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts.journal import Journal

PREFIX = "journal:"
PAGE = 2000
COLUMNS = (
    "reference",
    "amount",
    "currency",
    "status",
    "transaction_id",
    "utr",
    "created_at",
    "settled_at",
    "sender_id",
)
WORDS = {
    State.SETTLED: "SUCCESS",
    State.FAILED: "FAILED",
    State.REFUNDED: "REFUNDED",
    State.UNKNOWN: "UNKNOWN",
    State.SENDING: "UNKNOWN",
}
"""What a reconciliation calls a state; an accepted payment goes by the gateway's own word."""

NOTHING_MOVED = (State.PLANNED, State.REFUSED)


def hook_of(conn_id: str) -> PaywizeHook | PaytiaHook:
    """The hook of a connection that has a journal. Raises InvalidRequest when there is none."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    side = f"{PREFIX}{conn_id}"
    if not conn_id:
        raise InvalidRequest(f"{side}: name the connection whose journal it is, as in journal:paywize_default")
    try:
        conn_type = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException:
        raise InvalidRequest(f"{side}: Airflow has no connection {conn_id!r}", operation="reconcile") from None
    except Exception as error:  # noqa: BLE001 - a silent secrets backend, broken JSON: each complains in words of its own
        raise PaygateError(
            f"{side}: the connection cannot be read ({type(error).__name__})", operation="reconcile"
        ) from None
    if conn_type == "paywize":
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizeHook(conn_id)
    if conn_type == "paytia":
        from airflow_provider_paygate.hooks.paytia import PaytiaHook

        return PaytiaHook(conn_id)
    raise InvalidRequest(
        f"{side}: {conn_id!r} is a {conn_type or 'nameless'} connection, and only paywize and paytia ones have a journal",
        operation="reconcile",
    )


def write_journal(hook: PaywizeHook | PaytiaHook, folder: str, since: date | None = None) -> str:
    """Write what may have moved to a CSV file in `folder`, and give back its path.

    :param since: leave out what was made before this day, as the gateway's country counts days.
    """
    path = os.path.join(folder, "journal-" + re.sub(r"[^\w.-]", "_", hook.conn_id) + ".csv")
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in _rows(hook.journal, since):
            writer.writerow(_cells(row))
    return path


def _rows(journal: Journal, since: date | None) -> Iterator[Mapping[str, Any]]:
    """Every row, a page and a transaction at a time: a long journal holds up nobody who writes to it.

    By reference, for which there is an index within the account; by id, SQLite would sort the account for every page.
    """
    from sqlalchemy import select

    from airflow_provider_paygate.database.schema import payouts

    c = payouts.c
    query = (
        select(
            c.reference,
            c.amount_minor,
            c.currency,
            c.state,
            c.status,
            c.transaction_id,
            c.utr,
            c.created_at,
            c.final_at,
            c.sender_id,
        )
        .where(c.account_id == journal.account.account_id)
        .where(c.state.not_in([state.value for state in NOTHING_MOVED]))
        .order_by(c.reference)
        .limit(PAGE)
    )
    if since is not None:
        begin = datetime.combine(since, time.min, ZoneInfo(journal.account.day_zone))
        query = query.where(c.created_at >= begin.timestamp())
    after = ""
    while True:
        with journal.database.read() as connection:
            page = connection.execute(query.where(c.reference > after)).mappings().all()
        yield from map(dict, page)
        if len(page) < PAGE:
            return
        after = page[-1]["reference"]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    state = State(row["state"])
    return (
        row["reference"],
        format(major_units(row["amount_minor"]), "f"),
        row["currency"],
        WORDS.get(state) or (row["status"] or "PENDING").upper(),
        row["transaction_id"] or "",
        row["utr"] or "",
        _moment(row["created_at"]),
        _moment(row["final_at"]) if state is State.SETTLED else "",
        row["sender_id"],
    )


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
