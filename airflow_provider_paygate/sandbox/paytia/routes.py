"""Paytia's addresses (specs/paytia.md §2), and the way of a call through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_paygate.sandbox import faults as wire
from airflow_provider_paygate.sandbox.exchange import HTML, Exchange, Receive, Reply, Scope, Send

from . import misbehaviour, reports, service, tokens
from .answers import TEXT, Answer, Refusal, refused
from .call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_paygate.sandbox.connections import Connections
    from airflow_provider_paygate.sandbox.faults import Fault, Faults

    from .accounts import Account
    from .book import Book

PATHS = {
    "/api/authorize": "authorize",
    "/api/refresh_token": "refresh",
    "/api/payment_service": "payment_service",
    "/api/payment_taken": "payments_taken",
    "/api/manage_cdr_logs": "cdr_logs",
    "/api/view_cdr_log": "cdr",
    "/api/view_api_details_cdr": "cdr_api_details",
    "/api/webhook_request_data": "webhook_log",
}
OPERATIONS = frozenset(PATHS.values())
_TOKEN_CALLS: dict[str, Callable[[Book, Call], Answer]] = {"authorize": tokens.authorize, "refresh": tokens.refresh}
_CALLS: dict[str, Callable[[Book, Call, Account], Answer]] = {
    "payment_service": service.serve,
    "payments_taken": reports.payments,
    "cdr_logs": reports.cdr_logs,
    "cdr": reports.cdr,
    "cdr_api_details": reports.cdr_api_details,
    "webhook_log": reports.webhook_log,
}
# One text for a wrong key and a wrong address: the page gives both the same 401 (ERR).
_WRONG_KEY = Refusal(401, "Unauthorized: invalid API key or source IP not allowed")
_WRONG_TOKEN = Refusal(401, "Unauthorized: ACCESS-TOKEN is missing, invalid or expired")


class PaytiaGateway:
    """An ASGI application. Handlers are plain functions of the book and the call; only sending is asynchronous."""

    def __init__(self, book: Book, connections: Connections, faults: Faults) -> None:
        self.book = book
        self._connections = connections
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._connections)
        if self._connections.first_call(exchange.peer):
            self.book.shared.counters.connections += 1
        await exchange.read()
        operation = PATHS.get(exchange.path)
        if operation is None:
            await exchange.reply(self._page(exchange))
            return
        call = Call(exchange, operation, self.book)
        if operation == "refresh":
            tokens.count_presented(self.book, call)
        found = self._faults.pick("paytia", operation, call.facts) if self._faults else []
        if found:
            await self._with_faults(call, found)
        else:
            answer = self._answer(call)
            self._count(call, answer.outcome)
            await exchange.reply(answer.reply(call.account))

    async def _with_faults(self, call: Call, found: list[Fault]) -> None:
        await wire.slow_down(found)
        misbehaviour.prepare(call, found)
        fault = found[-1]
        if fault.fault in wire.WIRE:
            self._count(call, fault.fault)
            await wire.on_the_wire(
                fault, call.exchange, lambda: self._answer(call).reply(call.account), misbehaviour.plain
            )
            return
        if fault.fault in wire.ANSWER["paytia"]:
            answer = misbehaviour.answer(self.book, call, fault, self._answer)
            self._count(call, fault.fault)
        else:
            answer = self._answer(call)
            self._count(call, answer.outcome)
        await call.exchange.reply(answer.reply(call.account))

    def _count(self, call: Call, outcome: str) -> None:
        account = call.account.name if call.account else ""
        self.book.shared.counters.count(account, call.operation, outcome)

    def _answer(self, call: Call) -> Answer:
        """Execute the call: the verb, the keys, then the operation's own checks."""
        try:
            if call.exchange.method != "POST":
                raise Refusal(405, f"{call.exchange.method} is not allowed here, use POST")
            if call.operation in _TOKEN_CALLS:
                self._check_address(call)
                return _TOKEN_CALLS[call.operation](self.book, call)
            return _CALLS[call.operation](self.book, call, self._admitted(call))
        except Refusal as refusal:
            return refused(refusal, call.account, call.fields.get("reference_id"))

    def _admitted(self, call: Call) -> Account:
        """The account whose call this is (§2, §4.4): its key, and under enhanced security a live token as well."""
        account = call.account
        if account is None:
            raise _WRONG_KEY
        self._check_address(call)
        # REP names the headers as alternatives: an account may be set to take the token alone.
        token_alone = account.enhanced and not account.needs_both_headers and call.api_key is None
        if not token_alone and call.api_key != account.api_key:
            raise _WRONG_KEY
        chain = self.book.chains[account.name]
        if account.enhanced and not chain.lives(call.access_token, self.book.shared.clock.now()):
            raise _WRONG_TOKEN
        return account

    def _check_address(self, call: Call) -> None:
        account = call.account
        allowed = account.allowed_ips if account is not None else None
        if allowed is not None and call.exchange.peer[0] not in allowed:
            raise _WRONG_KEY

    def _page(self, exchange: Exchange) -> Reply:
        """What a person would open: a link's page says what it is; nothing else is here."""
        kind, _, number = exchange.path.strip("/").partition("/")
        if kind == "pay" and number.isdecimal() and int(number) in self.book.by_number:
            payment = self.book.by_number[int(number)]
            state = payment.step(self.book.shared.clock.now()).status
            text = f"<!doctype html><title>Sandbox payment page</title><p>Nothing to pay here. This payment is {state}."
            return Reply(200, text.encode(), HTML)
        if kind == "thirdparty":
            return Reply(200, b"<!doctype html><title>Sandbox agent frame</title>", HTML)
        self.book.shared.counters.count("", "unknown", "http_404")
        return Reply(404, b"Not Found", TEXT)
