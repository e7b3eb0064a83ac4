"""Paywize webhooks: verified, decrypted, read (specs/paywize.md §4). A webhook is a reason to look up, never a proof."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping

from airflow_provider_paygate.gateways.facts import WebhookEvent
from airflow_provider_paygate.gateways.paywize.cipher import Cipher
from airflow_provider_paygate.gateways.paywize.envelope import json_object
from airflow_provider_paygate.gateways.paywize.payout import facts_of, text_of

SIGNATURE_HEADER = "x-paywize-signature"
EVENT_HEADER = "x-paywize-event"


def event_of(body: bytes, headers: Mapping[str, str], *, cipher: Cipher, signing_key: str, policy: str) -> WebhookEvent:
    """The event in `body`. Raises ValueError saying why it cannot be trusted.

    :param body: the raw bytes as received; the signature is over exactly these.
    :param headers: in any case of letters.
    :param signing_key: `webhook_secret`, or the secret key.
    :param policy: ``required``, ``if_present`` or ``off``.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if policy != "off":
        _verify(body, lower.get(SIGNATURE_HEADER), signing_key, required=policy == "required")
    try:
        outer = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise ValueError("the body is not UTF-8 JSON") from None
    if not isinstance(outer, dict):
        raise ValueError("the body is not a JSON object")
    data = json_object(cipher, outer.get("data") or outer.get("payload"))
    facts = facts_of(data)
    if not facts["sender_id"] and not facts["transaction_id"]:
        raise ValueError("it names no payment")
    return WebhookEvent(
        **facts,
        reference=facts["sender_id"],
        event=lower.get(EVENT_HEADER) or text_of(data, "event"),
        reference_id=text_of(data, "reference_id"),
    )


def _verify(body: bytes, signature: str | None, signing_key: str, *, required: bool) -> None:
    if signature is None:
        if required:
            raise ValueError("it carries no X-Paywize-Signature, and the connection requires one")
        return
    given = signature.strip().removeprefix("sha256=")
    made = hmac.new(signing_key.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), given.encode("utf-8", "replace")):
        raise ValueError("its signature does not fit its bytes")
