"""What an operator takes from its task's context, and gives to the log masker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_paygate.exceptions import PaygateError
    from airflow_provider_paygate.payouts.entry import Who

CLOCK_SLACK_SECONDS = 300


def who_of(context: Mapping[str, Any]) -> Who:
    """Which task this is. A context without a task (a unit test, a script) gives an empty answer: nothing is lost."""
    from airflow_provider_paygate.payouts.entry import Who

    ti = context.get("ti") or context.get("task_instance")
    if ti is None:
        return Who()
    return Who(
        dag_id=_text(ti, "dag_id"),
        run_id=_text(ti, "run_id"),
        task_id=_text(ti, "task_id"),
        map_index=getattr(ti, "map_index", None),
        try_number=int(getattr(ti, "try_number", 1) or 1),
        earliest=_earliest(context.get("dag_run")),
    )


def _text(ti: Any, name: str) -> str | None:
    value = getattr(ti, name, None)
    return None if value is None else str(value)


def _earliest(dag_run: Any) -> float | None:
    """Before this the run cannot have begun. Not its start date, which a clear sets anew."""
    moments = (
        getattr(dag_run, name, None) for name in ("run_after", "data_interval_end", "logical_date", "execution_date")
    )
    moment = next((moment for moment in moments if isinstance(moment, datetime)), None)
    return None if moment is None else moment.timestamp() - CLOCK_SLACK_SECONDS


def mask_accounts(values: Iterable[object]) -> None:
    """Tell the log masker account numbers, before rendered fields are shown. Templates are not numbers yet."""
    from airflow.providers.common.compat.sdk import mask_secret

    for value in values:
        if isinstance(value, str) and value.strip() and "{{" not in value:
            mask_secret(value.strip())


def seconds(value: Any, field: str, default: float) -> float:
    """A duration that may have come out of a template. Raises InvalidRequest that names `field`."""
    from decimal import Decimal, InvalidOperation

    from airflow_provider_paygate.exceptions import InvalidRequest

    if value is None or value == "":
        return default
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or number < 0:
        raise InvalidRequest(f"{field} must be a number of seconds, zero or more", operation="check")
    return number.__float__()


def truth(value: Any) -> bool:
    """A flag that may have come out of a template as text."""
    return value.strip().lower() in {"true", "1", "yes", "on"} if isinstance(value, str) else bool(value)


FACTS = ("gateway", "operation", "code", "http_status")


def described(error: PaygateError) -> dict[str, Any]:
    """An exception as a trigger's event carries it; :func:`checked_event` raises it again."""
    from airflow_provider_paygate import exceptions

    # A kind that only the inside of this package knows goes by the name of the public one it is.
    public = next(kind.__name__ for kind in type(error).__mro__ if hasattr(exceptions, kind.__name__))
    return {"error": public, "message": str(error), **{name: getattr(error, name) for name in FACTS}}


def checked_event(event: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A trigger's event, when it says that waiting ended; otherwise raises what made it end."""
    from airflow_provider_paygate import exceptions

    if not event or event.get("status") not in {"done", "timeout", "error"}:
        raise exceptions.StillPending(
            "The trigger ended without saying why. A retry goes on waiting and sends nothing."
        )
    if event["status"] == "error":
        kind = getattr(exceptions, str(event.get("error")), exceptions.PaygateError)
        raise kind(str(event.get("message")), **{name: event.get(name) for name in FACTS})
    return event
