"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal


def plain(amount: Decimal) -> str:
    """At least two places, no needless ones, no exponent: 100.0000 is 100.00, 0.1250 is 0.125."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def grouped(amount: Decimal) -> str:
    """The same with commas between thousands and a true minus sign."""
    whole, _, places = plain(abs(amount)).partition(".")
    return f"{'−' if amount < 0 else ''}{int(whole):,}.{places}"
