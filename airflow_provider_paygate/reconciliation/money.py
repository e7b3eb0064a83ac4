"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal


def plain(amount: Decimal) -> str:
    """At least two places, no needless ones, no exponent: 100.0000 is 100.00, 0.1250 is 0.125."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def grouped(amount: Decimal) -> str:
    """The same with a thin space between thousands."""
    whole, _, places = plain(amount).partition(".")
    return (
        f"{int(whole):,}".replace(",", "\u202f").replace("-", "−") + f".{places}"
        if whole not in ("-0",)
        else plain(amount)
    )
