"""The books of the Paytia side: accounts, their tokens, payments, references used up; written through to the store."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import iso_millis
from airflow_provider_paygate.sandbox.ledger import Line

from . import notices, tokens
from .accounts import Account, defaults, made, restored
from .records import FINAL, HOSTED, MOVES_NOTHING, Payment, Step
from .seeds import Block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_paygate.sandbox.shared import Shared


class Book:
    """Everything one sandbox knows about Paytia. All of it is touched by the server's own thread only."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._start_empty()

    def _start_empty(self) -> None:
        now = self.shared.clock.now()
        self.accounts: dict[str, Account] = {account.name: account for account in defaults()}
        self.chains = {name: tokens.started(account, now) for name, account in self.accounts.items()}
        self.payments: defaultdict[str, list[Payment]] = defaultdict(list)
        self.by_number: dict[int, Payment] = {}
        self.by_reference: defaultdict[tuple[str, str], list[Payment]] = defaultdict(list)
        self.seeded: defaultdict[str, list[Block]] = defaultdict(list)
        self._used: set[tuple[str, str, str]] = set()
        self._due: list[tuple[float, int, Payment, Step]] = []
        self._order = count()
        self.serial = 0

    def reset(self) -> None:
        self._start_empty()

    # -- accounts -----------------------------------------------------------------------------------------------

    def change_account(self, name: str, settings: dict[str, Any]) -> Account:
        """Alter an account, or add one. Nothing of it is taken when one setting is wrong."""
        old = self.accounts.get(name)
        draft = made(name, {}) if old is None else restored(old.saved())
        draft.change(settings)
        for other in self.accounts.values():
            if other.name != name and draft.api_key == other.api_key:
                raise ValueError("another account has this API key")
            if other.name != name and draft.client_id == other.client_id:
                raise ValueError("another account has this client id")
        if old is None:
            self.accounts[name] = draft
            self.chains[name] = tokens.started(draft, self.shared.clock.now())
            self.save_chain(draft)
        else:
            vars(old).update(vars(draft))
        self.save_account(self.accounts[name])
        return self.accounts[name]

    def generate_tokens(self, name: str) -> Account:
        """What the portal's *Generate Tokens* does: a new pair to start with; all tokens before it are dead."""
        account, now = self.accounts[name], self.shared.clock.now()
        chain = self.chains[name]
        chain.revoke()
        account.access_token, account.refresh_token, _ = chain.issue(account, now)
        self.save_chain(account)
        self.save_account(account)
        return account

    def refresh_facts(self) -> dict[str, dict[str, int]]:
        """By account: presented twice = sent again, whatever became of the first time; used twice = after rotation."""
        facts = {}
        for name, chain in self.chains.items():
            if chain.presented:
                again = sum(times - 1 for times in chain.presented.values())
                facts[name] = {
                    "presented": chain.presented.total(),
                    "presented_twice": again,
                    "used_twice": chain.used_twice,
                }
        return facts

    def forget_presented(self) -> None:
        for chain in self.chains.values():
            chain.presented.clear()
            chain.used_twice = 0

    # -- payments -----------------------------------------------------------------------------------------------

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def used_before(self, account: Account, fields: dict[str, str]) -> str | None:
        """The name of the field whose value was used before (§3: 208)."""
        for name in account.dedupe:
            if fields.get(name) and (account.name, name, fields[name]) in self._used:
                return name
        return None

    def open_payment(self, payment: Payment, changed: Account | None = None) -> None:
        """Accepted: its references are used up; what needs no customer moves money here and nowhere else.

        `changed` is the account when the payment changed it as well: a settled reserve, a new customer.
        """
        with self.shared.store.together():
            if changed is not None:
                self.save_account(changed)
            self._enter(payment)
            if payment.flow not in HOSTED and payment.steps[0].status != "failed":
                self._write_into_ledger(payment, payment.accepted_at)
            self.save_payment(payment)

    def move_payment(self, payment: Payment, status: str) -> None:
        """Bring a payment into a state now, whatever was planned; later steps are dropped."""
        now = self.shared.clock.now()
        self.settle()
        payment.steps = [*(step for step in payment.steps if step.at <= now), Step(now, status)]
        payment.told = min(payment.told, len(payment.steps) - 1)
        self._plan(payment)
        self.settle()
        self.save_payment(payment)

    def settle(self) -> None:
        """Write into the ledger what has fallen due: customers who paid, and payments that failed after all."""
        now = self.shared.clock.now()
        while self._due and self._due[0][0] <= now:
            _, _, payment, step = heapq.heappop(self._due)
            if not any(step is one for one in payment.steps):
                continue
            with self.shared.store.together():
                if step.status == "completed" and not payment.booked:
                    self._write_into_ledger(payment, step.at)
                    self._store_instrument(payment)
                elif step.status in FINAL and step.status != "completed" and payment.booked and not payment.returned:
                    payment.returned = True
                    if payment.kind not in MOVES_NOTHING:
                        self.shared.append_to_refunds(_line(payment, step.at))
                self.save_payment(payment)

    def _enter(self, payment: Payment) -> None:
        self.payments[payment.account].append(payment)
        self.by_number[payment.number] = payment
        self.by_reference[payment.account, payment.reference_number].append(payment)
        if payment.steps[0].status != "failed" or self.accounts[payment.account].declined_used_up:
            self._used.add((payment.account, "reference_number", payment.reference_number))
            self._used.add((payment.account, "reference_id", payment.reference_id))
        self._plan(payment)

    def _plan(self, payment: Payment) -> None:
        for step in payment.steps:
            if step.status in FINAL and (payment.flow in HOSTED or step is not payment.steps[0]):
                heapq.heappush(self._due, (step.at, next(self._order), payment, step))
        notices.schedule(self, payment)

    def _write_into_ledger(self, payment: Payment, at: float) -> None:
        payment.booked = True
        if payment.kind not in MOVES_NOTHING:
            self.shared.append_to_ledger(_line(payment, at))

    def _store_instrument(self, payment: Payment) -> None:
        """A call that captured a card or reserved an amount leaves something for the `type` operations (§5.2)."""
        account = self.accounts[payment.account]
        if payment.transaction_id.startswith("pm_"):
            account.instruments[payment.transaction_id] = {"kind": "card", "outcome": "completed"}
        elif payment.transaction_id.startswith("pi_"):
            reserved = {"kind": "reserve", "amount": payment.request["reserve_amount"], "state": "held"}
            account.instruments[payment.transaction_id] = reserved
        self.save_account(account)

    def find(self, account: str, **named: str) -> Payment | None:
        """The latest payment with this `reference_number`, `reference_id` or `transaction_id`."""
        for payment in reversed(self.payments[account]):
            if all(getattr(payment, name) == value for name, value in named.items()):
                return payment
        return None

    def payment_facts(self, account: str | None = None) -> list[dict[str, Any]]:
        self.settle()
        now = self.shared.clock.now()
        shown = []
        for payment in (one for several in self.payments.values() for one in several):
            if account in (None, payment.account):
                record = {name: value for name, value in asdict(payment).items() if name not in _UNSHOWN}
                record |= {"amount": amounts.text(payment.amount), "accepted_at": iso_millis(payment.accepted_at)}
                shown.append({**record, "status": payment.step(now).status, "cdr_id": payment.cdr_id})
        return shown

    # -- saving -------------------------------------------------------------------------------------------------

    def save_payment(self, payment: Payment) -> None:
        self.shared.store.put("paytia/payment", str(payment.number), payment)

    def save_account(self, account: Account) -> None:
        self.shared.store.put("paytia/account", account.name, account.saved())

    def save_chain(self, account: Account) -> None:
        self.shared.store.put("paytia/tokens", account.name, self.chains[account.name].saved())

    def seed(self, account: str, block: Block) -> None:
        self.seeded[account].append(block)
        self.shared.store.put("paytia/seeded", f"{account}/{len(self.seeded[account])}", [account, asdict(block)])

    def restore(self, records: Iterable[tuple[str, str, Any]]) -> None:
        """Take back what `--state` kept."""
        kept: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
        for kind, key, body in records:
            kept[kind].append((key, body))
        for name, body in kept["paytia/account"]:
            self.accounts[name] = restored(body)
        for name, body in kept["paytia/tokens"]:
            self.chains[name] = tokens.Chain(**body)
        for _, (name, body) in kept["paytia/seeded"]:
            self.seeded[name].append(Block(**body))
        for _, body in kept["paytia/payment"]:
            payment = Payment(**{**body, "steps": [Step(**step) for step in body["steps"]]})
            self.serial = max(self.serial, payment.number)
            self._enter(payment)


_UNSHOWN = ("steps", "request", "response", "call", "told")


def _line(payment: Payment, at: float) -> Line:
    return Line(
        gateway="paytia",
        merchant=payment.account,
        sender_id=payment.reference_number or payment.transaction_id,
        transaction_id=payment.transaction_id,
        wallet_id="",
        amount=payment.amount,
        account=payment.instrument,
        ifsc="",
        mode=payment.flow,
        at=at,
    )
