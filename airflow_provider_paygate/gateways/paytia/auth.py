"""The two token calls: three encodings, one answer (specs/paytia.md §4.2, §4.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from airflow_provider_paygate.gateways.paytia.envelope import Answer
from airflow_provider_paygate.gateways.paytia.paths import Names, plain
from airflow_provider_paygate.gateways.wire import Fault, Kind, Request

ENCODINGS = ("form", "json", "multipart")
LIFE = 3600
# `expire_time` names no zone and the vendor is British (§4.4).
ZONES = ("UTC", "Europe/London")
_CLOCK_SLACK = 5


@dataclass(frozen=True)
class Issued:
    """A fresh pair, and the seconds that the access token lives from when it was asked for; None when not told."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    life: float | None


def token_request(url: str, encoding: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    """One of the token calls. A ``+`` in a base64 token is escaped in a form, or it would arrive as a space."""
    if encoding == "multipart":
        return Request("POST", url, headers, multipart=dict(fields))
    if encoding == "json":
        return Request(
            "POST", url, {**headers, "Content-Type": "application/json"}, body=json.dumps(dict(fields)).encode()
        )
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", url, form, body=urlencode(dict(fields)).encode())


def issued_of(operation: str, answer: Answer, names: Names, date: str | None, received: float) -> Issued:
    """The pair in a success. Raises Fault(UNKNOWN) when there is none: the gateway may have rotated all the same.

    :param date: the answer's own ``Date`` header.
    :param received: this machine's clock when it came.
    """
    fields = _fields(answer.content)
    access = _token(fields, names.spellings("access_token", "accesstoken"))
    if access is None:
        raise Fault(
            Kind.UNKNOWN,
            f"Paytia {operation}: the answer holds no access token (is `field_names` right for this account?)",
            operation=operation,
            http_status=answer.http_status,
        )
    refresh = _token(fields, names.spellings("refresh_token", "refreshtoken"))
    told = next(
        (fields[name] for name in names.spellings("expire_time", "expires_at", "expiry") if fields.get(name)), None
    )
    return Issued(access, refresh, life_of(told, date, received))


def life_of(expire_time: object, date: str | None, received: float) -> float | None:
    """How long a token lives that ends at `expire_time` (``2024-03-15 14:05:57``, no zone), at most an hour; None if unclear.

    Both it and the gateway's own `date` are cut to whole seconds at the same moment, so their difference is exact and
    no machine's clock matters. Where the clocks agree, ours serves: a server may stamp an answer with a stale date.
    """
    match = re.match(r"\s*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", str(expire_time or ""))
    if not match:
        return None
    try:
        told = datetime.strptime(f"{match[1]} {match[2]} +0000", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    moments = [told.replace(tzinfo=ZoneInfo(zone)).timestamp() for zone in ZONES]
    theirs = _date(date)
    now = float(int(received))
    if theirs is not None and abs(theirs - now) > 2:
        now = theirs
    lives = [moment - now for moment in dict.fromkeys(moments)]
    return next((min(life, LIFE) for life in lives if 0 < life <= LIFE + _CLOCK_SLACK), None)


def _date(header: str | None) -> float | None:
    try:
        return datetime.strptime(header or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's fields by plain name; those of a nested ``data`` object too."""
    nested = content.get("data")
    both = {**(nested if isinstance(nested, Mapping) else {}), **content}
    return {plain(name): value for name, value in both.items()}


def _token(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    value = next((fields[name] for name in names if fields.get(name)), None)
    # It goes into a header: whatever else it is, it must be one printable word. Its shape is not documented (§4.1).
    return value if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]+", value) else None
