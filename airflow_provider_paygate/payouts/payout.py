"""What is to be paid, checked as it is made."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.gateways.facts import last_four
from airflow_provider_paygate.gateways.paywize import payout as rules

REFERENCE_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class Payout:
    """One payment to one beneficiary. Text is stripped; everything is checked here, before anything is sent.

    :param reference: the business's own name for the payment, up to 200 characters; the identity of the money.
    :param amount: rupees: a Decimal, an int or a decimal string, at most two decimals. Never a float.
    :param mode: ``IMPS``, ``NEFT`` or ``RTGS``.
    :param beneficiary_name: up to 40 characters.
    :param beneficiary_account: the account number as text; leading zeros matter.
    :param beneficiary_ifsc: 11 characters.
    :param remarks: up to 20 characters.
    :param wallet_id: where the money comes from; the connection's when left out.
    :param callback_url: where Paywize posts news; the connection's when left out, none when neither gives one.
    :param replaces: the reference of a payment that finally failed and that this one is made instead of.
    :raises InvalidRequest: naming the field and what is wrong with its value, never quoting an account number.
    """

    reference: str
    amount: Decimal
    mode: str
    beneficiary_name: str = field(repr=False)
    beneficiary_account: str = field(repr=False)
    beneficiary_ifsc: str
    remarks: str = "payout"
    wallet_id: str | None = None
    callback_url: str | None = None
    replaces: str | None = None

    def __post_init__(self) -> None:
        try:
            for name, value in self._checked().items():
                object.__setattr__(self, name, value)
        except ValueError as error:
            raise InvalidRequest(f"{_named(self.reference)}{error}", gateway="paywize", operation="check") from None

    def _checked(self) -> dict[str, Any]:
        amount = rules.checked_amount(self.amount)
        url = _optional(self.callback_url, "callback_url", 2000)
        if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
            raise ValueError("callback_url must be a whole http or https URL")
        checked = {
            "reference": rules.checked_text(self.reference, "reference", REFERENCE_LENGTH),
            "amount": amount,
            "mode": rules.checked_mode(self.mode, amount),
            "beneficiary_name": rules.checked_text(self.beneficiary_name, "beneficiary_name", rules.NAME_LENGTH),
            "beneficiary_account": rules.checked_account(self.beneficiary_account),
            "beneficiary_ifsc": rules.checked_ifsc(self.beneficiary_ifsc),
            "remarks": rules.checked_text(self.remarks, "remarks", rules.REMARKS_LENGTH),
            "wallet_id": _optional(self.wallet_id, "wallet_id", 64),
            "callback_url": url,
            "replaces": _optional(self.replaces, "replaces", REFERENCE_LENGTH),
        }
        if checked["replaces"] == checked["reference"]:
            raise ValueError("replaces names the payout's own reference; give this one a new reference")
        return checked

    @property
    def sender_id(self) -> str:
        """The gateway id: a function of the reference alone."""
        return rules.sender_id_of(self.reference)

    @property
    def shown_account(self) -> str:
        """The account number as it may be shown."""
        return last_four(self.beneficiary_account)


FIELDS = tuple(spec.name for spec in fields(Payout))


def _optional(value: object, name: str, longest: int) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return rules.checked_text(value, name, longest)


def _named(reference: object) -> str:
    """``INV-1: `` in front of what is wrong, when there is a name to give."""
    return f"{reference.strip()[:60]}: " if isinstance(reference, str) and reference.strip() else ""
