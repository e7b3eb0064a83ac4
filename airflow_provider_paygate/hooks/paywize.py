"""The Paywize hook: one merchant's payouts, collections, balance and webhooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_paygate.connections.paywize import PAYWIZE
from airflow_provider_paygate.exceptions import WebhookRejected
from airflow_provider_paygate.gateways.wire import Flow
from airflow_provider_paygate.hooks.gateway import GatewayHook, mask_token

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.facts import Balance, Collection, Payment, WebhookEvent
    from airflow_provider_paygate.gateways.paywize.client import Paywize, Told
    from airflow_provider_paygate.hooks.settings import PaywizeSettings
    from airflow_provider_paygate.payouts.journal import Journal
    from airflow_provider_paygate.payouts.payout import Payout
    from airflow_provider_paygate.payouts.rates import Rates

P = TypeVar("P", bound="Payment")


class PaywizeHook(GatewayHook["PaywizeSettings"]):
    """Talks to Paywize as the merchant of one connection.

    Making a hook reads nothing and sends nothing. Hooks are cheap, and any number of threads, processes and machines
    may hold one on the same connection: between them they make one token call per token life.

    :param paywize_conn_id: the connection.
    """

    conn_name_attr = "paywize_conn_id"
    default_conn_name = "paywize_default"
    conn_type = PAYWIZE.conn_type
    hook_name = PAYWIZE.hook_name
    gateway = "paywize"
    table = PAYWIZE

    def __init__(self, paywize_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paywize_conn_id = paywize_conn_id

    # Payouts

    def initiate_payout(self, payout: Payout) -> Payment:
        """Submit one payout, bare: no journal stands behind it. Operators are the safe face.

        Never repeated, unless the first submission was provably not executed (an expired token).

        :raises Refused: nothing moved; its subclasses say why.
        :raises DuplicateReference: the reference was used before and may have been paid.
        :raises NotSent: it never took effect.
        :raises OutcomeUnknown: it may have moved: look it up by reference before anything else.
        """
        self.settings.ceilings.check(payout)  # the day's ceiling needs the journal
        return self.run("initiate", self.submitted(payout)).payment

    def get_payout(self, *, reference: str | None = None, transaction_id: str | None = None) -> Payment:
        """Where a payout stands. Raises NotFound when the gateway has none."""
        return self.run("status", self._payout(reference, transaction_id))

    async def aget_payout(self, *, reference: str | None = None, transaction_id: str | None = None) -> Payment:
        """The same on an event loop."""
        await self.aprepare()
        return await self.arun("status", self._payout(reference, transaction_id))

    def get_balance(self, wallet_id: str | None = None) -> Balance:
        """What a wallet holds; the connection's wallet when none is given."""
        return self.run("balance", self.client.balance(wallet_id))

    # Collections

    def initiate_collection(
        self,
        *,
        reference: str,
        amount: object,
        vpa: str,
        channel: str,
        callback_url: str | None = None,
        remarks: str | None = None,
    ) -> Collection:
        """Ask for a UPI payment link: `payment_url` for a browser, `intent_url` for a payment app.

        :raises DuplicateReference: the reference was used before; :meth:`get_collection` finds it.
        """
        from airflow_provider_paygate.gateways.paywize.payout import checked_text

        flow = self.client.initiate_collection(
            reference=self.checked(checked_text, reference, "reference", 200),
            amount=amount,
            vpa=vpa,
            channel=channel,
            callback_url=callback_url,
            remarks=remarks,
        )
        return self.run("collection_initiate", flow)

    def get_collection(self, *, reference: str | None = None, transaction_id: str | None = None) -> Collection:
        """Where a collection stands. Raises NotFound when the gateway has none."""
        return self.run("collection_status", self._collection(reference, transaction_id))

    async def aget_collection(self, *, reference: str | None = None, transaction_id: str | None = None) -> Collection:
        """The same on an event loop."""
        await self.aprepare()
        return await self.arun("collection_status", self._collection(reference, transaction_id))

    # Everything else

    def call(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Any authorised call, connected banking's among them: `data` goes encrypted, the answer's data comes decrypted.

        Money moved this way is in no journal: nothing keeps a retried task from sending it again.
        """
        return self.run("call", self.client.call(method, path, data, params))

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """The event in a webhook, verified and decrypted. A reason to look the payment up, never a proof.

        :raises WebhookRejected: saying what is wrong with it.
        """
        try:
            return self.client.webhook(body, headers)
        except ValueError as error:
            raise WebhookRejected(f"Webhook rejected: {error}", gateway="paywize", operation="webhook") from None

    def test_connection(self) -> tuple[bool, str]:
        """Whether keys, encryption, address and wallet are right, and which of them is not. Moves no money."""
        from airflow_provider_paygate.hooks.checks import paywize_checked

        return paywize_checked(self)

    # For operators, sensors and triggers

    def watched(
        self, subject: str, wanted: Mapping[str, str | None]
    ) -> tuple[Callable[[], Flow[Any]], Callable[[Any], bool]]:
        """How to read what a sensor waits for (``payout``, ``collection`` or ``balance``), and when it has come."""
        from airflow_provider_paygate.gateways.paywize.payout import checked_amount
        from airflow_provider_paygate.payouts.waiting import is_final

        if subject == "balance":
            least = self.checked(checked_amount, wanted["minimum"], "minimum")
            wallet = wanted["wallet_id"]
            return lambda: self._paced("balance", self.client.balance(wallet)), lambda told: told.available >= least
        ids = (wanted["reference"], wanted["transaction_id"])
        if subject == "collection":
            return lambda: self._paced("status", self._collection(*ids)), is_final
        return lambda: self._paced("status", self._payout(*ids)), is_final

    def read_settings(self, connection: Any) -> PaywizeSettings:
        """The connection's settings, checked."""
        from airflow_provider_paygate.hooks.settings import paywize_settings

        return paywize_settings(connection)

    def open(self) -> object:
        """Make the client and open the journal."""
        return self.client, self.journal

    @cached_property
    def journal(self) -> Journal:
        """The payout journal of the connection's account."""
        from airflow_provider_paygate.database import database
        from airflow_provider_paygate.payouts.identity import Fingerprints, account_of
        from airflow_provider_paygate.payouts.journal import Journal

        books = database()
        merchant = self.settings.merchant
        account = account_of(
            books,
            gateway="paywize",
            host=self.settings.host,
            api_key=merchant.api_key,
            conn_id=self.paywize_conn_id,
            currency="INR",
            day_zone="Asia/Kolkata",
        )
        return Journal(books, account, Fingerprints(merchant.secret_key, account.account_id))

    @cached_property
    def rates(self) -> Rates:
        """The account's per-minute limits, kept with every other worker."""
        from airflow_provider_paygate.payouts.rates import Rates

        return Rates(self.journal.database, self.journal.account.account_id, self.settings.rate_limits)

    @cached_property
    def client(self) -> Paywize:
        """The merchant's conversation with Paywize, with the shared token."""
        from airflow_provider_paygate.database import database
        from airflow_provider_paygate.gateways.paywize.client import Paywize
        from airflow_provider_paygate.payouts.rates import Rates
        from airflow_provider_paygate.tokens.bearer import BearerTokens
        from airflow_provider_paygate.tokens.keys import Seal, derived_key
        from airflow_provider_paygate.tokens.store import TokenStore

        merchant = self.settings.merchant
        token_key = hashlib.sha256(
            f"paygate token\0paywize\0{self.settings.host}\0{merchant.api_key}".encode()
        ).hexdigest()
        seal = Seal(derived_key(merchant.secret_key, "token at rest", token_key), token_key)

        client: Paywize

        books = database()
        rates = Rates(books, token_key, self.settings.rate_limits)

        def mint(not_after: float) -> Flow[Any]:
            return rates.heeding("auth", client.mint(not_after))

        tokens = BearerTokens(
            TokenStore(books), token_key, seal, mint, self.timeouts.whole_call, rates.reserve_call("auth"), mask_token
        )
        client = Paywize(merchant, tokens)
        return client

    def submitted(self, payout: Payout, not_after: float | None = None, rates: Rates | None = None) -> Flow[Told]:
        """One submission and whom the answer names; not begun when it could outlast the monotonic time `not_after`."""
        from airflow_provider_paygate.gateways.paywize.client import Told

        flow = self.client.initiate_payout(
            payout, payout.sender_id, payout.wallet_id, payout.callback_url, not_after=not_after
        )
        if rates is not None:
            flow = rates.heeding("initiate", flow)
        told = yield from self.told("initiate", flow, more_secrets=(payout.beneficiary_account,))
        return Told(replace(told.payment, reference=payout.reference), told.beneficiary)

    def _paced(self, operation: str, flow: Flow[Any]) -> Flow[Any]:
        return self.rates.paced(operation, flow)

    def _payout(self, reference: str | None, transaction_id: str | None) -> Flow[Payment]:
        told = yield from self.client.payout(sender_id=_sender_id(reference), transaction_id=transaction_id)
        return _named(told.payment, reference)

    def _collection(self, reference: str | None, transaction_id: str | None) -> Flow[Collection]:
        told = yield from self.client.collection(sender_id=_sender_id(reference), transaction_id=transaction_id)
        return _named(told, reference)


def _sender_id(reference: str | None) -> str | None:
    from airflow_provider_paygate.gateways.paywize.payout import sender_id_of

    return None if reference is None or not reference.strip() else sender_id_of(reference.strip())


def _named(payment: P, reference: str | None) -> P:
    """`payment` with the name it was asked by; asked by transaction id, the gateway id stands in when it is a reference."""
    from airflow_provider_paygate.gateways.paywize.payout import HASHED_SENDER_ID

    if reference is None and payment.sender_id and not HASHED_SENDER_ID.fullmatch(payment.sender_id):
        reference = payment.sender_id
    return replace(payment, reference=reference.strip() if reference else None)
