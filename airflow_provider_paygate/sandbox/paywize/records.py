"""A payout and a collection as the sandbox keeps them. Amounts are paise, moments epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import lifecycle

if TYPE_CHECKING:
    from .lifecycle import Step


@dataclass(slots=True)
class Payout:
    merchant: str
    product: str
    sender_id: str
    transaction_id: str
    wallet_id: str
    amount: int
    mode: str
    remarks: str
    name: str
    account: str
    ifsc: str
    callback_url: str | None
    accepted_at: float
    steps: list[Step]
    visible_from: float = 0.0  # before this, status says "not found" (fault `stale`)
    refunded: bool = False
    told: int = 1  # steps whose webhook has left or that have none; INITIATED is the first of them

    def step(self, now: float) -> Step:
        return lifecycle.now_at(self.steps, now)


@dataclass(slots=True)
class Collection:
    merchant: str
    sender_id: str
    transaction_id: str
    amount: int
    vpa: str
    channel: str
    remarks: str
    callback_url: str
    accepted_at: float
    steps: list[Step]
    visible_from: float = 0.0
    told: int = 0

    def step(self, now: float) -> Step:
        return lifecycle.now_at(self.steps, now)
