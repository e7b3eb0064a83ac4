"""The Paytia hook: one merchant's links, stored instruments, bank payouts, reports and webhooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.connections.paytia import PAYTIA
from airflow_provider_paygate.exceptions import InvalidRequest, WebhookRejected
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind
from airflow_provider_paygate.hooks.paytia_reports import PaytiaReports

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.paytia.client import Paytia
    from airflow_provider_paygate.gateways.paytia.payment import PaytiaPayment
    from airflow_provider_paygate.gateways.paytia.webhook import PaytiaEvent
    from airflow_provider_paygate.payouts.charge import Charge
    from airflow_provider_paygate.payouts.journal import Journal
    from airflow_provider_paygate.tokens.pair import PairTokens
    from airflow_provider_paygate.tokens.renewal import Pair


class PaytiaHook(PaytiaReports):
    """Talks to Paytia as the merchant of one connection.

    Making a hook reads nothing and sends nothing. Hooks are cheap, and any number of threads, processes and machines
    may hold one on the same connection: between them they make one token call per token life, and use a refresh token once.

    :param paytia_conn_id: the connection.
    """

    conn_name_attr = "paytia_conn_id"
    default_conn_name = "paytia_default"
    conn_type = PAYTIA.conn_type
    hook_name = PAYTIA.hook_name
    gateway = "paytia"
    table = PAYTIA

    def __init__(self, paytia_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paytia_conn_id = paytia_conn_id

    # Tokens

    def authorize(self) -> Pair:
        """Exchange client id and secret for a new pair, with the live access token where there is one. Stored before this returns.

        Ordinary calls renew the pair by themselves; this is for starting a chain, and for mending one.

        :raises TokenLost: the gateway refuses; the message says where a person makes a new pair.
        """
        return self.run("authorize", self._pair().renewed(by_refresh=False))

    def refresh(self) -> Pair:
        """Exchange the refresh token for a new pair now. Stored before this returns.

        :raises TokenLost: nothing that could bring a pair is left.
        """
        return self.run("refresh", self._pair().renewed(by_refresh=True))

    # Payment service

    def payment_service(self, fields: Mapping[str, Any]) -> PaytiaPayment:
        """Any flow of the Payment Service that needs no telephone, given as fields, sent once. The answer's own fields read like
        a mapping: ``hook.payment_service({...})["linktopay_url"]``.

        Money moved this way is in no journal: :meth:`charge_stored` and its neighbours are the safe face.

        :raises Refused: nothing moved; also for a field that cannot be sent, and for card data.
        :raises DuplicateReference: the reference was used before.
        :raises OutcomeUnknown: money may have moved.
        :raises NotSent: no money moved.
        """
        return self.run("payment_service", self.client.payment_service(fields))

    def create_payment_link(
        self,
        *,
        reference: str,
        amount: object,
        currency: str | None = None,
        email: str | None = None,
        send_email: bool = False,
        **fields: Any,
    ) -> PaytiaPayment:
        """Make a link to pay: `.url`. Further fields (`description`, `phone_number`, `webhook_url`, …) go along as they are.

        :param send_email: have Paytia email the link; it may then keep the link to itself (specs/paytia.md §5.3).
        :raises DuplicateReference: a link was asked for under this reference before; use a new one.
        :raises NotSent: no answer came. No money moved, but a link may exist: use a new reference.
        """
        from airflow_provider_paygate.gateways.paytia.service import LINK

        more = {"currency": currency, "email": email, "send_email": send_email}
        return self._page(LINK, reference, amount, {**fields, **more}, url_expected=not (email and send_email))

    def create_checkout(self, *, reference: str, amount: object, **fields: Any) -> PaytiaPayment:
        """Make a hosted checkout page: `.url`. Errors as for :meth:`create_payment_link`."""
        from airflow_provider_paygate.gateways.paytia.service import CHECKOUT

        return self._page(CHECKOUT, reference, amount, fields, url_expected=False)

    def charge_stored(
        self, *, reference: str, amount: Any, transaction_id: str, currency: str | None = None, **fields: Any
    ) -> PaytiaPayment:
        """Charge a stored card (`transaction_id`: ``pm_…``, ``cus_…``), at most once for a reference, through the journal.

        :raises Refused: declined, or not sent because of a field; nothing moved.
        :raises DuplicateReference: the reference was used before, and not by us.
        :raises OutcomeUnknown: it may have been charged; the same call again looks it up first.
        """
        return self._charged("charge", reference, amount, transaction_id, currency, fields)

    def settle_reserve(
        self, *, reference: str, amount: Any, transaction_id: str, currency: str | None = None, **fields: Any
    ) -> PaytiaPayment:
        """Take the money of a pre-authorisation (`transaction_id`: ``pi_…``), at most once. Errors as for a charge."""
        return self._charged("settle", reference, amount, transaction_id, currency, fields)

    def bank_payout(
        self, *, reference: str, amount: Any, bank_token: str, currency: str | None = None, **fields: Any
    ) -> PaytiaPayment:
        """Pay a stored bank account (flag 9), at most once. Accepted is not final: the payment history tells the end."""
        return self._charged("bank_payout", reference, amount, bank_token, currency, fields)

    def release_reserve(self, *, transaction_id: str, **fields: Any) -> PaytiaPayment:
        """Let go of a pre-authorisation. Moves no money; a retry is safe."""
        return self.payment_service({**fields, "type": "remove", "transaction_id": transaction_id})

    def update_subscription(self, *, subscription_id: str, **fields: Any) -> PaytiaPayment:
        """Change a subscription (``sub_…``). Moves no money; a retry is safe."""
        return self.payment_service({**fields, "type": "update", "subscription_id": subscription_id})

    def cancel_subscription(self, *, subscription_id: str, **fields: Any) -> PaytiaPayment:
        """End a subscription (``sub_…``). Moves no money."""
        return self.payment_service({**fields, "type": "cancel", "subscription_id": subscription_id})

    # Everything else

    def call(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Any authorised call: `data` goes as JSON, to the payment service as multipart; the answer's JSON comes back.

        Money moved this way is in no journal: nothing keeps a retried task from sending it again.
        """
        return self.run("call", self.client.call(method, path, data, params))

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> PaytiaEvent:
        """The event in a webhook, of whichever kind. A reason to look the payment up, never a proof.

        :raises WebhookRejected: saying what is wrong with it.
        """
        try:
            return self._bare.webhook(body, headers)
        except ValueError as error:
            raise WebhookRejected(f"Webhook rejected: {error}", gateway="paytia", operation="webhook") from None

    def test_connection(self) -> tuple[bool, str]:
        """Whether key, tokens and address are right. Moves no money and never refreshes."""
        from airflow_provider_paygate.hooks.checks import paytia_checked

        return paytia_checked(self)

    # For operators, sensors and triggers

    def watched(
        self, subject: str, wanted: Mapping[str, str | None]
    ) -> tuple[Callable[[], Flow[Any]], Callable[[Any], bool]]:
        """How to read what a sensor waits for (a ``payment``), and when it has come."""
        reference = wanted["reference"] or ""
        return lambda: self.payment_under(reference), lambda payment: payment.is_final

    def open(self) -> object:
        """Make the client and open the journal."""
        return self.client, self.journal

    @cached_property
    def journal(self) -> Journal:
        """The journal of the connection's account."""
        from airflow_provider_paygate.database import database
        from airflow_provider_paygate.payouts.identity import Fingerprints, account_of
        from airflow_provider_paygate.payouts.journal import Journal

        books = database()
        merchant = self.settings.merchant
        account = account_of(
            books,
            gateway="paytia",
            host=self.settings.host,
            api_key=merchant.api_key,
            conn_id=self.paytia_conn_id,
            currency="GBP",
            day_zone="Europe/London",
        )
        return Journal(books, account, Fingerprints(merchant.api_key, account.account_id))

    @property
    def reads(self) -> Paytia:
        """The client, as far as it reads."""
        return self.client

    @cached_property
    def client(self) -> Paytia:
        """The merchant's conversation with Paytia, with the shared pair where there is one."""
        from airflow_provider_paygate.gateways.paytia.client import Paytia

        return Paytia(self.settings.merchant, self.tokens)

    @cached_property
    def tokens(self) -> PairTokens | None:
        """The pair that the whole fleet shares; None when calls carry the API key alone."""
        from airflow_provider_paygate.hooks.pairs import shared_pair

        return (
            shared_pair(self.settings, self._bare, self.timeouts.whole_call)
            if self.settings.merchant.enhanced
            else None
        )

    @cached_property
    def _bare(self) -> Paytia:
        """A client for what needs no token: the token calls themselves, and webhooks."""
        from airflow_provider_paygate.gateways.paytia.client import Paytia

        return Paytia(self.settings.merchant, None)

    def _pair(self) -> PairTokens:
        if self.tokens is None:
            raise InvalidRequest(
                "There are no tokens without enhanced security: set login and password (client id and secret) in the connection",
                gateway="paytia",
                operation="authorize",
            )
        return self.tokens

    def _secrets(self) -> tuple[str, ...]:
        tokens = self.__dict__.get("tokens")
        return (*super()._secrets(), *(tokens.handled() if tokens is not None else ()))

    def _charged(
        self,
        operation: str,
        reference: str,
        amount: Any,
        instrument: str,
        currency: str | None,
        fields: Mapping[str, Any],
    ) -> PaytiaPayment:
        from airflow_provider_paygate.hooks.charges import PaytiaCharges
        from airflow_provider_paygate.payouts.charge import Charge
        from airflow_provider_paygate.payouts.entry import Who

        charge = Charge(
            operation=operation,
            reference=reference,
            amount=amount,
            instrument=instrument,
            currency=currency,
            replaces=fields.get("replaces"),
            fields={name: value for name, value in fields.items() if name != "replaces"},
        )
        return PaytiaCharges(self, Who()).paid(charge)

    def submitted(self, charge: Charge, not_after: float | None = None) -> Flow[PaytiaPayment]:
        """One submission; not begun when it could outlast the monotonic time `not_after`."""
        flow = self.client.payment_service(charge.request, not_after)
        payment = yield from self.told(charge.operation, flow, more_secrets=(charge.instrument,))
        return replace(payment, reference=charge.reference)

    def _page(
        self, flag: str, reference: str, amount: object, fields: Mapping[str, Any], *, url_expected: bool
    ) -> PaytiaPayment:
        from airflow_provider_paygate.gateways.paytia.service import checked_amount, checked_reference, number_of

        name = self.checked(checked_reference, reference)
        number = number_of(name)
        wanted = {
            "reference_id": number,
            **fields,
            "transaction_flag": flag,
            "amount": self.checked(checked_amount, amount),
            "reference_number": number,
        }
        payment = self.run("link", self._with_url(self.client.payment_service(wanted), url_expected))
        return replace(payment, reference=name)

    @staticmethod
    def _with_url(flow: Flow[PaytiaPayment], expected: bool) -> Flow[PaytiaPayment]:
        payment = yield from flow
        if expected and not payment.url:
            raise Fault(
                Kind.BAD_REPLY,
                "Paytia payment link: the answer holds no link. No money moved; ask again under a new reference",
                operation="link",
            )
        return payment
