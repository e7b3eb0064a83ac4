"""A payout as Paywize wants it and as Paywize tells it (specs/paywize.md §1.4, §1.5, §5)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from airflow_provider_paygate.gateways.facts import (
    Balance,
    Beneficiary,
    Payment,
    decimal_of,
    redacted,
    time_of,
    without,
)

# Rupees, from the table of transfer modes (§1.4). An account's own limits may be lower; the gateway says so then.
MODE_LIMITS = {
    "IMPS": (Decimal(1), Decimal(500_000)),
    "NEFT": (Decimal(1), Decimal(1_000_000)),
    "RTGS": (Decimal(200_000), Decimal(100_000_000)),
}
NAME_LENGTH = 40
REMARKS_LENGTH = 20
SENDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
HASHED_SENDER_ID = re.compile(r"pg-[a-z2-7]{32}", re.ASCII)
_IFSC = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{4,35}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]+)?", re.ASCII)


class PayoutFields(Protocol):
    """What :func:`body_of` needs to know of a payout; amounts in rupees."""

    @property
    def amount(self) -> Decimal: ...
    @property
    def mode(self) -> str: ...
    @property
    def beneficiary_name(self) -> str: ...
    @property
    def beneficiary_account(self) -> str: ...
    @property
    def beneficiary_ifsc(self) -> str: ...
    @property
    def remarks(self) -> str: ...


def sender_id_of(reference: str) -> str:
    """The gateway id of a reference: the reference itself when it fits the gateway's rule, else a digest of it.

    A function of the reference alone, at most 36 characters of ``[A-Za-z0-9_-]`` (§5.3).
    """
    if SENDER_ID.fullmatch(reference):
        return reference
    digest = base64.b32encode(hashlib.sha256(b"paygate sender_id\0" + reference.encode()).digest()).decode()
    return "pg-" + digest[:32].lower()


def checked_amount(value: object, field: str = "amount") -> Decimal:
    """`value` (Decimal, int or decimal text) as rupees with two decimals. Raises ValueError that names `field`."""
    if isinstance(value, float):
        raise ValueError(
            f'{field} is a float, which cannot hold money exactly: give a Decimal or a string like "1250.00"'
        )
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise ValueError(f"{field} must be a Decimal, an int or a decimal string, and is a {type(value).__name__}")
    text = value.strip() if isinstance(value, str) else format(value, "f")
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f'{field} must be a plain decimal number like "1250.00" (no sign, currency or separators)')
    amount = Decimal(text)
    if amount <= 0:
        raise ValueError(f"{field} must be more than zero")
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueError(f"{field} has more than two decimals")
    return amount.quantize(Decimal("0.01"))


def checked_text(value: object, field: str, longest: int) -> str:
    """`value` stripped, 1 to `longest` printable characters. Raises ValueError that names `field`."""
    if not isinstance(value, str):
        raise ValueError(f"{field} must be text, and is a {type(value).__name__}")
    text = value.strip()
    if not text:
        raise ValueError(f"{field} is empty")
    if len(text) > longest:
        raise ValueError(f"{field} is longer than {longest} characters")
    if not text.isprintable():
        raise ValueError(f"{field} holds a line break or another control character")
    return text


def checked_account(value: object) -> str:
    """An account number as text. A number is refused: its leading zeros would be gone. The message never quotes it."""
    field = "beneficiary_account"
    if not isinstance(value, str):
        raise ValueError(f"{field} must be text, and is a {type(value).__name__}: a number has lost its leading zeros")
    account = value.strip()
    if not _ACCOUNT.fullmatch(account):
        raise ValueError(f"{field} must be 4 to 35 letters and digits (nothing else, and not a spreadsheet's 1.2E+11)")
    return account


def checked_ifsc(value: object) -> str:
    """An IFSC in upper case: four letters, a zero, six letters or digits."""
    ifsc = checked_text(value, "beneficiary_ifsc", 40)
    if not ifsc.isascii() or not _IFSC.fullmatch(ifsc := ifsc.upper()):
        raise ValueError(
            "beneficiary_ifsc must be 11 characters: four letters, a zero, six letters or digits, like HDFC0001234"
        )
    return ifsc


def checked_mode(value: object, amount: Decimal) -> str:
    """A transfer mode that carries `amount`."""
    mode = checked_text(value, "mode", 10).upper()
    if mode not in MODE_LIMITS:
        raise ValueError(f"mode must be one of {', '.join(MODE_LIMITS)}")
    least, most = MODE_LIMITS[mode]
    if not least <= amount <= most:
        raise ValueError(f"amount {amount} is outside what {mode} carries: {least:,} to {most:,} rupees")
    return mode


def body_of(payout: PayoutFields, sender_id: str, wallet_id: str, callback_url: str | None) -> dict[str, str]:
    """The plaintext of an initiate request: flat, amount as a string with two decimals, as live tenants are paid (§7)."""
    body = {
        "sender_id": sender_id,
        "wallet_id": wallet_id,
        "amount": f"{payout.amount:.2f}",
        "payment_mode": payout.mode,
        "beneficiary_name": payout.beneficiary_name,
        "beneficiary_ifsc": payout.beneficiary_ifsc,
        "beneficiary_acc_number": payout.beneficiary_account,
        "remarks": payout.remarks,
    }
    return {**body, "callback_url": callback_url} if callback_url else body


def first_of(data: Mapping[str, Any], *names: str) -> Any:
    """The first of several spellings of a field that holds something (§4.2 lists them)."""
    return next((data[name] for name in names if data.get(name) not in (None, "")), None)


def text_of(data: Mapping[str, Any], *names: str) -> str | None:
    """The same as text."""
    value = first_of(data, *names)
    return None if value is None else str(value).strip()


def payment_of(data: Mapping[str, Any]) -> tuple[Payment, Beneficiary]:
    """The facts of a decrypted payout answer, flat or nested, and whom it names."""
    return Payment(**facts_of(data)), beneficiary_of(data)


def beneficiary_of(data: Mapping[str, Any]) -> Beneficiary:
    """Whom an answer names."""
    nested = data.get("beneficiary")
    fields = {**data, **nested} if isinstance(nested, Mapping) else data
    return Beneficiary(
        account=text_of(fields, "beneficiary_acc_number", "beneficiary_account_number"),
        ifsc=text_of(fields, "beneficiary_ifsc"),
    )


def facts_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of :class:`Payment` that every Paywize answer and webhook shares."""
    nested = data.get("timestamps")
    times = {**data, **nested} if isinstance(nested, Mapping) else data
    account = beneficiary_of(data).account  # a status message may quote it
    return {
        "sender_id": text_of(data, "sender_id", "senderId", "client_ref_id"),
        "transaction_id": text_of(data, "transaction_id", "txnId", "txn_id", "transactionId"),
        "status": (text_of(data, "status") or "UNKNOWN").upper(),
        "utr": text_of(data, "utr_number", "utr"),
        "amount": decimal_of(first_of(data, "amount", "requestAmount")),
        "message": without(text_of(data, "status_message", "statusMessage"), account),
        "created_at": time_of(first_of(times, "created_at", "createdAt")),
        "updated_at": time_of(first_of(times, "updated_at", "updatedAt")),
        "raw": without(redacted(dict(data)), account),
    }


def balance_of(data: Mapping[str, Any], wallet_id: str) -> Balance | None:
    """A wallet's balance; None when the answer has none."""
    available = decimal_of(data.get("available_balance"))
    if available is None:
        return None
    return Balance(
        available=available, wallet_id=wallet_id, updated_at=time_of(data.get("updated_at")), raw=redacted(dict(data))
    )
