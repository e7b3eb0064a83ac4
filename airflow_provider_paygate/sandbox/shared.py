"""What all gateways of one sandbox share: the clock, the books of record, the webhooks' postman, the state file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import Clock
from .counters import Counters
from .ledger import Ledger, Line
from .webhooks import Postman

if TYPE_CHECKING:
    from .store import Nowhere, Store


class Shared:
    def __init__(self, store: Store | Nowhere) -> None:
        self.store = store
        self.clock = Clock()
        self.ledger = Ledger()
        self.counters = Counters()
        self.postman = Postman(self.clock)

    def append_to_ledger(self, line: Line) -> None:
        self.ledger.lines.append(line)
        self.store.put("ledger", str(len(self.ledger.lines)), line)

    def append_to_refunds(self, line: Line) -> None:
        self.ledger.refunds.append(line)
        self.store.put("refund", str(len(self.ledger.refunds)), line)

    def save_clock(self) -> None:
        self.store.put("clock", "", self.clock.saved())

    def restore(self) -> None:
        for kind, _, body in self.store.records():
            match kind:
                case "clock":
                    self.clock.restore(body)
                case "ledger":
                    self.ledger.lines.append(Line(**body))
                case "refund":
                    self.ledger.refunds.append(Line(**body))

    def reset(self) -> None:
        """Empty books and a clock back at the real time. Open connections and settings of the process stay."""
        self.store.clear()
        self.clock.restore({"offset": 0.0, "frozen_at": None})
        self.ledger.lines.clear()
        self.ledger.refunds.clear()
        self.counters.clear()
        self.postman.clear()
