"""The token call and what tokens it has given out (specs/paywize.md §2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts

from .answers import Answer, Refusal, framework
from .cipher import V1, V2, Undecryptable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_paygate.sandbox.exchange import Exchange

    from .merchants import Merchant

_SPELLINGS = {"plain-camel": ("apiKey", "secretKey"), "plain-snake": ("api_key", "secret_key")}
_HEADER = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"


@dataclass(slots=True, frozen=True)
class Session:
    merchant: Merchant
    expires_at: float


@dataclass(slots=True, frozen=True)
class Applicant:
    """Who asks for a token: the merchant whose API key came, how it travelled, and whether the secret fits."""

    merchant: Merchant | None
    style: str
    proven: bool
    sent: tuple[str, ...]


def applicant(body: Any, merchants: Iterable[Merchant]) -> Applicant:
    """Nothing in an encrypted token request names the merchant (§2.1), so each one's keys are tried."""
    if not isinstance(body, dict):
        return Applicant(None, "none", False, ())
    sent = tuple(map(str, body))
    payload = body.get("payload")
    if isinstance(payload, str):
        for merchant in merchants:
            if (keys := _decrypted(merchant, payload)) is not None:
                # An object encrypted with our keys proves both: V1 needs the secret as IV, V2 as key.
                proven = keys.get("apiKey") == merchant.api_key and keys.get("secretKey") == merchant.secret_key
                return Applicant(merchant, "encrypted", proven, sent)
        return Applicant(None, "encrypted", False, sent)
    for style, (api_key, secret_key) in _SPELLINGS.items():
        if api_key in body:
            for merchant in merchants:
                if merchant.api_key == body[api_key]:
                    return Applicant(merchant, style, body.get(secret_key) == merchant.secret_key, sent)
            return Applicant(None, style, False, sent)
    return Applicant(None, "none", False, sent)


def _decrypted(merchant: Merchant, payload: str) -> dict[str, Any] | None:
    ciphers: list[V1 | V2] = [merchant.cipher]
    if isinstance(merchant.cipher, V2) and len(merchant.secret_key.encode()) == 16:
        ciphers.append(V1(merchant.api_key, merchant.secret_key))  # recognised, so that its style can be refused
    for cipher in ciphers:
        try:
            keys = amounts.read_json(cipher.decrypt(payload))
        except (Undecryptable, ValueError):
            continue
        if isinstance(keys, dict):
            return keys
    return None


class Tokens:
    """Tokens by their text. A dead one is remembered for a while, so that its merchant's own signal can be given."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self.issued = 0

    def issue(self, merchant: Merchant, now: float) -> str:
        self.issued += 1
        if self.issued % 1000 == 0:
            self._sessions = {text: one for text, one in self._sessions.items() if one.expires_at > now - 3600}
        claims = {"sub": merchant.name, "iat": int(now), "exp": int(now) + merchant.token_life, "jti": self.issued}
        text = _jwt(claims, merchant.secret_key)
        self.adopt(text, Session(merchant, now + merchant.token_life))
        return text

    def adopt(self, text: str, session: Session) -> None:
        self._sessions[text] = session

    def session(self, exchange: Exchange) -> Session | None:
        scheme, _, text = (exchange.header(b"authorization") or "").partition(" ")
        return self._sessions.get(text.strip()) if scheme.lower() == "bearer" else None

    def revoke(self, session: Session) -> None:
        self._sessions = {text: one for text, one in self._sessions.items() if one is not session}

    def clear(self) -> None:
        self._sessions.clear()


def refuse_style(asking: Applicant, merchant: Merchant) -> Answer | None:
    """The live service answers a token request in another style with its framework's HTTP 400 (§2.1)."""
    if asking.style in merchant.auth_styles:
        return None
    wanted = _SPELLINGS.get(merchant.auth_styles[0], ("payload",))
    complaints = [f"property {name} should not exist" for name in asking.sent if name not in wanted]
    complaints += [f"{name} should not be empty" for name in wanted if name not in asking.sent]
    return framework(400, complaints, "Bad Request", merchant)


def granted(merchant: Merchant, token: str) -> Answer:
    text = token if merchant.token_text == "raw" else json.dumps({"token": token})
    more = {"expiresIn": merchant.token_life, "tokenType": "Bearer"}
    return Answer("token", merchant, 2000, "Token generated successfully", text, more=more)


UNKNOWN_KEYS = Refusal(4001, "Unauthorized access")


def _jwt(claims: dict[str, Any], key: str) -> str:
    signed = _HEADER + b"." + _base64url(json.dumps(claims, separators=(",", ":")).encode())
    return (signed + b"." + _base64url(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode()


def _base64url(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
