"""One merchant's conversation with Paywize, as flows: what to send, and what the answers came to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from airflow_provider_paygate.gateways.facts import Balance, Beneficiary, Collection, Payment, WebhookEvent
from airflow_provider_paygate.gateways.paywize import auth, outcomes
from airflow_provider_paygate.gateways.paywize.cipher import cipher_for
from airflow_provider_paygate.gateways.paywize.collection import collection_body, collection_of
from airflow_provider_paygate.gateways.paywize.envelope import Envelope, decrypted
from airflow_provider_paygate.gateways.paywize.payout import PayoutFields, balance_of, body_of, payment_of, sender_id_of
from airflow_provider_paygate.gateways.paywize.webhook import event_of
from airflow_provider_paygate.gateways.wire import Exchange, Fault, Flow, Kind, Reply, Request, Undelivered, reading


@dataclass(frozen=True)
class Merchant:
    """What a connection says of one merchant, checked. Secrets are kept out of the repr."""

    base_url: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption: str
    auth_style: str
    paths: Mapping[str, str]
    wallet_id: str | None = None
    callback_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_signature: str = "if_present"


class Tokens(Protocol):
    """Where the client gets its bearer token: shared, and renewed once for everybody."""

    def current(self) -> Flow[str]:
        """A token to use now."""

    def instead_of(self, refused: str) -> Flow[str]:
        """A token to use after the gateway refused this one."""


class Told(NamedTuple):
    """A payout as the gateway tells it, and whom it says was paid."""

    payment: Payment
    beneficiary: Beneficiary


class Paywize:
    """Every documented operation of one merchant. Methods return flows; the drivers in ``transport`` run them.

    Flows raise :class:`Fault`; bad arguments raise ValueError before anything is sent.
    """

    def __init__(self, merchant: Merchant, tokens: Tokens) -> None:
        self.merchant = merchant
        self.tokens = tokens
        self.cipher = cipher_for(merchant.encryption, merchant.api_key, merchant.secret_key)

    def initiate_payout(
        self,
        payout: PayoutFields,
        sender_id: str,
        wallet_id: str | None,
        callback_url: str | None,
        not_after: float | None = None,
    ) -> Flow[Told]:
        """Submit one payout, once; an expired token is renewed and the same bytes repeated (§2.2)."""
        wallet = wallet_id or self.merchant.wallet_id
        if not wallet:
            raise ValueError("wallet_id is missing: give it in the payout or in the connection")
        body = body_of(payout, sender_id, wallet, callback_url or self.merchant.callback_url)
        envelope = yield from self._authorised("initiate", self._post("initiate", body), not_after)
        with _reading("initiate"):
            told = Told(*payment_of(self._opened("initiate", envelope)))
        if not _is_answer_to(told.payment, sender_id, payout.amount):
            raise Fault(
                Kind.UNKNOWN,
                "Paywize payout: the answer names another sender_id or amount",
                code=envelope.code,
                http_status=envelope.http_status,
            )
        return told

    def payout(self, *, sender_id: str | None = None, transaction_id: str | None = None) -> Flow[Told]:
        """Look one payout up. Raises Fault(NOT_FOUND) only for the gateway's own code for it."""
        params = _one_of(sender_id=sender_id, transaction_id=transaction_id)
        envelope = yield from self._authorised("status", self._get("status", params))
        told = Told(*payment_of(self._opened("status", envelope)))
        _same_payment("status", told.payment, sender_id, transaction_id)
        return told

    def balance(self, wallet_id: str | None) -> Flow[Balance]:
        """What a wallet holds."""
        wallet = (wallet_id or "").strip() or self.merchant.wallet_id
        if not wallet:
            raise ValueError("wallet_id is missing: give it here or in the connection")
        envelope = yield from self._authorised("balance", self._get("balance", {"wallet_id": wallet}))
        # Documented as a plain object; tenants that encrypt it are read as well (§7 no. 21).
        data = envelope.data if isinstance(envelope.data, Mapping) else decrypted(self.cipher, envelope)
        balance = balance_of(data, wallet)
        if balance is None:
            raise Fault(
                Kind.BAD_REPLY,
                "Paywize wallet balance: the answer holds no amount",
                code=envelope.code,
                http_status=envelope.http_status,
            )
        return balance

    def initiate_collection(
        self, *, reference: str, amount: object, vpa: str, channel: str, callback_url: str | None, remarks: str | None
    ) -> Flow[Collection]:
        """Ask for a payment link."""
        sender_id = sender_id_of(reference)
        body, rupees = collection_body(
            sender_id=sender_id, amount=amount, vpa=vpa, channel=channel,
            callback_url=callback_url or self.merchant.callback_url, remarks=remarks,
        )  # fmt: skip
        envelope = yield from self._authorised("collection_initiate", self._post("collection_initiate", body))
        with _reading("collection_initiate"):
            told = collection_of(self._opened("collection_initiate", envelope))
        if not _is_answer_to(told, sender_id, rupees):
            raise Fault(
                Kind.UNKNOWN,
                "Paywize collection: the answer names another senderId or amount",
                code=envelope.code,
                http_status=envelope.http_status,
            )
        return replace(told, reference=reference, amount=rupees)

    def collection(self, *, sender_id: str | None = None, transaction_id: str | None = None) -> Flow[Collection]:
        """Look one collection up."""
        wanted = _one_of(sender_id=sender_id, transaction_id=transaction_id)
        params = {{"sender_id": "senderId", "transaction_id": "txnId"}[name]: value for name, value in wanted.items()}
        envelope = yield from self._authorised("collection_status", self._get("collection_status", params))
        told = collection_of(self._opened("collection_status", envelope))
        _same_payment("collection_status", told, sender_id, transaction_id)
        return told

    def call(
        self, method: str, path: str, data: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> Flow[dict[str, Any]]:
        """Any authorised call, connected banking's among them: `data` is encrypted, the answer's `data` decrypted."""
        if not path.startswith("/"):
            raise ValueError("path must begin with a slash; it is added to the connection's host")
        body = None if data is None else self._sealed(data)
        request = Request(method.upper(), self.merchant.base_url + path, _JSON, dict(params or {}), body)
        operation = self._operation_of(request.method, path)
        envelope = yield from self._authorised(operation, request)
        if isinstance(envelope.data, Mapping):
            return dict(envelope.data)
        return {} if envelope.data is None else self._opened(operation, envelope)

    def _operation_of(self, method: str, path: str) -> str:
        """What a code means depends on the operation: of a path that is none of ours, only whether it may move money is known."""
        reads = method in {"GET", "HEAD"}
        known = ("status", "balance", "collection_status") if reads else ("initiate", "collection_initiate")
        found = (name for name in known if self.merchant.paths[name] == path.partition("?")[0])
        return next(found, "read" if reads else "call")

    def mint(self, not_after: float | None = None) -> Flow[auth.Minted]:
        """Get a new token. Never repeated here: whoever shares the token decides when another try is due."""
        style = auth.style_of(self.merchant.auth_style, self.merchant.encryption)
        body = auth.token_body(style, self.cipher, self.merchant.api_key, self.merchant.secret_key)
        request = Request("POST", self.merchant.base_url + self.merchant.paths["auth"], _JSON, body=body)
        reply = yield from _exchanged("auth", request, not_after)
        return auth.token_of(self.cipher, outcomes.checked("auth", reply))

    def webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """The event in a webhook's bytes. Raises ValueError saying why it cannot be trusted."""
        merchant = self.merchant
        return event_of(
            body,
            headers,
            cipher=self.cipher,
            signing_key=merchant.webhook_secret or merchant.secret_key,
            policy=merchant.webhook_signature,
        )

    def _authorised(self, operation: str, request: Request, not_after: float | None = None) -> Flow[Envelope]:
        """Send with a token; refused as expired, send the same bytes once more with another one."""
        token = yield from self.tokens.current()
        reply = yield from _exchanged(operation, _bearing(request, token), not_after)
        with _reading(operation):
            expired = outcomes.token_refused(operation, reply)
        if expired:
            token = yield from self.tokens.instead_of(token)
            reply = yield from _exchanged(operation, _bearing(request, token), not_after)
        with _reading(operation):
            return outcomes.checked(operation, reply)

    def _opened(self, operation: str, envelope: Envelope) -> dict[str, Any]:
        try:
            return decrypted(self.cipher, envelope)
        except Fault as fault:
            # After a money call an unreadable success is an unknown outcome, not a bad reply.
            fault.kind = outcomes.unanswered(operation)
            raise

    def _post(self, operation: str, body: Mapping[str, str]) -> Request:
        return Request("POST", self.merchant.base_url + self.merchant.paths[operation], _JSON, body=self._sealed(body))

    def _get(self, operation: str, params: Mapping[str, str]) -> Request:
        return Request("GET", self.merchant.base_url + self.merchant.paths[operation], _JSON, params)

    def _sealed(self, body: Mapping[str, Any]) -> bytes:
        plaintext = json.dumps(body, default=_json_default, separators=(",", ":")).encode()
        return json.dumps({"payload": self.cipher.encrypt(plaintext)}).encode()


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def _reading(operation: str) -> AbstractContextManager[None]:
    text = f"Paywize {operation}: the answer cannot be read"
    return reading(Fault(outcomes.unanswered(operation), text, operation=operation))


def _bearing(request: Request, token: str) -> Request:
    return request.with_headers(Authorization=f"Bearer {token}")


def _exchanged(operation: str, request: Request, not_after: float | None) -> Flow[Reply]:
    try:
        reply: Reply = yield Exchange(request, not_after)
    except Undelivered as error:
        kind = outcomes.unanswered(operation) if error.sent and operation in outcomes.MONEY else Kind.NOT_SENT
        raise Fault(kind, f"Paywize {operation}: {error}", operation=operation) from error
    return reply


def _one_of(**ids: str | None) -> dict[str, str]:
    given = {name: value.strip() for name, value in ids.items() if value is not None and value.strip()}
    if len(given) != 1:
        raise ValueError("give exactly one of reference and transaction_id")
    return given


def _is_answer_to(payment: Payment, sender_id: str, amount: Decimal) -> bool:
    """Whether a success is about what was submitted: it names an id, and nothing in it says otherwise."""
    named = payment.sender_id or payment.transaction_id
    return bool(named) and payment.sender_id in (None, sender_id) and payment.amount in (None, amount)


def _same_payment(operation: str, payment: Payment, sender_id: str | None, transaction_id: str | None) -> None:
    """An answer about somebody else's payment is worse than none."""
    ids = ((sender_id, payment.sender_id), (transaction_id, payment.transaction_id))
    if any(asked and told and asked != told for asked, told in ids):
        raise Fault(Kind.BAD_REPLY, f"Paywize {operation}: the answer is about another payment")


def _json_default(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
