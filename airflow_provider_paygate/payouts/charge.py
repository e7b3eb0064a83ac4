"""Money that Paytia moves on a stored instrument, in the terms of the journal (specs/paytia.md §5.2, §5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.gateways.facts import last_four
from airflow_provider_paygate.gateways.paytia import cards, service

# What each asks of the Payment Service besides amount and reference, and the field that its instrument goes into.
OPERATIONS: dict[str, tuple[dict[str, str], str]] = {
    "charge": ({"type": "store_payment"}, "transaction_id"),
    "settle": ({"type": "reserve_settle"}, "transaction_id"),
    "bank_payout": ({"transaction_flag": service.BANK_PAYOUT, "payment_method": "bank"}, "bank_token"),
}


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One movement of money under one reference: a stored card charged, a reservation settled, a bank account paid.

    :param operation: ``charge``, ``settle`` or ``bank_payout``.
    :param reference: the business's own name for it, up to 200 characters; the identity of the money.
    :param amount: a Decimal, an int or a decimal string, at most two decimals. Never a float.
    :param instrument: what is charged or paid: Paytia's token or transaction id, or a stored bank token.
    :param currency: three letters; the account's when left out.
    :param fields: further fields of the request, under our names.
    :param replaces: the reference of one that finally failed and that this one is made instead of.
    :raises InvalidRequest: naming the field and what is wrong with it.
    """

    operation: str
    reference: str
    amount: Decimal
    instrument: str = field(repr=False)
    currency: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    replaces: str | None = None

    def __post_init__(self) -> None:
        instrument = OPERATIONS[self.operation][1]
        try:
            object.__setattr__(self, "reference", service.checked_reference(self.reference))
            object.__setattr__(self, "amount", service.checked_amount(self.amount))
            object.__setattr__(self, "instrument", _checked_instrument(self.instrument, instrument))
            object.__setattr__(self, "currency", _checked_currency(self.currency))
            object.__setattr__(self, "replaces", (self.replaces or "").strip() or None)
            service.checked_fields(self.request)
        except ValueError as error:
            named = self.reference.strip()[:60] if isinstance(self.reference, str) else ""
            shown = f"{named}: " if named and not cards.holds_card_number(named) else ""
            raise InvalidRequest(f"{shown}{error}", gateway="paytia", operation="check") from None

    @property
    def request(self) -> dict[str, Any]:
        """The fields that ask for it."""
        fixed, instrument = OPERATIONS[self.operation]
        return {
            **self.fields,
            **fixed,
            instrument: self.instrument,
            "amount": self.amount,
            "currency": self.currency,
            "reference_number": self.sender_id,
            "reference_id": self.fields.get("reference_id", self.sender_id),
        }

    # What the journal calls these (`payable.Payable`)

    @property
    def sender_id(self) -> str:
        """The `reference_number`: a function of the reference alone."""
        return service.number_of(self.reference)

    @property
    def mode(self) -> str:
        """What is done, as the journal's ten characters hold it."""
        return {"bank_payout": "bank"}.get(self.operation, self.operation)

    @property
    def beneficiary_account(self) -> str:
        """The instrument."""
        return self.instrument

    @property
    def beneficiary_ifsc(self) -> str:
        """What is done and in which currency: one reference cannot be a charge now and a settlement later."""
        return f"{self.mode} {self.currency or ''}".strip().upper()

    @property
    def shown_account(self) -> str:
        """The instrument as it may be shown."""
        return last_four(self.instrument)


def _checked_instrument(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.strip().isprintable():
        raise ValueError(f"{name} must be text of 1 to 200 printable characters")
    return value.strip()


def _checked_currency(value: object) -> str | None:
    if value is None or value == "":
        return None
    text = str(value).strip().upper()
    if not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise ValueError("currency must be three letters like GBP")
    return text
