"""A payment as the sandbox keeps it: a link, a checkout, a call, a charge or a payout. Amounts are pence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HOSTED = ("link", "checkout", "phone")  # the customer acts; until then no money has moved
MOVES_NOTHING = ("CAPTURE", "RESERVE")  # a stored card, a held amount
FINAL = ("completed", "failed", "cancelled", "timeout")
FIRST_CDR = 700_000
WAITING = "waiting"  # a link that nobody has paid yet: no payment was taken, so no report shows it


@dataclass(slots=True)
class Step:
    at: float
    status: str


@dataclass(slots=True)
class Payment:
    account: str
    number: int
    flow: str
    reference_id: str
    reference_number: str
    transaction_id: str
    amount: int
    currency: str
    instrument: str
    accepted_at: float
    steps: list[Step]
    webhook_url: str = ""
    webhook_url_transaction: str = ""
    agent_id: str = ""
    kind: str = ""  # what the portal calls the transaction type
    request: dict[str, str] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)  # the telephone side of it (§7.3)
    visible_from: float = 0.0  # before this, reports do not show it (fault `stale`)
    told: int = 0  # steps whose webhooks have left
    booked: bool = False  # in the ledger
    returned: bool = False  # among its refunds

    @property
    def cdr_id(self) -> str:
        return str(FIRST_CDR + self.number)

    def step(self, now: float) -> Step:
        current = self.steps[0]
        for step in self.steps:
            if step.at <= now:
                current = step
        return current
