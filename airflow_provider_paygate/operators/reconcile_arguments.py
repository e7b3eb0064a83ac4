"""The arguments of `PaygateReconcileOperator` in the words of `paygate reconcile`, which knows what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.operators.context import truth

if TYPE_CHECKING:
    from airflow_provider_paygate.reconciliation import Settings

ACTIONS = ("fail", "warn", "skip")
FLAG = re.compile(
    r"(?<!\S)--(allow-empty|as-of|ledger-window|window|tolerance-percent|tolerance|holidays|cutoff|timezone|journal-since)\b"
)


def settings_of(arguments: Any) -> Settings:
    """How to compare, from the operator's attributes."""
    from types import SimpleNamespace

    from airflow_provider_paygate.cli import reconcile as command

    names = ("window", "ledger_window", "tolerance", "tolerance_percent", "as_of", "timezone")
    words: Any = SimpleNamespace(**{name: text(name, getattr(arguments, name)) for name in names})
    words.holidays = arguments.holidays or None
    if words.holidays is not None and not isinstance(words.holidays, str):
        words.holidays = [text("holidays", one) or "" for one in words.holidays]
    cutoffs = mapping("cutoffs", arguments.cutoffs)
    words.cutoff = [f"{currency}={text('cutoffs', at)}" for currency, at in cutoffs.items()]
    words.allow_empty = truth(arguments.allow_empty)
    return command.settings_of(words)


def actions_of(fail_on: Any) -> dict[str, str]:
    """Class → what a break of it does to the task; "" for what is not yet due, of which the log tells anyhow."""
    from airflow_provider_paygate.reconciliation.vocabulary import CLASSES

    actions = {name: "" if name == "timing" else "fail" for name in CLASSES}
    if fail_on is None:
        return actions
    if isinstance(fail_on, str) or not isinstance(fail_on, Mapping | Iterable) or not set(fail_on) <= set(CLASSES):
        raise InvalidRequest(f"fail_on must be a list or mapping of {', '.join(CLASSES)}", operation="check")
    if not isinstance(fail_on, Mapping):
        others = {name: "" if name == "timing" else "warn" for name in CLASSES}
        return others | dict.fromkeys(fail_on, "fail")
    if not set(fail_on.values()) <= set(ACTIONS):
        raise InvalidRequest(f"fail_on maps a class to one of {', '.join(ACTIONS)}", operation="check")
    return {**actions, **fail_on}


def mapping(name: str, value: Any) -> dict[str, str]:
    """A mapping that may be left out."""
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{name} must be a mapping and is a {type(value).__name__}", operation="check")
    return dict(value)


def text(name: str, value: Any) -> str | None:
    """An argument as it would be typed. A float is no decimal."""
    from datetime import date, time

    if value is None or value == "":
        return None
    if isinstance(value, bool | float):
        raise InvalidRequest(
            f"{name} is a {type(value).__name__}: give text, a whole number or a Decimal", operation="check"
        )
    return value.isoformat() if isinstance(value, date | time) else str(value).strip()


def by_argument(reason: str) -> str:
    """A reason that names a flag, naming the argument: what the command calls --as-of, the operator calls as_of."""
    return FLAG.sub(lambda found: found[1].replace("-", "_"), reason)
