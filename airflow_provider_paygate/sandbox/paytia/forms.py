"""Request bodies as a PHP service reads them: multipart, urlencoded, JSON, whatever the content type says of itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.exchange import Exchange

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(r'[; ]name="([^"]*)"')


def read(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    """How the body was encoded (`multipart`, `json`, `form`, or `broken`), and its fields."""
    kind = exchange.header(b"content-type") or ""
    if kind.lower().startswith("multipart/form-data"):
        return "multipart", _multipart(kind, exchange.body)
    # `curl --data-raw '{…}'` sends JSON as urlencoded, and a client may send no type at all (§2 row 1).
    if exchange.body.lstrip()[:1] == b"{":
        try:
            fields = json.loads(exchange.body)
        except ValueError:
            return "broken", {}
        return "json", fields
    try:
        text = exchange.body.decode()
    except UnicodeDecodeError:
        return "broken", {}
    return "form", dict(parse_qsl(text, keep_blank_values=True))


def _multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """Of repeated fields the last one stands. A part with a file name is a file, not a field, and is left out."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return {}
    fields: dict[str, Any] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:-1]:
        head, blank, value = part.partition(b"\r\n\r\n")
        disposition = head.decode("utf-8", "replace")
        name = _NAME.search(disposition)
        if blank and name is not None and "filename=" not in disposition:
            fields[name[1].replace("%22", '"')] = value.decode("utf-8", "replace")
    return fields
