"""An answer of Paytia, whichever of its forms it takes: the envelope, other JSON, plain text or HTML (specs/paytia.md §3)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.gateways.facts import json_number
from airflow_provider_paygate.gateways.paytia.cards import scrubbed
from airflow_provider_paygate.gateways.paytia.paths import plain
from airflow_provider_paygate.gateways.wire import Reply

# Every answer carries one for support; where is on a part of the page that nobody here can read (§3).
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id")
DUPLICATE = 208


@dataclass(frozen=True)
class Answer:
    """One answer.

    :ivar http_status: of the transport.
    :ivar code: what counts: `statusCode` of the envelope where it has one, else the HTTP status.
    :ivar data: the JSON in it, card data scrubbed; None when it is no JSON.
    :ivar message: the gateway's words.
    :ivar flag: `httpStatus` of the envelope; None without one.
    :ivar request_id: for Paytia's support.
    :ivar form: ``json``, ``text``, ``html`` or ``nothing``.
    """

    http_status: int
    code: int
    data: Any = field(repr=False)
    message: str = field(repr=False)
    flag: bool | None
    request_id: str | None
    form: str

    @property
    def duplicate(self) -> bool:
        """HTTP 208, a 2xx that is no success: the reference was used before."""
        return DUPLICATE in (self.http_status, self.code)

    @property
    def succeeded(self) -> bool:
        """JSON under a 2xx in which nothing says otherwise: `httpStatus` false under HTTP 200 is an error."""
        fine = 200 <= self.http_status < 300 and 200 <= self.code < 300
        return self.form == "json" and fine and self.flag is not False and not self.duplicate

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object; an empty one for anything else."""
        return self.data if isinstance(self.data, dict) else {}


def answer_of(reply: Reply) -> Answer:
    """What `reply` says. Never fails: an unreadable body is told in `form`."""
    text = reply.body.decode("utf-8", "replace").strip()
    data, form = _read(text)
    content = data if isinstance(data, dict) else {}
    status = _first(content, "status")
    inner = status if isinstance(status, dict) else {}
    given = _whole(_first(inner, "statuscode", "code")) or _whole(_first(content, "statuscode"))
    return Answer(
        http_status=reply.status,
        code=reply.status if given is None or not 100 <= given < 600 else given,
        data=scrubbed(data),
        message=_message(content, inner, text, form),
        flag=_flag(_first(content, "httpstatus")),
        request_id=_request_id(reply, content),
        form=form,
    )


def _read(text: str) -> tuple[Any, str]:
    if not text:
        return None, "nothing"
    try:
        return json.loads(text, parse_float=json_number), "json"
    except (ValueError, RecursionError):
        return None, "html" if re.match(r"\s*<(!doctype|html|head|body|\?xml)", text, re.I) else "text"


def _message(content: dict[str, Any], inner: dict[str, Any], text: str, form: str) -> str:
    """A person's sentence: from the envelope, else the plain text itself (§3: both are documented)."""
    said = _first(inner, "statusdescription", "message", "description") or _first(
        content, "statusdescription", "message", "error", "errormessage", "description", "errors", "detail"
    )
    if isinstance(said, dict | list):
        said = json.dumps(said, default=str)
    if said is None and form == "text":
        said = text
    words = " ".join(str(said or "").split())
    # Long numbers may be accounts; what looks like a card is one.
    return re.sub(r"\d{9,}", "…", str(scrubbed(words)))[:200]


def _request_id(reply: Reply, content: dict[str, Any]) -> str | None:
    found = next((reply.headers[name] for name in REQUEST_ID_HEADERS if reply.headers.get(name)), None)
    found = found or _first(content, "requestid")
    return None if found is None else re.sub(r"[^\x21-\x7e]", "", str(found))[:80] or None


def _first(content: dict[str, Any], *names: str) -> Any:
    for key, value in content.items():
        if plain(key) in names and value not in (None, ""):
            return value
    return None


def _whole(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool) or value is None:
        return value
    word = str(value).strip().lower()
    if word in {"false", "0", "no", "fail", "failed", "error"}:
        return False
    code = _whole(value)
    return code is None or code < 400
