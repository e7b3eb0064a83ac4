"""What the journal needs to know of something to be paid, whichever gateway pays it."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol


class Payable(Protocol):
    """A payout, or a charge. What stands for account and IFSC is, with the amount, what makes two payments the same."""

    @property
    def reference(self) -> str: ...
    @property
    def sender_id(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def mode(self) -> str: ...
    @property
    def beneficiary_account(self) -> str: ...
    @property
    def beneficiary_ifsc(self) -> str: ...
    @property
    def shown_account(self) -> str: ...
    @property
    def replaces(self) -> str | None: ...
