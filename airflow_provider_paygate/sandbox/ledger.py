"""What really moved: one line per execution, appended and never changed. Tests read "paid at most once" here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from . import amounts
from .clock import iso_millis


@dataclass(slots=True, frozen=True)
class Line:
    gateway: str
    merchant: str
    sender_id: str
    transaction_id: str
    wallet_id: str
    amount: int
    account: str
    ifsc: str
    mode: str
    at: float

    def facts(self) -> dict[str, Any]:
        return {**asdict(self), "amount": amounts.text(self.amount), "at": iso_millis(self.at)}


class Ledger:
    """Executions, and apart from them the refunds that put money back into a wallet."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.refunds: list[Line] = []

    def facts(self, merchant: str | None = None, sender_id: str | None = None) -> dict[str, Any]:
        """The lines asked for, with totals over them; `repeated` names every id that was executed more than once."""
        lines = [line for line in self.lines if _wanted(line, merchant, sender_id)]
        refunds = [line for line in self.refunds if _wanted(line, merchant, sender_id)]
        executions = Counter((line.merchant, line.sender_id) for line in lines)
        return {
            "lines": [line.facts() for line in lines],
            "refunds": [line.facts() for line in refunds],
            "totals": {
                "count": len(lines),
                "amount": amounts.text(sum(line.amount for line in lines)),
                "sender_ids": len(executions),
                "refunded": amounts.text(sum(line.amount for line in refunds)),
            },
            "repeated": [
                {"merchant": name, "sender_id": sender, "executions": times}
                for (name, sender), times in executions.items()
                if times > 1
            ],
        }


def _wanted(line: Line, merchant: str | None, sender_id: str | None) -> bool:
    return (merchant is None or line.merchant == merchant) and (sender_id is None or line.sender_id == sender_id)
