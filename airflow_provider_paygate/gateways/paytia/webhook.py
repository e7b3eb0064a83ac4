"""Everything Paytia posts, read to one event (specs/paytia.md §7). A webhook is a reason to look up, never a proof.

Payment results come as JSON, telephone-flow stages and agent transfers as a urlencoded form, call records as either,
and Multiple JSON as one field per line.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from airflow_provider_paygate.gateways.facts import WebhookEvent, json_number
from airflow_provider_paygate.gateways.paytia.cards import scrubbed
from airflow_provider_paygate.gateways.paytia.paths import Names, plain
from airflow_provider_paygate.gateways.paytia.payment import CURRENCY, FAILED, SUCCEEDED, facts_of

# §7.1 names no header ("rolling out"); the connection's `webhook_signature_header` says which one it is.
SIGNATURE_HEADER = "x-paytia-signature"
LARGEST = 1024 * 1024
_HANG_UPS = {"callhangup", "custabort", "agentabort"}
_CDR = {"instate", "intimes", "intimee", "outstate", "outtimes", "outtimea", "statevalue", "hangfirstdir", "originator"}


@dataclass(frozen=True, kw_only=True)
class PaytiaEvent(WebhookEvent):
    """One post of Paytia.

    :ivar kind: ``payment``, ``stage`` (of a telephone flow), ``call`` (its record), ``transfer`` or ``unknown``.
    :ivar event: the same in detail: ``payment.completed``, ``stage.card_number``, ``stage.hangup``, ``call.talking``.
    :ivar fields: what was posted, card data and secrets redacted.
    """

    currency: str = CURRENCY
    kind: str = "unknown"
    agent_id: str | None = None
    cdr_id: str | None = None

    @property
    def succeeded(self) -> bool:
        """The money has been taken, if the post tells the truth."""
        return self.status in SUCCEEDED

    @property
    def is_final(self) -> bool:
        """Nothing more will happen that a pipeline should wait for."""
        return self.succeeded or self.status in FAILED

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.raw


def event_of(
    body: bytes, headers: Mapping[str, str], *, names: Names, secret: str | None, policy: str, header: str
) -> PaytiaEvent:
    """The event in `body`. Raises ValueError saying why it cannot be trusted or read.

    :param body: the raw bytes as received; the signature is over exactly these.
    :param headers: in any case of letters.
    :param policy: ``required``, ``if_present`` or ``off``.
    """
    if len(body) > LARGEST:
        raise ValueError("the body is larger than a webhook can be")
    if policy != "off":
        lower = {name.lower(): value for name, value in headers.items()}
        _verify(body, lower.get(header.lower()), header, secret, required=policy == "required")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8 text") from None
    return _event(scrubbed(_fields(text.strip())), names)


def _verify(body: bytes, signature: str | None, header: str, secret: str | None, *, required: bool) -> None:
    if signature is None:
        if required:
            raise ValueError(f"it carries no {header}, and the connection requires one")
        return
    if not secret:
        raise ValueError("it is signed, and the connection has no webhook_secret to check that with")
    given = signature.strip().removeprefix("sha256=").lower()
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), given.encode("utf-8", "replace")):
        raise ValueError("its signature does not fit its bytes")


def _fields(text: str) -> dict[str, Any]:
    """The fields, in whichever of the formats of §7.5 they come."""
    if not text:
        raise ValueError("the body is empty")
    fields = _from_json(text) or _from_lines(text)
    if not fields and "=" in text and not text.startswith(("{", "[", "<")):
        fields = dict(parse_qsl(text, keep_blank_values=True))
    if not fields:
        raise ValueError("the body is neither a JSON object, nor JSON lines, nor a form")
    return fields


def _from_json(text: str, depth: int = 0) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=json_number)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, str) and depth < 2:  # "all output as one string", read literally
        return _from_json(value, depth + 1) or dict(parse_qsl(value))
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {name: item for part in value for name, item in part.items()}
    return value if isinstance(value, dict) else {}


def _from_lines(text: str) -> dict[str, Any]:
    """Multiple JSON: every field on a line of its own, as an object or bare."""
    merged: dict[str, Any] = {}
    for line in text.splitlines():
        part = line.strip().rstrip(",")
        if part in ("", "{", "}"):
            continue
        fields = _from_json(part if part.startswith("{") else f"{{{part}}}")
        if not fields:
            return {}
        merged.update(fields)
    return merged


def _event(fields: dict[str, Any], names: Names) -> PaytiaEvent:
    told = {plain(name): value for name, value in fields.items()}
    facts = facts_of(fields, names)
    kind, event, status = _kind(told, facts)
    common = {
        name: facts[name] for name in ("reference", "sender_id", "transaction_id", "amount", "currency", "cdr_id")
    }
    return PaytiaEvent(
        **common,
        kind=kind,
        event=event,
        status=status,
        reference_id=facts["reference_id"],
        agent_id=_text(told, "agentid"),
        message=facts["message"] or _why(told),
        created_at=facts["created_at"],
        updated_at=facts["updated_at"],
        raw=facts["raw"],
    )


def _kind(told: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[str, str, str]:
    if "paytiaxfer" in told:
        return "transfer", "transfer", "TRANSFER"
    if told.keys() & _HANG_UPS:
        return "stage", "stage.hangup" if "callhangup" in told else "stage.abort", "FAILED"
    if "paymentstage" in told or ("success" in told and "referencenumber" not in told):
        stage = _text(told, "paymentstage") or "result"
        failed = str(told.get("success", "")).strip().lower() in {"0", "false"}
        done = str(told.get("success", "")).strip().lower() in {"1", "true"}
        return "stage", f"stage.{stage.lower()}", "FAILED" if failed else "COMPLETED" if done else "IN_PROGRESS"
    if told.keys() & _CDR:
        state = _text(told, "state") or _text(told, "instate") or "unknown"
        return "call", f"call.{state.lower()}", state.upper()
    if facts["status"] != "UNKNOWN" or facts["transaction_id"]:
        return "payment", f"payment.{facts['status'].lower()}", facts["status"]
    return "unknown", "unknown", "UNKNOWN"


def _why(told: Mapping[str, Any]) -> str | None:
    if "callhangup" in told:
        return f"hung up by {str(told['callhangup'])[:40]}"
    if "custabort" in told:
        return "aborted by the customer"
    return "aborted by the agent" if "agentabort" in told else None


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return None if value in (None, "") else str(value).strip()
