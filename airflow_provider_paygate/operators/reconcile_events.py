"""What Airflow is told of a reconciliation besides its result: where the report is, and which days were settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_paygate.reconciliation import Settings
    from airflow_provider_paygate.reconciliation.executors import Executor


def with_alias(outlets: Any, alias: str) -> list[Any]:
    """The outlets of a task, and the alias its events go to."""
    from airflow.providers.common.compat.sdk import AssetAlias

    known = [] if outlets is None else list(outlets) if isinstance(outlets, list | tuple) else [outlets]
    return [*known, AssetAlias(alias)]


def emit(context: Any, alias: str, days: Sequence[date]) -> None:
    """One asset event for each day, where there is a task to have them."""
    events = context.get("outlet_events")
    if events is None or not days:
        return
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    settlements = Asset(name=alias, uri=f"x-paygate://settlements/{alias}")
    for settled in days:
        events[AssetAlias(alias)].add(settlements, extra={"settlement_day": settled.isoformat()})


def settlement_days(where: Executor, settings: Settings) -> list[date]:
    """The local days on which the gateway settled something."""
    from datetime import timedelta

    from airflow_provider_paygate.reconciliation.calendars import local_time

    # No zone lies other than by quarters of an hour from UTC: few rows travel, and each lies in one local day.
    minute = "EXTRACT(minute FROM settled_at)"
    quarter = f"CASE WHEN {minute} < 15 THEN 0 WHEN {minute} < 30 THEN 15 WHEN {minute} < 45 THEN 30 ELSE 45 END"
    seen = where.rows(
        f"SELECT DISTINCT UPPER(TRIM(currency)) AS currency, settled_local, DATE_TRUNC('hour', settled_at) AS hour, "
        f"{quarter} AS quarter FROM recon_gateway WHERE settled_at IS NOT NULL"
    )
    return sorted(
        {
            local_time(hour + timedelta(minutes=int(minutes)), is_local, settings.calendars.of(currency)).date()
            for currency, is_local, hour, minutes in seen
        }
    )


def url_of(path: str) -> str:
    """Where a browser finds a file."""
    from pathlib import Path

    return path if "://" in path else Path(path).absolute().as_uri()
