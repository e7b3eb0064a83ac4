"""Paywize's paths, all three families at once (specs/paywize.md §1.1), and the way of a call through the gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_paygate.sandbox import faults as wire
from airflow_provider_paygate.sandbox.exchange import Exchange, Receive, Scope, Send

from . import collections, connected_banking, misbehaviour, payouts, tokens
from .answers import Answer, Refusal, expired, framework, refused
from .call import Call
from .merchants import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.connections import Connections
    from airflow_provider_paygate.sandbox.faults import Fault, Faults

    from .book import Book

Handler = Callable[["Book", Call, Merchant], Answer]


@dataclass(slots=True, frozen=True)
class Route:
    operation: str
    product: str
    families: frozenset[str]
    handler: Handler | None  # the token call has none: it has no token yet


def _routes() -> dict[tuple[str, str], Route]:
    table: dict[tuple[str, str], Route] = {}

    def serve(method: str, path: str, families: str, operation: str, product: str, handler: Handler | None) -> None:
        table[method, path] = Route(operation, product, frozenset(families.split()), handler)

    for prefix, family in (("", "docs"), ("/api", "docs-api")):
        serve("POST", f"{prefix}/payout/v1/initiate", family, "initiate", "payout", payouts.initiate)
        serve("GET", f"{prefix}/payout/v1/status", family, "status", "payout", payouts.status)
        serve("GET", f"{prefix}/payout/v1/balance", family, "balance", "payout", payouts.balance)
        # The live family shows no collection path, so its tenants are given those with /api.
        also = family if family == "docs" else f"{family} live"
        for path in (f"{prefix}/collection/v1/initiate", f"{prefix}/collection/v1/initiate/"):
            serve("POST", path, also, "collection_initiate", "collection", collections.initiate)
        serve("GET", f"{prefix}/collection/v1/status", also, "collection_status", "collection", collections.status)
        serve("POST", f"{prefix}/v1/auth/clients/token", also, "auth", "token", None)
        bank = f"{prefix}/v1/connected-banking/public"
        serve("POST", f"{bank}/payment/initiate", also, "initiate", "cb", connected_banking.initiate)
        serve("GET", f"{bank}/get-status", also, "status", "cb", connected_banking.status)
        serve("GET", f"{bank}/check-balance", also, "balance", "cb", connected_banking.wallet_balance)
        serve("GET", f"{bank}/bank-balance/", also, "balance", "cb", connected_banking.bank_balance)
    for verb in ("initiate", "request-payout"):
        serve("POST", f"/api/v1/payout/{verb}", "live", "initiate", "payout", payouts.initiate)
    for verb in ("status", "get-status"):
        serve("GET", f"/api/v1/payout/{verb}", "live", "status", "payout", payouts.status)
    for verb in ("balance", "check-balance"):
        serve("GET", f"/api/v1/payout/{verb}", "live", "balance", "payout", payouts.balance)
    return table


ROUTES = _routes()
OPERATIONS = frozenset(route.operation for route in ROUTES.values())


class PaywizeGateway:
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
        path, value = exchange.path, None
        if "/bank-balance/" in path:
            path, value = path[: path.rindex("/") + 1], path[path.rindex("/") + 1 :]
        route = ROUTES.get((exchange.method, path))
        if route is None:
            self.book.shared.counters.count("", "unknown", "http_404")
            await exchange.reply(_no_such_path(exchange).reply())
            return
        call = Call(exchange, route, value)
        call.session = self.book.tokens.session(exchange)
        if route.operation == "auth":
            call.applicant = tokens.applicant(call.body(), self.book.merchants.values())
        found = self._faults.pick("paywize", route.operation, call.facts) if self._faults else []
        if found:
            await self._with_faults(call, found)
        else:
            answer = self._answer(call)
            self._count(call, answer.outcome)
            await exchange.reply(answer.reply())

    async def _with_faults(self, call: Call, found: list[Fault]) -> None:
        await wire.slow_down(found)
        misbehaviour.prepare(call, found)
        fault = found[-1]
        if fault.fault in wire.WIRE:
            self._count(call, fault.fault)
            await wire.on_the_wire(fault, call.exchange, lambda: self._answer(call).reply(), misbehaviour.plain)
            return
        if fault.fault in wire.ANSWER["paywize"]:
            answer = misbehaviour.answer(self.book, call, fault, self._answer)
            self._count(call, fault.fault)
        else:
            answer = self._answer(call)
            self._count(call, answer.outcome)
        await call.exchange.reply(answer.reply())

    def _count(self, call: Call, outcome: str) -> None:
        merchant = call.merchant.name if call.merchant else ""
        self.book.shared.counters.count(merchant, call.route.operation, outcome)

    def _answer(self, call: Call) -> Answer:
        """Execute the call: token, allow-list, path family, printed rates, then the operation's own checks."""
        route = call.route
        now = self.book.shared.clock.now()
        try:
            if route.handler is None:
                return self._token(call, now)
            session = call.session
            if session is None or session.expires_at <= now:
                return expired(session.merchant if session else None, route.product)
            if (barred := self._barred(session.merchant, call, now)) is not None:
                return barred
            answer = route.handler(self.book, call, session.merchant)
            misbehaviour.mark_stale(self.book, call)
            return answer
        except Refusal as refusal:
            return refused(refusal, route.product, call.merchant)

    def _token(self, call: Call, now: float) -> Answer:
        asking = call.applicant
        if asking is None or asking.merchant is None:
            if asking is None or asking.style == "none":
                return framework(400, ["payload should not be empty"], "Bad Request")
            raise tokens.UNKNOWN_KEYS
        merchant = asking.merchant
        if (barred := self._barred(merchant, call, now)) is not None:
            return barred
        if (wrong_style := tokens.refuse_style(asking, merchant)) is not None:
            return wrong_style
        if not asking.proven:
            raise tokens.UNKNOWN_KEYS
        token = self.book.tokens.issue(merchant, now)
        self.book.save_token(token, merchant, now + merchant.token_life)
        return tokens.granted(merchant, token)

    def _barred(self, merchant: Merchant, call: Call, now: float) -> Answer | None:
        """What stands before any operation: the allow-list (§2.2), a tenant's path family, the printed rates (§1.9)."""
        if merchant.allowed_ips is not None and call.exchange.peer[0] not in merchant.allowed_ips:
            return framework(403, "Your IP address is not allowed", "Forbidden", merchant)
        if merchant.path_profile is not None and merchant.path_profile not in call.route.families:
            return _no_such_path(call.exchange)
        if merchant.enforce_rates and not self.book.within_rate(merchant, call.route.operation, now):
            answer = framework(429, "ThrottlerException: Too Many Requests", "Too Many Requests", merchant)
            if merchant.retry_after is not None:
                answer.headers["retry-after"] = str(merchant.retry_after)
            return answer
        return None


def _no_such_path(exchange: Exchange) -> Answer:
    return framework(404, f"Cannot {exchange.method} {exchange.path}", "Not Found")
