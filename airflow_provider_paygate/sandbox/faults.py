"""Faults: what goes wrong, on which calls, how often. Set through the control plane, never by a client's request.

A fault is one of three sorts. *Wire* faults replace the HTTP answer, or leave it out; they are the same for every
gateway and are carried out here. *Answer* faults change what a gateway says, in its own words, and are carried
out by that gateway. `slow` and `stale` only accompany: they apply beside another fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .exchange import HTML, Exchange, Reply

# Fault -> whether the gateway carries the request out although the client is not told so ("executes" overrides it).
WIRE = {
    "http_500": False,
    "http_502_html": False,
    "http_503": False,
    "http_504": False,
    "http_404": False,
    "throttle_429": False,
    "redirect": False,
    "html_200": True,
    "empty_body": True,
    "timeout_after": True,
    "timeout_before": False,
    "reset_after": True,
    "reset_before": False,
}
_EITHER = {"other_amount": True, "other_id": True, "token_expired": False, "duplicate": False, "unknown_code": False}
ANSWER = {
    "paywize": {"undecryptable": True, "wrong_envelope": True, "code_4290": False, **_EITHER},
    "paytia": {"http_status_false": False, "plain_error": False, **_EITHER},
}
ACCOMPANYING = {"slow": True, "stale": True}
NAMES = {**WIRE, **ANSWER["paywize"], **ANSWER["paytia"], **ACCOMPANYING}

Facts = Callable[[], Mapping[str, str]]
Say = Callable[[int, str], Reply]


def of(gateway: str) -> list[str]:
    """The faults that this gateway can have."""
    return [*WIRE, *ANSWER[gateway], *ACCOMPANYING]


@dataclass(slots=True)
class Fault:
    """`times` is how many calls it hits (None: all), after letting `after` matching calls pass."""

    operation: str
    fault: str
    times: int | None = 1
    after: int = 0
    match: dict[str, str] = field(default_factory=dict)
    executes: bool | None = None
    seconds: float | None = None  # timeout_*: before the answer comes after all; slow, stale: how long
    retry_after: int | None = None
    status: int | None = None
    code: int | None = None
    message: str | None = None
    location: str | None = None
    amount: str | None = None
    sender_id: str | None = None
    applied: int = 0

    @property
    def carried_out(self) -> bool:
        return NAMES[self.fault] if self.executes is None else self.executes

    def hits(self, facts: Facts) -> bool:
        if self.times is not None and self.applied >= self.times:
            return False
        if self.match:
            known = facts()
            if any(known.get(name) != wanted for name, wanted in self.match.items()):
                return False
        if self.after > 0:
            self.after -= 1
            return False
        self.applied += 1
        return True


class Faults:
    """`operations`: those of each gateway. Their names are all different."""

    def __init__(self, operations: Mapping[str, frozenset[str]]) -> None:
        self.operations = {name: gateway for gateway, names in operations.items() for name in names}
        self._set: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._set)

    def add(self, wanted: Mapping[str, Any]) -> Fault:
        known = {item.name for item in fields(Fault)} - {"applied"}
        if strange := set(wanted) - known:
            raise ValueError(f"a fault has no {', '.join(sorted(strange))}; it has {', '.join(sorted(known))}")
        if wanted.get("fault") not in NAMES:
            raise ValueError(f"fault is one of {', '.join(NAMES)}")
        operation = wanted.get("operation")
        if operation != "any" and operation not in self.operations:
            raise ValueError(f"operation is one of any, {', '.join(sorted(self.operations))}")
        if operation != "any" and wanted["fault"] not in (possible := of(self.operations[operation])):
            raise ValueError(f"fault is, for {operation}, one of {', '.join(possible)}")
        for name in ("times", "after", "seconds", "retry_after", "status", "code"):
            if isinstance(wanted.get(name), bool | str | list | dict):
                raise ValueError(f"{name} is a number")
        # A stale read is a window of time, not a number of calls.
        times = {"times": None} if wanted["fault"] == "stale" else {}
        fault = Fault(**{**times, **wanted})
        fault.match = {name: str(value) for name, value in fault.match.items()}
        self._set.append(fault)
        return fault

    def clear(self) -> None:
        self._set.clear()

    def facts(self) -> list[dict[str, Any]]:
        return [{name: value for name, value in asdict(fault).items() if value is not None} for fault in self._set]

    def pick(self, gateway: str, operation: str, facts: Facts) -> list[Fault]:
        """The faults that hit this call: every accompanying one, and the first of the others, which comes last."""
        accompanying: list[Fault] = []
        other: Fault | None = None
        for fault in self._set:
            if fault.operation not in (operation, "any") or fault.fault not in of(gateway):
                continue
            if fault.fault in ACCOMPANYING:
                if fault.hits(facts):
                    accompanying.append(fault)
            elif other is None and fault.hits(facts):
                other = fault
        return [*accompanying, other] if other else accompanying


async def on_the_wire(fault: Fault, exchange: Exchange, carry_out: Callable[[], Reply], say: Say) -> None:
    """Answer, or do not answer, as a wire fault says.

    `carry_out` executes the request and gives the true answer; `say` words an error as the gateway's server does.
    """
    if fault.fault in ("timeout_before", "reset_before"):
        if fault.fault == "reset_before":
            await exchange.reset()
        elif not await exchange.silence(fault.seconds):
            await exchange.reply(_gateway_timeout())
        return
    truth = carry_out() if fault.carried_out else None
    if fault.fault == "reset_after":
        await exchange.reset()
    elif fault.fault == "timeout_after":
        if not await exchange.silence(fault.seconds):
            await exchange.reply(truth or _gateway_timeout())
    else:
        await exchange.reply(_replies(fault, say))


def _replies(fault: Fault, say: Say) -> Reply:
    match fault.fault:
        case "http_500":
            return say(fault.status or 500, fault.message or "Internal server error")
        case "http_503":
            return say(fault.status or 503, fault.message or "Service Unavailable")
        case "http_504":
            return say(fault.status or 504, fault.message or "Gateway Timeout")
        case "http_404":
            return say(fault.status or 404, fault.message or "Not Found")
        case "http_502_html":
            page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
            return Reply(fault.status or 502, page, HTML)
        case "html_200":
            return Reply(fault.status or 200, b"<!doctype html><title>Maintenance</title><p>Back soon.</p>", HTML)
        case "empty_body":
            return Reply(fault.status or 200, b"")
        case "throttle_429":
            # The gateways document no answer for this; the body is the one their framework gives (our reading).
            reply = say(fault.status or 429, "ThrottlerException: Too Many Requests")
            if fault.retry_after is not None:
                reply.headers["retry-after"] = str(fault.retry_after)
            return reply
        case _:  # redirect
            return Reply(fault.status or 302, b"", headers={"location": fault.location or "/elsewhere"})


def _gateway_timeout() -> Reply:
    return Reply(504, b"<html><body><h1>504 Gateway Time-out</h1></body></html>", HTML)


async def slow_down(faults: list[Fault]) -> None:
    for fault in faults:
        if fault.fault == "slow":
            await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
