"""What became of each payment, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

COLOURS = {"settled": "32", "failed": "31", "refunded": "31", "refused": "31", "unknown": "33"}


@dataclass(frozen=True)
class Line:
    """One payment: what the list asked for, and where the journal says it stands."""

    reference: str
    supplier: str
    amount: Decimal
    mode: str
    state: str
    utr: str
    note: str = ""


def rupees(amount: Decimal) -> str:
    """``₹1,00,000.00``: thousands first, then hundreds, as amounts are written in India."""
    whole, _, paise = f"{abs(amount):.2f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return f"{'-' if amount < 0 else ''}₹{','.join([*pairs, tail])}.{paise}"


def table(lines: Iterable[Line], coloured: bool = False) -> Iterator[str]:
    """The table, 78 columns wide, a note under its payment, and the totals by state."""
    lines = list(lines)
    yield f"  {'reference':13}  {'supplier':19}  {'amount':>12}  {'mode':4}  {'state':7}  UTR"
    for line in lines:
        state = _painted(f"{line.state:7}", line.state) if coloured else f"{line.state:7}"
        yield (
            f"  {line.reference:13}  {line.supplier[:19]:19}  {rupees(line.amount):>12}  {line.mode:4}  {state}  "
            f"{line.utr or '–'}"
        ).rstrip()
        if line.note:
            yield f"  {'':13}  {line.note}"
    yield ""
    counts = Counter(line.state for line in lines)
    for state, count in counts.most_common():
        total = sum((line.amount for line in lines if line.state == state), Decimal())
        yield _total(count, state, total)
    yield _total(len(lines), "in all", sum((line.amount for line in lines), Decimal()))


def _total(count: int, state: str, total: Decimal) -> str:
    return f"  {count:>11} {state:22}  {rupees(total):>12}"


def _painted(text: str, state: str) -> str:
    return f"\033[{COLOURS[state]}m{text}\033[0m" if state in COLOURS else text
