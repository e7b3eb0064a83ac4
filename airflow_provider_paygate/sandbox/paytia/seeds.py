"""Report rows in any number without keeping one of them: each is worked out from its place when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Block:
    """`count` payments, the first at `start`, then one every `apart` seconds; every fiftieth failed.

    The reference of the n-th is the prefix and n in seven digits, its amount n pence above one pound.
    """

    count: int
    start: float
    apart: float
    prefix: str
    first_id: int

    def reference(self, n: int) -> str:
        return f"{self.prefix}{n:07d}"

    def at(self, n: int) -> float:
        return self.start + n * self.apart

    def amount(self, n: int) -> int:
        return 100 + n

    def status(self, n: int) -> str:
        return "failed" if n % 50 == 49 else "completed"

    def between(self, start: float | None, end: float | None) -> range:
        """Whose moment lies in [start, end)."""
        first = 0 if start is None else max(0, _ceil((start - self.start) / self.apart))
        last = self.count if end is None else min(self.count, max(0, _ceil((end - self.start) / self.apart)))
        return range(first, max(first, last))

    def place(self, reference: str) -> int | None:
        digits = reference.removeprefix(self.prefix)
        if reference != self.prefix + digits or len(digits) != 7 or not digits.isdecimal():
            return None
        return int(digits) if int(digits) < self.count else None


def _ceil(number: float) -> int:
    return -int(-number // 1)
