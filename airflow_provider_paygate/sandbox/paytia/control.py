"""What the control plane can do to Paytia: accounts, the portal's tokens, payments, report rows, telephone calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import telephony
from .records import FINAL
from .seeds import Block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_paygate.sandbox.state import State

    from .book import Book
    from .records import Payment

Facts = dict[str, Any]


class PaytiaControls:
    """Each gives JSON-ready facts, and raises ValueError or KeyError with a sentence for what cannot be."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def _book(self) -> Book:
        return self._state.paytia

    def accounts(self) -> Facts:
        return {name: account.settings() for name, account in self._book.accounts.items()}

    def account(self, name: str, settings: Mapping[str, Any] | None = None) -> Facts:
        """Read one, or alter it, or add it."""
        if settings is not None:
            if name in self._state.paywize.merchants:
                raise ValueError(f"{name} is a merchant of Paywize")
            return self._book.change_account(name, dict(settings)).settings()
        return self._book.accounts[self._known(name)].settings()

    def generate_tokens(self, name: str) -> Facts:
        """The portal's *Generate Tokens*: all earlier tokens die; the connection shows the new pair."""
        self._book.generate_tokens(self._known(name))
        return {"account": name}

    def payments(self, account: str | None = None) -> Facts:
        return {"payments": self._book.payment_facts(account)}

    def move(self, wanted: Mapping[str, Any]) -> Facts:
        """Bring a payment of `account` into `status` now, found by reference_number, reference_id or transaction_id."""
        payment = self._named(wanted)
        if wanted.get("status") not in (*FINAL, "pending"):
            raise ValueError(f"status is one of pending, {', '.join(FINAL)}")
        self._book.move_payment(payment, wanted["status"])
        return {"status": wanted["status"]}

    def seed(self, wanted: Mapping[str, Any]) -> Facts:
        """Rows for the reports: `account`, `count`, and perhaps `start` (ISO 8601), `apart` (seconds), `prefix`."""
        name = self._known(wanted.get("account", ""))
        if strange := set(wanted) - {"account", "count", "start", "apart", "prefix"}:
            raise ValueError(
                f"seeding has no {', '.join(sorted(strange))}; it has account, count, start, apart, prefix"
            )
        count, apart = int(wanted["count"]), float(wanted.get("apart", 1.0))
        if not 0 < count <= 5_000_000 or apart <= 0:
            raise ValueError("count is 1 to 5000000, apart is above zero")
        start = self._book.shared.clock.now() - count * apart
        if "start" in wanted:
            start = datetime.fromisoformat(wanted["start"]).timestamp()
        first_id = 10_000_000 + sum(block.count for block in self._book.seeded[name])
        self._book.seed(name, Block(count, start, apart, str(wanted.get("prefix", "SEED-")), first_id))
        return {"account": name, "rows": sum(block.count for block in self._book.seeded[name])}

    def telephone(self, wanted: Mapping[str, Any]) -> Facts:
        """Post what a telephone call causes: see `telephony`."""
        account = self._book.accounts[self._known(wanted.get("account", ""))]
        reference_id = str(wanted.get("reference_id", ""))
        payment = self._book.find(account.name, reference_id=reference_id) if reference_id else None
        return {"posted": telephony.post(self._book, account, payment, wanted)}

    def _known(self, name: str) -> str:
        if name not in self._book.accounts:
            raise KeyError(f"no account {name}")
        return name

    def _named(self, wanted: Mapping[str, Any]) -> Payment:
        account = self._known(wanted.get("account", ""))
        named = {name: str(wanted[name]) for name in _NAMES if wanted.get(name)}
        payment = self._book.find(account, **named) if named else None
        if payment is None:
            raise KeyError(f"no payment {' '.join(named.values())} of {account}")
        return payment


_NAMES = ("reference_number", "reference_id", "transaction_id")
