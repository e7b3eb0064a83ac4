"""Payments made before paygate came: taken down, so that nothing pays them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest, ReferenceConflict
from airflow_provider_paygate.gateways.facts import Payment
from airflow_provider_paygate.gateways.paywize.payout import MODE_LIMITS, checked_amount
from airflow_provider_paygate.payouts.entry import Who
from airflow_provider_paygate.payouts.journal import Journal
from airflow_provider_paygate.payouts.lifecycle import State
from airflow_provider_paygate.payouts.payout import FIELDS, Payout
from airflow_provider_paygate.payouts.rows import Row
from airflow_provider_paygate.payouts.verdicts import Problem

# Besides a payout's own fields, what the old books may know of how it ended; without a status it was paid.
ALSO = ("status", "transaction_id", "utr")


def imported(journal: Journal, rows: Iterable[Row], who: Who) -> tuple[int, int, list[Problem]]:
    """Take rows down as payments that have ended: how many were new, how many known, and the bad ones."""
    taken = known = 0
    problems: list[Problem] = []
    for row in rows:
        reference = str(row.values.get("reference") or "") or None
        try:
            if row.problem:
                raise InvalidRequest(row.problem)
            entry = journal.intend(_payout(row.values), str(row.values.get("wallet_id") or ""), who)
            if entry.state is not State.PLANNED or entry.tries:
                known += 1
                continue
            status = str(row.values.get("status") or "SUCCESS").strip().upper()
            payment = Payment(
                status=status,
                transaction_id=_text(row.values.get("transaction_id")),
                utr=_text(row.values.get("utr")),
                message="imported",
            )
            if not payment.is_final:
                raise InvalidRequest(f"status {status[:20]} is not final; only payments that have ended are imported")
            journal.observed(entry, payment, who)
            taken += 1
        except (InvalidRequest, ReferenceConflict) as error:
            text = str(error).removeprefix(f"{reference}: ")
            problems.append(Problem(row.line, reference, text))
    return taken, known, problems


def _payout(values: Any) -> Payout:
    """The payout in an old row. Books often do not say the mode or the name: neither is compared."""
    given = {field: values[field] for field in FIELDS if field in values}
    missing = [
        field for field in ("reference", "amount", "beneficiary_account", "beneficiary_ifsc") if field not in given
    ]
    if missing:
        raise InvalidRequest(f"{', '.join(missing)} missing")
    given.setdefault("beneficiary_name", "imported")
    if "mode" not in given:
        try:
            amount = checked_amount(given["amount"])
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
        given["mode"] = next((mode for mode, (least, most) in MODE_LIMITS.items() if least <= amount <= most), "RTGS")
    return Payout(**given)


def _text(value: Any) -> str | None:
    text = str(value or "").strip()
    return text[:64] or None
