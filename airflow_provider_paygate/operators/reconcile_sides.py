"""Sides of a reconciliation that are files, here or elsewhere, or journals; and bringing files to their place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.operators.context import who_of
from airflow_provider_paygate.reconciliation.errors import CannotReconcile
from airflow_provider_paygate.reconciliation.sides import FileSide

if TYPE_CHECKING:
    from datetime import date


def side_of(role: str, side: Any, columns: Mapping[str, str], date_format: str | None, folder: str) -> FileSide:
    """A file: one that lies elsewhere is copied to `folder`; the output of a report task names its path."""
    path = side.get("path") if isinstance(side, Mapping) else os.fspath(side) if hasattr(side, "__fspath__") else side
    if "://" in str(path):
        path = str(path)
        copy = os.path.join(folder, role)
        os.mkdir(copy)
        copy = os.path.join(copy, path.rstrip("/").rsplit("/", 1)[-1].partition("?")[0])
        with _opened(path, "rb") as source, open(copy, "wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
        return FileSide(copy, columns, date_format)
    if not isinstance(path, str) or not path.strip():
        raise CannotReconcile(
            f'{role}: give a path, journal:<connection id>, or {{"sql": "SELECT …", "conn_id": "<connection id>"}}'
        )
    return FileSide(path, columns, date_format)


def journal_side(
    side: str, columns: Mapping[str, str], folder: str, since: date | None, *, refresh: bool, context: Any
) -> FileSide:
    """What the journal that `journal:<connection id>` names knows, written to `folder`.

    With `refresh` every open payment of a Paywize connection is looked at once before.
    """
    from airflow_provider_paygate.hooks.journal_side import PREFIX, hook_of, write_journal
    from airflow_provider_paygate.hooks.paywize import PaywizeHook

    hook = hook_of(side.removeprefix(PREFIX).strip())
    if refresh and isinstance(hook, PaywizeHook):
        _refresh(hook, context)
    return FileSide(write_journal(hook, folder, since), columns)


def put(draft: str, path: str) -> None:
    """Bring a finished file to its place, local or wherever ObjectStoragePath reaches."""
    if "://" in path:
        with open(draft, "rb") as source, _opened(path, "wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
        return
    beside = os.path.join(os.path.dirname(os.path.abspath(path)), f".{os.path.basename(path)}.{os.getpid()}")
    try:
        shutil.copyfile(draft, beside)
        os.replace(beside, path)
    except OSError as error:
        raise CannotReconcile(f"{path}: cannot be written: {error.strerror or error}") from None


def _refresh(hook: Any, context: Any) -> None:
    """Ask about every open payment: Paywize has no report, so its journal must know what the gateway does."""
    import asyncio

    from airflow_provider_paygate.hooks.payouts import PaywizePayouts
    from airflow_provider_paygate.payouts.following import unfinished

    payouts = PaywizePayouts(hook, who_of(context))
    selection = unfinished(payouts.journal.account.account_id)
    before = selection.count(payouts.journal.database)
    if before:
        asyncio.run(payouts.look_once(selection))
        after = selection.count(payouts.journal.database)
        hook.log.info("%d open payments of %s looked at, %d stay open", before, hook.conn_id, after)


def _opened(path: str, mode: str) -> Any:
    from airflow_provider_paygate.payouts.rows import opened

    try:
        return opened(path, mode)
    except (ImportError, ValueError) as error:  # a scheme that nothing is installed for
        raise CannotReconcile(f"{path}: cannot be opened: {error}") from None
