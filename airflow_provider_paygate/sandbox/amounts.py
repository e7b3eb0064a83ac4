"""Money as whole paise (or pence): read from what a client may send, written as the gateways write it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

_TEXT = re.compile(r"\d{1,12}(?:\.\d{1,2})?")


def minor(value: object) -> int | None:
    """Paise in a decimal string, an int or a Decimal of at most two places; None when it is none of these."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        value = str(value)
    elif isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        return None
    whole, _, part = value.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") if part else 0)


def text(amount: int) -> str:
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def read_json(raw: str | bytes) -> Any:
    """JSON with exact numbers: 1000.10 stays 1000.10, NaN and Infinity are refused."""
    return json.loads(raw, parse_float=Decimal, parse_constant=_no_number)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
