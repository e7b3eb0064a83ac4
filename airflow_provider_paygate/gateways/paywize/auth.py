"""The token call: three ways to send the keys, two ways the token comes back (specs/paywize.md §2)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.gateways.paywize.cipher import Cipher
from airflow_provider_paygate.gateways.paywize.envelope import Envelope
from airflow_provider_paygate.gateways.wire import Fault, Kind

STYLES = ("encrypted", "plain-camel", "plain-snake")
LIFE = 300
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Minted:
    """A fresh token and the seconds it lives, counted from when it was asked for."""

    value: str = field(repr=False)
    life: int


def style_of(auth_style: str, encryption: str) -> str:
    """``auto`` means what each version's page shows: encrypted on V1, plain camel case on V2."""
    if auth_style != "auto":
        return auth_style
    return "encrypted" if encryption == "v1" else "plain-camel"


def token_body(style: str, cipher: Cipher, api_key: str, secret_key: str) -> bytes:
    """The body of the token call in one of :data:`STYLES`. The plain styles trust TLS alone with the keys."""
    if style == "plain-snake":
        return json.dumps({"api_key": api_key, "secret_key": secret_key}).encode()
    keys = {"apiKey": api_key, "secretKey": secret_key}
    if style == "plain-camel":
        return json.dumps(keys).encode()
    return json.dumps({"payload": cipher.encrypt(json.dumps(keys).encode())}).encode()


def token_of(cipher: Cipher, envelope: Envelope) -> Minted:
    """The token in a successful answer: encrypted JSON, an encrypted raw JWT, a plain object or a plain JWT (§2.1).

    Raises Fault(AUTHENTICATION) when there is none to be read: the keys were accepted, so `encryption` is what differs.
    """
    token = _token_in(_plain(cipher, envelope.data))
    if not token:
        raise Fault(
            Kind.AUTHENTICATION,
            "Paywize accepted the keys, but its token cannot be read: check `encryption` (v1 or v2) in the connection",
            operation="auth",
            code=envelope.code,
            http_status=envelope.http_status,
        )
    return Minted(token, envelope.life or LIFE)


def _plain(cipher: Cipher, data: Any) -> Any:
    if not isinstance(data, str):
        return data
    data = data.strip()
    if _JWT.fullmatch(data):
        return data
    try:
        text = cipher.decrypt(data).decode().strip()
    except ValueError:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _token_in(value: Any) -> str | None:
    if isinstance(value, dict):
        named = (value.get(name) for name in ("token", "access_token", "accessToken", "jwt"))
        value = next((token for token in named if token), None)
    if not isinstance(value, str) or not value.strip():
        return None
    token = value.strip()
    # It goes into a header: whatever else it is, it must be one printable word.
    return token if re.fullmatch(r"[\x21-\x7e]+", token) else None
