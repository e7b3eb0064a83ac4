"""The control plane under `/_sandbox`: move the clock, set faults, read what moved. It asks for no keys.

`Controls` is the whole of it as plain functions; the HTTP routes and `server.Sandbox` are two ways to call them.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import lines
from .paytia.control import PaytiaControls
from .paywize.lifecycle import MESSAGES
from .paywize.notices import COLLECTION_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from .state import State

Facts = dict[str, Any]


class Controls:
    """Each gives JSON-ready facts, and raises ValueError or KeyError with a sentence for what cannot be."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.paytia = PaytiaControls(state)

    def health(self) -> Facts:
        gateways = {
            "paywize": {"merchants": list(self._state.paywize.merchants)},
            "paytia": {"accounts": list(self._state.paytia.accounts)},
        }
        return {"status": "ok", "gateways": gateways}

    def reset(self) -> Facts:
        self._state.reset()
        return self.health()

    def clock(self, wanted: Mapping[str, Any] | None = None) -> Facts:
        """`advance` seconds, `freeze` true or false, `to` a moment in ISO 8601; without any, only look."""
        clock = self._state.shared.clock
        wanted = wanted or {}
        if strange := set(wanted) - {"advance", "freeze", "to"}:
            raise ValueError(f"the clock has no {', '.join(sorted(strange))}; it has advance, freeze, to")
        if "freeze" in wanted:
            clock.freeze(bool(wanted["freeze"]))
        if "to" in wanted:
            moment = datetime.fromisoformat(wanted["to"])
            if moment.tzinfo is None:
                raise ValueError("to needs a zone, like 2026-11-21T10:00:00+05:30")
            clock.move_to(moment)
        if "advance" in wanted:
            clock.advance(float(wanted["advance"]))
        if wanted:
            self._state.shared.save_clock()
        return clock.facts()

    def merchants(self) -> Facts:
        self._state.paywize.settle()
        return {name: merchant.settings() for name, merchant in self._state.paywize.merchants.items()}

    def merchant(self, name: str, settings: Mapping[str, Any] | None = None) -> Facts:
        """Read one, or alter it, or add it."""
        book = self._state.paywize
        book.settle()
        if settings is not None:
            if name in self._state.paytia.accounts:
                raise ValueError(f"{name} is an account of Paytia")
            return book.change_merchant(name, dict(settings)).settings()
        if name not in book.merchants:
            raise KeyError(f"no merchant {name}")
        return book.merchants[name].settings()

    def connections(self, url: str) -> Facts:
        """Airflow connections by environment variable. The one answer with keys in it, as it must have."""
        return lines.connections(self._state, url)

    def faults(self) -> Facts:
        return {"faults": self._state.faults.facts()}

    def fault(self, wanted: Mapping[str, Any]) -> Facts:
        self._state.faults.add(wanted)
        return self.faults()

    def clear_faults(self) -> Facts:
        self._state.faults.clear()
        return self.faults()

    def ledger(self, merchant: str | None = None, sender_id: str | None = None) -> Facts:
        self._state.paywize.settle()
        self._state.paytia.settle()
        return self._state.shared.ledger.facts(merchant, sender_id)

    def counters(self) -> Facts:
        return {**self._state.shared.counters.facts(), "refresh_tokens": self._state.paytia.refresh_facts()}

    def reset_counters(self) -> Facts:
        self._state.shared.counters.clear()
        self._state.paytia.forget_presented()
        return self.counters()

    def payouts(self, merchant: str | None = None) -> Facts:
        return {"payouts": self._state.paywize.payout_facts(merchant)}

    def move(self, wanted: Mapping[str, Any]) -> Facts:
        """Bring a payout or collection into `status` now, perhaps with a `utr`.

        It is named by `transaction_id`, or by `merchant` and `sender_id`.
        """
        book = self._state.paywize
        key, sender = wanted.get("transaction_id", ""), (wanted.get("merchant", ""), wanted.get("sender_id", ""))
        payout = book.payouts.get(key) or book.by_sender.get(sender)
        collection = book.collections.get(key) or book.collections_by_sender.get(sender)
        status, now = wanted.get("status"), self._state.shared.clock.now()
        if payout is None and collection is None:
            raise KeyError(f"no payout or collection {key or ' '.join(sender)}")
        states = COLLECTION_MESSAGES if payout is None else MESSAGES
        if status not in states:
            raise ValueError(f"status is one of {', '.join(states)}")
        book.settle()
        if payout is not None:
            book.move_payout(payout, status, now, wanted.get("utr"))
            book.settle()
        elif collection is not None:
            book.move_collection(collection, status, now, wanted.get("utr"))
        return {"status": status}

    def webhooks(self) -> Facts:
        return self._state.shared.postman.facts()

    async def settle_webhooks(self) -> Facts:
        """Wait until every webhook that is due by now has been tried."""
        await self._state.shared.postman.settled()
        return self.webhooks()

    def replay_webhooks(self, wanted: Mapping[str, Any]) -> Facts:
        """Post all webhooks of a `reference` once more, byte for byte."""
        return {"posted": self._state.shared.postman.replay(str(wanted["reference"]))}


def serve(path: str, method: str, act: Callable[[Request, Facts], Facts | Awaitable[Facts]]) -> Route:
    """One call of the control plane: JSON in, facts out, 404 for what is not there and 400 for what cannot be."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request)
            facts = act(request, body)
            return JSONResponse(facts if isinstance(facts, dict) else await facts)
        except KeyError as missing:
            return JSONResponse({"error": str(missing.args[0])}, status_code=404)
        except (TypeError, ValueError, AttributeError) as wrong:
            return JSONResponse({"error": str(wrong)}, status_code=400)

    return Route(f"/_sandbox/{path}", endpoint, methods=[method])


def routes(controls: Controls) -> list[Route]:
    paytia = controls.paytia
    return [
        serve("health", "GET", lambda request, body: controls.health()),
        serve("reset", "POST", lambda request, body: controls.reset()),
        serve("clock", "GET", lambda request, body: controls.clock()),
        serve("clock", "POST", lambda request, body: controls.clock(body)),
        serve("merchants", "GET", lambda request, body: controls.merchants()),
        serve("merchants/{name}", "GET", lambda request, body: controls.merchant(_name(request))),
        serve("merchants/{name}", "POST", lambda request, body: controls.merchant(_name(request), body)),
        serve("connections", "GET", lambda request, body: controls.connections(str(request.base_url).rstrip("/"))),
        serve("faults", "GET", lambda request, body: controls.faults()),
        serve("faults", "POST", lambda request, body: controls.fault(body)),
        serve("faults", "DELETE", lambda request, body: controls.clear_faults()),
        serve("ledger", "GET", lambda request, body: controls.ledger(*_asked(request, "merchant", "sender_id"))),
        serve("counters", "GET", lambda request, body: controls.counters()),
        serve("counters/reset", "POST", lambda request, body: controls.reset_counters()),
        serve("payouts", "GET", lambda request, body: controls.payouts(*_asked(request, "merchant"))),
        serve("payouts", "POST", lambda request, body: controls.move(body)),
        serve("webhooks", "GET", lambda request, body: controls.webhooks()),
        serve("webhooks/settle", "POST", lambda request, body: controls.settle_webhooks()),
        serve("webhooks/replay", "POST", lambda request, body: controls.replay_webhooks(body)),
        serve("accounts", "GET", lambda request, body: paytia.accounts()),
        serve("accounts/{name}", "GET", lambda request, body: paytia.account(_name(request))),
        serve("accounts/{name}", "POST", lambda request, body: paytia.account(_name(request), body)),
        serve("accounts/{name}/tokens", "POST", lambda request, body: paytia.generate_tokens(_name(request))),
        serve("payments", "GET", lambda request, body: paytia.payments(*_asked(request, "account"))),
        serve("payments", "POST", lambda request, body: paytia.move(body)),
        serve("payments/seed", "POST", lambda request, body: paytia.seed(body)),
        serve("telephone", "POST", lambda request, body: paytia.telephone(body)),
    ]


def _name(request: Request) -> str:
    return str(request.path_params["name"])


async def _body(request: Request) -> Facts:
    raw = await request.body()
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ValueError("send a JSON object")
    return body


def _asked(request: Request, *names: str) -> list[str | None]:
    return [request.query_params.get(name) for name in names]
