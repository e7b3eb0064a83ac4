"""A UPI collection as Paywize wants it and tells it: camel case throughout (specs/paywize.md §6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_paygate.gateways.facts import Collection
from airflow_provider_paygate.gateways.paywize.payout import checked_amount, checked_text, facts_of, text_of

CHANNELS = ("FINO", "NSDL")


def collection_body(
    *, sender_id: str, amount: object, vpa: object, channel: object, callback_url: str | None, remarks: object
) -> tuple[dict[str, str], Decimal]:
    """The plaintext of a collection request and its checked amount. Raises ValueError that names the field."""
    rupees = checked_amount(amount)
    payee = checked_text(vpa, "vpa", 100)
    if not re.fullmatch(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+", payee):
        raise ValueError("vpa must look like merchant@paywize")
    bank = checked_text(channel, "channel", 10).upper()
    if bank not in CHANNELS:
        raise ValueError(f"channel must be one of {', '.join(CHANNELS)}")
    if not callback_url:
        raise ValueError("callback_url is required for a collection: give it here or in the connection")
    body = {
        "senderId": sender_id,
        "txnType": "INTENT",  # the only kind any page knows
        "vpa": payee,
        "channel": bank,
        "requestAmount": f"{rupees:.2f}",
        "callbackUrl": callback_url,
    }
    if remarks is not None:
        words = checked_text(remarks, "remarks", 20)
        if not words.isascii() or not words.replace(" ", "").isalnum():
            raise ValueError("remarks of a collection take letters and digits only")
        body["remarks"] = words
    return body, rupees


def collection_of(data: Mapping[str, Any]) -> Collection:
    """The facts of a decrypted collection answer."""
    return Collection(
        **facts_of(data),
        payment_url=text_of(data, "paymentUrl", "payment_url"),
        intent_url=text_of(data, "intentUrl", "intent_url"),
    )
