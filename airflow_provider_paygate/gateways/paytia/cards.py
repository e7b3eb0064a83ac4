"""Card data never passes: refused before anything is sent, scrubbed from anything received (specs/paytia.md §8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from airflow_provider_paygate.gateways.paytia.paths import plain

SHORTEST, LONGEST = 13, 19
_GAP = r"[\s\-\u00ad\u2010-\u2015\u2212]"
_RUN = re.compile(rf"(?<!\d)\d(?:{_GAP}{{0,2}}\d){{{SHORTEST - 1},}}(?!\d)")
_WORDS = frozenset({"pan", "cvv", "cvv2", "cvc", "cvc2", "cv2", "csc", "cardnumber", "cardnum", "cardno", "ccnumber"})
_WHOLE = frozenset(
    {
        "cardnumber", "cardnum", "cardno", "ccnumber", "ccnum", "creditcard", "creditcardnumber", "debitcardnumber",
        "primaryaccountnumber", "cardsecuritycode", "securitycode", "cardverificationvalue", "cardverificationcode",
        "expirydate", "expdate", "expirationdate", "cardexpiry", "cardexpirydate", "cardexpirationdate",
        "expirymonth", "expiryyear", "expmonth", "expyear", "trackdata", "track1", "track2",
    }
)  # fmt: skip


# What a received field of these names holds is an address or an id. One in ten long ids passes Luhn's check, and a link or
# a transaction that has lost its digits is of no use: an address stays, an id is scrubbed when an issuer's prefix and length
# fit as well.
_ADDRESSES = frozenset({"linktopayurl", "webpaymentform", "paymenturl", "url"})
_IDS = frozenset(
    {"id", "uniqueid", "transactionid", "txnid", "gatewaytransactionid", "cdrid", "referenceid", "refid", "referencenumber",
     "referenceno", "reference", "requestid"}
)  # fmt: skip
_ISSUED = re.compile(r"3[47]\d{13}|4(\d{12}|\d{15})|(5[1-5]|2[2-7]|6\d|35)\d{14}")


def refuse_card_data(value: Any, where: str = "the request") -> None:
    """Raise ValueError, quoting nothing, when a field name or a value anywhere in `value` looks like card data."""
    for place, name, item in _leaves(value, where):
        if is_card_field(name):
            raise ValueError(
                f"{place} is named like card data, which never passes through a pipeline; nothing was sent"
            )
        if holds_card_number(name) or holds_card_number(item):
            raise ValueError(
                f"{place} holds what looks like a card number, which never passes through a pipeline; nothing was sent"
            )


@lru_cache(4096)
def is_card_field(name: str) -> bool:
    """Whether a field is named like a PAN, a CVV or an expiry date; `company_name` is not, though it holds ``pan``."""
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d?|[A-Z]+\d?|\d+", name)
    return not _WORDS.isdisjoint(word.lower() for word in words) or re.sub(r"[^a-z0-9]", "", name.lower()) in _WHOLE


def holds_card_number(value: object) -> bool:
    """Whether 13 to 19 digits in a row, with or without spaces and dashes, pass Luhn's check."""
    return not isinstance(value, bool) and next(_numbers(_text(value)), None) is not None


def card_numbers(text: str) -> Iterator[str]:
    """The card numbers in a text, as they stand there: for a log masker, and for nothing else."""
    for start, end in _numbers(text):
        yield text[start:end]


def scrubbed(value: Any, name: str = "") -> Any:
    """`value` with card numbers as their last four digits, and the values of card fields as ``***``, at any depth."""
    if isinstance(value, Mapping):
        return {_scrubbed_text(str(key)): scrubbed(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, name) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if is_card_field(name) and not _is_masked(str(value)):
        return "***"
    kind = plain(name)
    if kind in _ADDRESSES or (kind in _IDS and not _is_issued(str(value))):
        return value
    if isinstance(value, str):
        return _scrubbed_text(value)
    return _scrubbed_text(str(value)) if holds_card_number(value) else value


def _scrubbed_text(text: str) -> str:
    if len(text) < SHORTEST:
        return text
    for start, end in sorted(_numbers(text), reverse=True):
        kept = re.sub(r"\D", "", text[start:end])[-4:]
        text = f"{text[:start]}****{kept}{text[end:]}"
    return text


def _leaves(value: Any, place: str, name: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            shown = str(key) if not holds_card_number(key) else "a field name"
            yield shown, str(key), None
            yield from _leaves(item, shown, "")
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _leaves(item, place, name)
    else:
        yield place, name, value


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _numbers(text: str) -> Iterator[tuple[int, int]]:
    """Where card numbers stand in `text`. A long run is searched from every gap, so that none hides behind other digits."""
    for run in _RUN.finditer(text):
        found = _within(run)
        if found is not None:
            yield found


def _within(run: re.Match[str]) -> tuple[int, int] | None:
    places = [run.start() + at for at, char in enumerate(run.group()) if char.isdigit()]
    text = run.string
    starts = [at for at, place in enumerate(places) if at == 0 or places[at - 1] != place - 1]
    ends = [at + 1 for at, place in enumerate(places) if at + 1 == len(places) or places[at + 1] != place + 1]
    for first in starts:
        for last in ends:
            if SHORTEST <= last - first <= LONGEST:
                digits = "".join(text[place] for place in places[first:last])
                if _passes_luhn(digits) and not _begins_with_a_date(digits):
                    return places[first], places[last - 1] + 1
    return None


def _passes_luhn(digits: str) -> bool:
    total = 0
    for at, char in enumerate(reversed(digits)):
        digit = int(char) * (1 + at % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0 and digits.strip("0") != ""


def _begins_with_a_date(digits: str) -> bool:
    """``20261123…``: no card begins with 20, and references that begin with the day are common."""
    return re.match(r"20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", digits) is not None


def _is_issued(value: str) -> bool:
    """Whether one of the card numbers in an id is of a length and prefix that issuers use."""
    return len(value) >= SHORTEST and any(
        _ISSUED.fullmatch(re.sub(r"\D", "", number)) for number in card_numbers(value)
    )


def _is_masked(value: str) -> bool:
    """``XXXX``, ``************1111``: what of a card may be shown."""
    return sum(char.isdigit() for char in value) <= 4 and re.search(r"[Xx*•]", value) is not None
