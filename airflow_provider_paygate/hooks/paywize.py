"""The Paywize hook: one merchant's payouts, collections, balance and webhooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret

from airflow_provider_paygate.connections.paywize import PAYWIZE
from airflow_provider_paygate.exceptions import InvalidRequest, WebhookRejected
from airflow_provider_paygate.gateways.wire import Fault, Flow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_paygate.gateways.facts import Balance, Beneficiary, Collection, Payment, WebhookEvent
    from airflow_provider_paygate.gateways.paywize.client import Paywize, Told
    from airflow_provider_paygate.hooks.settings import PaywizeSettings
    from airflow_provider_paygate.payouts.journal import Entry, Journal, Who
    from airflow_provider_paygate.payouts.payout import Payout
    from airflow_provider_paygate.payouts.submission import Submitted
    from airflow_provider_paygate.transport.blocking import Timeouts

T = TypeVar("T")
P = TypeVar("P", bound="Payment")


class PaywizeHook(BaseHook):
    """Talks to Paywize as the merchant of one connection.

    Making a hook reads nothing and sends nothing. Hooks are cheap, and any number of threads, processes and machines
    may hold one on the same connection: between them they make one token call per token life.

    :param paywize_conn_id: the connection.
    """

    conn_name_attr = "paywize_conn_id"
    default_conn_name = "paywize_default"
    conn_type = PAYWIZE.conn_type
    hook_name = PAYWIZE.hook_name

    def __init__(self, paywize_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paywize_conn_id = paywize_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extra fields, for Airflow before 3.2; newer ones read the provider's metadata."""
        return PAYWIZE.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's standard fields, for Airflow before 3.2."""
        return PAYWIZE.ui_field_behaviour()

    # Payouts

    def initiate_payout(self, payout: Payout) -> Payment:
        """Submit one payout, bare: no journal stands behind it. Operators are the safe face.

        Never repeated, unless the first submission was provably not executed (an expired token).

        :raises Refused: nothing moved; its subclasses say why.
        :raises DuplicateReference: the reference was used before and may have been paid.
        :raises NotSent: it never took effect.
        :raises OutcomeUnknown: it may have moved: look it up by reference before anything else.
        """
        payment, _ = self._send(payout, None)
        return payment

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
            reference=self._checked(checked_text, reference, "reference", 200),
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

    # The safe face, for operators

    def pay(self, payout: Payout, who: Who) -> Submitted:
        """Submit through the journal: at most once, whatever is retried, cleared, backfilled or killed."""
        from airflow_provider_paygate.hooks.checks import refuse_books_on_one_machine
        from airflow_provider_paygate.payouts.submission import submit

        wallet = self._wallet(payout)
        refuse_books_on_one_machine(self.journal.database, self.settings.merchant.base_url)
        return submit(self.journal, _Rail(self), payout, wallet, who, self.settings.ceilings)

    def followed(self, entry: Entry, who: Who) -> Flow[Payment]:
        """A flow that asks once where a payment stands and takes the answer down in the journal."""
        from airflow_provider_paygate.gateways.wire import Task

        told = yield from self.client.payout(sender_id=entry.sender_id)
        yield Task(lambda: self.journal.observed(entry, told.payment, who))
        return told.payment

    def watched(
        self, subject: str, wanted: Mapping[str, str | None]
    ) -> tuple[Callable[[], Flow[Any]], Callable[[Any], bool]]:
        """How to read what a sensor waits for (``payout``, ``collection`` or ``balance``), and when it has come."""
        from airflow_provider_paygate.gateways.paywize.payout import checked_amount

        if subject == "balance":
            least = self._checked(checked_amount, wanted["minimum"], "minimum")
            return lambda: self.client.balance(wanted["wallet_id"]), lambda balance: balance.available >= least
        ids = (wanted["reference"], wanted["transaction_id"])
        if subject == "collection":
            return lambda: self._collection(*ids), lambda collection: collection.is_final
        return lambda: self._payout(*ids), lambda payment: payment.is_final

    @cached_property
    def settings(self) -> PaywizeSettings:
        """What the connection says, checked; its secrets are known to the log masker from here on."""
        return self._settings_of(self.get_connection(self.paywize_conn_id))

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
    def client(self) -> Paywize:
        """The merchant's conversation with Paywize, with the shared token."""
        from airflow_provider_paygate.database import database
        from airflow_provider_paygate.gateways.paywize.client import Paywize
        from airflow_provider_paygate.tokens.bearer import BearerTokens
        from airflow_provider_paygate.tokens.keys import Seal, derived_key
        from airflow_provider_paygate.tokens.store import TokenStore

        merchant = self.settings.merchant
        token_key = hashlib.sha256(
            f"paygate token\0paywize\0{self.settings.host}\0{merchant.api_key}".encode()
        ).hexdigest()
        seal = Seal(derived_key(merchant.secret_key, "token at rest", token_key), token_key)

        client: Paywize

        def mint(not_after: float) -> Flow[Any]:
            return client.mint(not_after)

        tokens = BearerTokens(TokenStore(database()), token_key, seal, mint, self.timeouts.whole_call, mask_secret)
        client = Paywize(merchant, tokens)
        return client

    @cached_property
    def timeouts(self) -> Timeouts:
        """How long to wait for the gateway."""
        from airflow_provider_paygate.transport.blocking import timeouts_of

        return timeouts_of(self.settings.timeout)

    async def aprepare(self) -> None:
        """Read the connection as an event loop must, and open the journal off it. Call before any `a…` flow."""
        import asyncio

        from airflow.providers.common.compat.connection import get_async_connection

        if "settings" not in self.__dict__:
            try:
                connection = await get_async_connection(self.paywize_conn_id, hook=self)
            except AirflowNotFoundException:
                # Airflow 3.3.2's `dags test` cannot read the metadata database asynchronously; blocking it can.
                connection = await asyncio.to_thread(self.get_connection, self.paywize_conn_id)
            self.__dict__["settings"] = await asyncio.to_thread(self._settings_of, connection)
        await asyncio.to_thread(lambda: (self.client, self.journal))

    def run(self, operation: str, flow: Flow[T], more_secrets: tuple[str, ...] = ()) -> T:
        """Run a flow of this hook, with this package's exceptions."""
        from airflow_provider_paygate.transport import blocking

        with self._errors(operation, more_secrets):
            return blocking.run(flow, self.timeouts)

    async def arun(self, operation: str, flow: Flow[T]) -> T:
        """The same on an event loop; :meth:`aprepare` comes first."""
        from airflow_provider_paygate.transport import awaiting

        with self._errors(operation):
            return await awaiting.run(flow, self.timeouts)

    def _settings_of(self, connection: Any) -> PaywizeSettings:
        from airflow_provider_paygate.hooks.settings import paywize_settings

        settings = paywize_settings(connection)
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def _wallet(self, payout: Payout) -> str:
        wallet = payout.wallet_id or self.settings.merchant.wallet_id
        if not wallet:
            raise InvalidRequest(
                f"{payout.reference}: wallet_id is missing: give it in the payout or in the connection",
                gateway="paywize",
                operation="check",
            )
        return wallet

    def _send(self, payout: Payout, not_after: float | None) -> Told:
        from airflow_provider_paygate.gateways.paywize.client import Told

        flow = self.client.initiate_payout(
            payout, payout.sender_id, self._wallet(payout), payout.callback_url, not_after=not_after
        )
        told = self.run("initiate", flow, more_secrets=(payout.beneficiary_account,))
        return Told(replace(told.payment, reference=payout.reference), told.beneficiary)

    def _payout(self, reference: str | None, transaction_id: str | None) -> Flow[Payment]:
        told = yield from self.client.payout(sender_id=_sender_id(reference), transaction_id=transaction_id)
        return _named(told.payment, reference)

    def _collection(self, reference: str | None, transaction_id: str | None) -> Flow[Collection]:
        told = yield from self.client.collection(sender_id=_sender_id(reference), transaction_id=transaction_id)
        return _named(told, reference)

    @contextmanager
    def _errors(self, operation: str, more_secrets: tuple[str, ...] = ()) -> Iterator[None]:
        from airflow_provider_paygate.hooks.errors import error_of

        try:
            yield
        except Fault as fault:
            raise error_of(fault, "paywize", operation, (*self.settings.secrets, *more_secrets)) from None
        except ValueError as error:
            raise InvalidRequest(str(error), gateway="paywize", operation=operation) from None

    def _checked(self, check: Any, *args: Any) -> Any:
        with self._errors("check"):
            return check(*args)


class _Rail:
    """The hook as the journal's submission sees it."""

    def __init__(self, hook: PaywizeHook) -> None:
        self._hook = hook
        self.visibility_window = hook.settings.visibility_window
        self.call_seconds = hook.timeouts.whole_call

    def prepare(self) -> None:
        self._hook.run("auth", self._hook.client.tokens.current())

    def send(self, payout: Payout, not_after: float) -> tuple[Payment, Beneficiary]:
        return self._hook._send(payout, not_after)

    def look_up(self, sender_id: str) -> tuple[Payment, Beneficiary]:
        return self._hook.run("status", self._hook.client.payout(sender_id=sender_id))


def _sender_id(reference: str | None) -> str | None:
    from airflow_provider_paygate.gateways.paywize.payout import sender_id_of

    return None if reference is None or not reference.strip() else sender_id_of(reference.strip())


def _named(payment: P, reference: str | None) -> P:
    """`payment` with the name it was asked by; asked by transaction id, the gateway id stands in when it is a reference."""
    from airflow_provider_paygate.gateways.paywize.payout import HASHED_SENDER_ID

    if reference is None and payment.sender_id and not HASHED_SENDER_ID.fullmatch(payment.sender_id):
        reference = payment.sender_id
    return replace(payment, reference=reference.strip() if reference else None)
