"""The Payment Service's fields: written as text, checked before anything is sent (specs/paytia.md §5)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_paygate.gateways.paytia.cards import refuse_card_data

LINK, CHECKOUT, BANK_PAYOUT = "4", "8", "9"
_PHONE = {
    "0": "an immediate charge by phone",
    "1": "capturing a card by phone",
    "2": "a pre-authorisation with a charge by phone",
    "3": "a pre-authorisation by phone",
    "5": "a recurring payment set up by phone",
    "7": "a rolling reserve by phone",
}
MONEY_FIELDS = ("amount", "reserve_amount", "subscription_amount")
INTERVALS = ("daily", "weekly", "monthly")
OPERATIONS = {"store_payment": "charge", "reserve_settle": "settle", "remove": "release"}
SUBSCRIPTION = ("update", "cancel")
REFERENCE_LENGTH = 200
_REFERENCE_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/#:-]{0,49}(?<! )", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]+)?", re.ASCII)
_BANK_ACTIONS = ("create", "retrieve", "remove")


def number_of(reference: str) -> str:
    """The `reference_number` of a reference: itself when it is short and plain, else a digest. A function of it alone."""
    if _REFERENCE_NUMBER.fullmatch(reference):
        return reference
    digest = base64.b32encode(hashlib.sha256(b"paygate reference_number\0" + reference.encode()).digest()).decode()
    return "pg-" + digest[:32].lower()


def checked_reference(value: object) -> str:
    """A reference, stripped. Raises ValueError for anything but 1 to 200 printable characters, or for a card number."""
    if not isinstance(value, str):
        raise ValueError(f"reference must be text, and is a {type(value).__name__}")
    reference = value.strip()
    if not reference or len(reference) > REFERENCE_LENGTH or not reference.isprintable():
        raise ValueError(f"reference must be 1 to {REFERENCE_LENGTH} printable characters")
    refuse_card_data(reference, "reference")
    return reference


def checked_amount(value: object, field: str = "amount", *, zero: bool = False) -> Decimal:
    """`value` (Decimal, int or decimal text) with two decimals, never a float (§3). Raises ValueError that names `field`."""
    if isinstance(value, float):
        raise ValueError(
            f'{field} is a float, which cannot hold money exactly: give a Decimal or a string like "10.00"'
        )
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise ValueError(f"{field} must be a Decimal, an int or a decimal string, and is a {type(value).__name__}")
    text = value.strip() if isinstance(value, str) else format(value, "f")
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f'{field} must be a plain decimal number like "10.00" (no sign, currency or separators)')
    amount = Decimal(text)
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueError(f"{field} has more than two decimals")
    if amount == 0 and not zero:
        raise ValueError(f"{field} must be more than zero")
    return amount.quantize(Decimal("0.01"))


def checked_fields(given: Mapping[str, Any]) -> dict[str, str]:
    """The fields of one request as text. Unknown names pass; what the pages rule out does not.

    :raises ValueError: naming the field, quoting no value.
    """
    refuse_card_data(given)
    fields = {name: _written(name, value) for name, value in given.items() if value is not None}
    _check_flow(fields)
    _check_operation(fields)
    _check_schedule(fields)
    _check_customer(fields)
    for name in ("webhook_url", "webhook_url_transaction"):
        if name in fields and (
            urlsplit(fields[name]).scheme not in {"http", "https"} or not urlsplit(fields[name]).netloc
        ):
            raise ValueError(f"{name} must be a whole http or https URL")
    return fields


def operation_of(fields: Mapping[str, str]) -> str:
    """What a request does, as `outcomes` counts it; ``payment_service`` when the fields do not say."""
    kind, flag = fields.get("type"), fields.get("transaction_flag")
    if kind in OPERATIONS:
        return OPERATIONS[kind]
    if kind in SUBSCRIPTION:
        return "subscription"
    if flag in (LINK, CHECKOUT):
        return "link"
    if flag == BANK_PAYOUT:
        return "bank_payout"
    return "bank_token" if fields.get("bank_action") else "payment_service"


def _written(name: str, value: Any) -> str:
    if name in MONEY_FIELDS:
        return f"{checked_amount(value, name, zero=True):.2f}"
    if isinstance(value, float):
        raise ValueError(f"{name} is a float: give a Decimal, an int or text")
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    if not isinstance(value, str | int | Decimal):
        raise ValueError(f"{name} must be text or a number, and is a {type(value).__name__}")
    return value.strip() if isinstance(value, str) else str(value)


def _check_flow(fields: Mapping[str, str]) -> None:
    flag = fields.get("transaction_flag")
    if fields.get("bank_action") is not None:
        action = fields["bank_action"]
        if action not in _BANK_ACTIONS:
            raise ValueError(f"bank_action must be one of {', '.join(_BANK_ACTIONS)}")
        return
    if flag in _PHONE:
        raise ValueError(
            f"transaction_flag {flag} is {_PHONE[flag]}: it needs a live telephone call with an agent, which a pipeline "
            "cannot make. Use 4 (payment link), 8 (checkout), 9 (bank payout), or a type on a stored instrument"
        )
    if flag == "6":
        raise ValueError("transaction_flag 6 (bank to bank) is not live at Paytia")
    if flag in (LINK, CHECKOUT, BANK_PAYOUT) and "type" not in fields:
        _require(fields, ("amount", "reference_number"), f"transaction_flag {flag}")
        if Decimal(fields["amount"]) == 0 and not Decimal(fields.get("reserve_amount", "0")):
            raise ValueError("amount must be more than zero")


def _check_operation(fields: Mapping[str, str]) -> None:
    kind = fields.get("type")
    if kind in ("store_payment", "reserve_settle"):
        _require(fields, ("transaction_id", "amount", "reference_number"), f"type {kind}")
        if Decimal(fields["amount"]) == 0:
            raise ValueError("amount must be more than zero")
    elif kind == "remove":
        _require(fields, ("transaction_id",), "type remove")


def _check_schedule(fields: Mapping[str, str]) -> None:
    if fields.get("intervalfrequency") and fields.get("end_date"):
        raise ValueError("intervalfrequency and end_date exclude each other: give one of them")
    interval = fields.get("interval")
    if interval is not None and interval not in INTERVALS:
        raise ValueError(f"interval must be one of {', '.join(INTERVALS)}")
    for name in ("intervalcount", "intervalfrequency"):
        if name in fields and not (fields[name].isascii() and fields[name].isdigit() and int(fields[name]) > 0):
            raise ValueError(f"{name} must be a whole number above zero")
    for name in ("start_date", "end_date"):
        if name in fields:
            checked_day(fields[name], name)
    if "start_date" in fields and "end_date" in fields and fields["end_date"] < fields["start_date"]:
        raise ValueError("end_date is before start_date")


def _check_customer(fields: Mapping[str, str]) -> None:
    """Braintree's cases that can be told beforehand (§5.4); the third, an id that exists, is the gateway's to tell."""
    control = fields.get("gateway_customer_control")
    if control is None:
        return
    if control not in ("0", "1"):
        raise ValueError("gateway_customer_control is not supported with this value: it must be 0 or 1")
    if control == "1" and not fields.get("gateway_customer_id"):
        raise ValueError("gateway_customer_id is required when gateway_customer_control is 1")


def checked_day(value: object, field: str) -> str:
    """A day as ``YYYY-MM-DD`` (§3). Raises ValueError that names `field`."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError(f"{field} must be a date like 2026-11-21")


def _require(fields: Mapping[str, str], names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if not fields.get(name)]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, required for {where}"
        )
