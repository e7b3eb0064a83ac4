"""The envelope around every Paywize answer, whichever of its spellings is used (specs/paywize.md §1.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.gateways.facts import json_number
from airflow_provider_paygate.gateways.paywize.cipher import Cipher
from airflow_provider_paygate.gateways.wire import Fault, Kind, Reply


@dataclass(frozen=True)
class Envelope:
    """Code and message in plain, `data` as it came (an encrypted string, or a plain object for balances).

    `code` is None when the answer is JSON but has no Paywize code, as request validation in front of it answers.
    """

    http_status: int
    code: str | None
    message: str
    data: Any = field(default=None, repr=False)
    life: int | None = None

    @property
    def succeeded(self) -> bool:
        """Code 2000 and HTTP 2xx: either alone is not a success."""
        return self.code == "2000" and 200 <= self.http_status < 300


def opened(reply: Reply) -> Envelope:
    """The envelope of `reply`, whatever its HTTP status. Raises Fault(BAD_REPLY) when it is not a JSON object."""
    try:
        body = json.loads(reply.body.decode(), parse_float=json_number)
    except (ValueError, RecursionError) as error:
        what = "an empty body" if not reply.body.strip() else "a body that is not JSON"
        raise Fault(
            Kind.BAD_REPLY, f"Paywize answered HTTP {reply.status} with {what}", http_status=reply.status
        ) from error
    if not isinstance(body, dict):
        raise Fault(
            Kind.BAD_REPLY,
            f"Paywize answered HTTP {reply.status} with JSON that is no object",
            http_status=reply.status,
        )
    code = next((body[name] for name in ("resp_code", "respCode") if body.get(name) is not None), None)
    message = body.get("resp_message") or body.get("respMessage") or body.get("message") or ""
    life = str(body.get("expiresIn"))
    return Envelope(
        http_status=reply.status,
        code=None if code is None else str(code).strip(),
        message="; ".join(map(str, message)) if isinstance(message, list) else str(message),
        data=body.get("data"),
        life=int(life) if life.isascii() and life.isdigit() and int(life) > 0 else None,
    )


def decrypted(cipher: Cipher, envelope: Envelope) -> dict[str, Any]:
    """The JSON object inside an encrypted `data`. Raises Fault(BAD_REPLY) when it does not open or is something else."""
    try:
        return json_object(cipher, envelope.data)
    except ValueError as error:
        raise Fault(
            Kind.BAD_REPLY,
            f"Paywize answered {envelope.code} with data that cannot be read ({error}); is `encryption` set as for this merchant?",
            code=envelope.code,
            http_status=envelope.http_status,
        ) from None


def json_object(cipher: Cipher, wire: object) -> dict[str, Any]:
    """Decrypt `wire` to a JSON object, strictly; ValueError otherwise. One further ``{"data": {…}}`` is unwrapped (§4.2)."""
    if not isinstance(wire, str):
        raise ValueError("there is no encrypted string")
    try:
        value = json.loads(cipher.decrypt(wire.strip()).decode(), parse_float=json_number)
    except (ValueError, RecursionError) as error:
        # JSON and UTF-8 errors quote what they failed on, which may be part of a secret.
        raise ValueError("it does not decrypt to UTF-8 JSON") from error
    if isinstance(value, dict) and set(value) == {"data"} and isinstance(value["data"], dict):
        value = value["data"]
    if not isinstance(value, dict):
        raise ValueError("it decrypts to something other than a JSON object")
    return value
