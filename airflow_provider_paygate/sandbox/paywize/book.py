"""The books of the Paywize side: merchants, payouts, wallets, daily totals; written through to the store."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import in_ist, iso_seconds
from airflow_provider_paygate.sandbox.ledger import Line

from . import lifecycle, notices
from .lifecycle import Step
from .merchants import Merchant, defaults, made
from .records import Collection, Payout
from .tokens import Session, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_paygate.sandbox.shared import Shared


class Book:
    """Everything one sandbox knows about Paywize. All of it is touched by the server's own thread only."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.tokens = Tokens()
        self._start_empty()

    def _start_empty(self) -> None:
        self.merchants: dict[str, Merchant] = {merchant.name: merchant for merchant in defaults()}
        self.payouts: dict[str, Payout] = {}
        self.by_sender: dict[tuple[str, str], Payout] = {}
        self.collections: dict[str, Collection] = {}
        self.collections_by_sender: dict[tuple[str, str], Collection] = {}
        self.refused_ids: set[tuple[str, str]] = set()
        self.paid_on: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.windows: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.held_notices: dict[str, Step] = {}  # first of a pair, while webhooks are sent in the wrong order
        self._refunds: list[tuple[float, int, Payout, Step]] = []
        self._order = count()
        self.serial = 0
        self.tokens.clear()

    def reset(self) -> None:
        self._start_empty()

    # -- merchants ----------------------------------------------------------------------------------------------

    def change_merchant(self, name: str, settings: dict[str, Any]) -> Merchant:
        """Alter a merchant, or add one. Nothing of it is taken when one setting is wrong."""
        old = self.merchants.get(name)
        draft = made(name, settings) if old is None else _copy(old)
        if old is not None:
            draft.change(settings)
        if any(other.api_key == draft.api_key and other.name != name for other in self.merchants.values()):
            raise ValueError("another merchant has this API key")
        if old is None:
            self.merchants[name] = draft
        else:
            vars(old).update(vars(draft))  # tokens in use point to the old object
        self._save_merchant(self.merchants[name])
        return self.merchants[name]

    def balance(self, merchant: Merchant, wallet_id: str) -> int | None:
        self.settle()
        return merchant.wallets.get(wallet_id)

    def within_rate(self, merchant: Merchant, operation: str, now: float) -> bool:
        """Count a call; False when the last minute already holds as many as are allowed."""
        window = self.windows[merchant.name, operation]
        while window and window[0] <= now - 60:
            window.popleft()
        if len(window) >= merchant.rates.get(operation, len(window) + 1):
            return False
        window.append(now)
        return True

    # -- payouts ------------------------------------------------------------------------------------------------

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def open_payout(self, payout: Payout) -> None:
        """Money moves here and nowhere else: debit, ledger line, record, in one go."""
        merchant = self.merchants[payout.merchant]
        with self.shared.store.together():
            merchant.wallets[payout.wallet_id] -= payout.amount
            self.shared.append_to_ledger(_line(payout, payout.accepted_at))
            self._enter(payout)
            self.save_payout(payout)
            self._save_wallet(merchant, payout.wallet_id)

    def move_payout(self, payout: Payout, status: str, now: float, utr: str | None = None) -> None:
        """Bring a payout into a state now, whatever was planned; later steps are dropped."""
        done = payout.step(now)
        kept = [step for step in payout.steps if step.at <= now]
        payout.steps = [*kept, Step(now, status, lifecycle.MESSAGES[status], utr or done.utr)]
        self._plan_refund(payout)
        notices.schedule_payout(self, payout)
        self.save_payout(payout)

    def settle(self) -> None:
        """Credit the wallets for refunds that have fallen due."""
        now = self.shared.clock.now()
        while self._refunds and self._refunds[0][0] <= now:
            _, _, payout, step = heapq.heappop(self._refunds)
            if payout.refunded or step not in payout.steps:
                continue
            payout.refunded = True
            merchant = self.merchants[payout.merchant]
            with self.shared.store.together():
                merchant.wallets[payout.wallet_id] = merchant.wallets.get(payout.wallet_id, 0) + payout.amount
                self.shared.append_to_refunds(_line(payout, step.at))
                self.save_payout(payout)
                self._save_wallet(merchant, payout.wallet_id)

    def _enter(self, payout: Payout) -> None:
        self.payouts[payout.transaction_id] = payout
        self.by_sender[payout.merchant, payout.sender_id] = payout
        self.paid_on[payout.merchant, _day(payout.accepted_at)] += payout.amount
        self._plan_refund(payout)
        if payout.callback_url:
            notices.schedule_payout(self, payout)

    def _plan_refund(self, payout: Payout) -> None:
        for step in payout.steps:
            if step.status == "REFUNDED" and not payout.refunded:
                heapq.heappush(self._refunds, (step.at, next(self._order), payout, step))

    def paid_today(self, merchant: Merchant, now: float) -> int:
        """Accepted since midnight in India; the daily limit counts these."""
        return self.paid_on[merchant.name, _day(now)]

    # -- collections --------------------------------------------------------------------------------------------

    def open_collection(self, collection: Collection) -> None:
        self._enter_collection(collection)
        self.save_collection(collection)

    def move_collection(self, collection: Collection, status: str, now: float, utr: str | None = None) -> None:
        kept = [step for step in collection.steps if step.at <= now]
        collection.steps = [*kept, Step(now, status, notices.COLLECTION_MESSAGES[status], utr)]
        notices.schedule_collection(self, collection)
        self.save_collection(collection)

    def _enter_collection(self, collection: Collection) -> None:
        self.collections[collection.transaction_id] = collection
        self.collections_by_sender[collection.merchant, collection.sender_id] = collection
        notices.schedule_collection(self, collection)

    def collected_today(self, merchant: Merchant) -> int:
        today = _day(self.shared.clock.now())
        mine = (one for one in self.collections.values() if one.merchant == merchant.name)
        return sum(one.amount for one in mine if _day(one.accepted_at) == today)

    # -- saving -------------------------------------------------------------------------------------------------

    def save_payout(self, payout: Payout) -> None:
        self.shared.store.put("paywize/payout", payout.transaction_id, payout)

    def save_collection(self, collection: Collection) -> None:
        self.shared.store.put("paywize/collection", collection.transaction_id, collection)

    def save_token(self, text: str, merchant: Merchant, expires_at: float) -> None:
        self.shared.store.put("paywize/token", text, [merchant.name, expires_at])

    def _save_merchant(self, merchant: Merchant) -> None:
        self.shared.store.put("paywize/merchant", merchant.name, merchant.saved())
        for wallet_id in merchant.wallets:
            self._save_wallet(merchant, wallet_id)

    def _save_wallet(self, merchant: Merchant, wallet_id: str) -> None:
        body = [merchant.name, wallet_id, merchant.wallets[wallet_id]]
        self.shared.store.put("paywize/wallet", f"{merchant.name}/{wallet_id}", body)

    def restore(self, records: Iterable[tuple[str, str, Any]]) -> None:
        """Take back what `--state` kept. Wallets come last: they hold every debit and refund already."""
        kept: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
        for kind, key, body in records:
            kept[kind].append((key, body))
        for name, body in kept["paywize/merchant"]:
            self.merchants[name] = made(name, body)
        for text, (name, expires_at) in kept["paywize/token"]:
            self.tokens.adopt(text, Session(self.merchants[name], expires_at))
            self.tokens.issued += 1
        for transaction_id, body in kept["paywize/payout"]:
            self._enter(Payout(**{**body, "steps": [Step(*step) for step in body["steps"]]}))
            self.serial = max(self.serial, int(transaction_id[-6:]))
        for transaction_id, body in kept["paywize/collection"]:
            self._enter_collection(Collection(**{**body, "steps": [Step(*step) for step in body["steps"]]}))
            self.serial = max(self.serial, int(transaction_id[-6:]))
        for _, (name, wallet_id, balance) in kept["paywize/wallet"]:
            self.merchants[name].wallets[wallet_id] = balance

    def payout_facts(self, merchant: str | None = None) -> list[dict[str, Any]]:
        self.settle()
        now = self.shared.clock.now()
        shown = []
        for payout in self.payouts.values():
            if merchant in (None, payout.merchant):
                step = payout.step(now)
                state = {"status": step.status, "utr_number": step.utr, "final": step.status in lifecycle.FINAL}
                record = {name: value for name, value in asdict(payout).items() if name != "steps"}
                record |= {"amount": amounts.text(payout.amount), "accepted_at": iso_seconds(payout.accepted_at)}
                shown.append({**record, **state})
        return shown


def _day(moment: float) -> str:
    return in_ist(moment).date().isoformat()


def _line(payout: Payout, at: float) -> Line:
    return Line(
        gateway="paywize",
        merchant=payout.merchant,
        sender_id=payout.sender_id,
        transaction_id=payout.transaction_id,
        wallet_id=payout.wallet_id,
        amount=payout.amount,
        account=payout.account,
        ifsc=payout.ifsc,
        mode=payout.mode,
        at=at,
    )


def _copy(merchant: Merchant) -> Merchant:
    copied = made(merchant.name, merchant.saved())
    copied.wallets = dict(merchant.wallets)
    return copied
