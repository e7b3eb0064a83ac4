"""One renewal of a rotating pair, under one lease: what is tried, in which order, and what is recorded before each try.

A refresh token must be sent once, and the pair that comes back must survive. So: record that the token is about to
leave, send it, store the new pair; only then may anybody use it. Renewing ahead of expiry leaves a live access token
for the case that an answer is lost (specs/paytia.md §4.4)::

    refresh ── a new pair ─────────────────────────────────────────────► stored
       │ refused                                                           ▲
       │ lost ──► authorize, with the access token while it lives ─────────┤
       │             │ refused, lost                                       │
       │             └──► the same refresh token once more, if lost ───────┤
       │                     │ refused, lost                               │
       └─────────────────────┴──► authorize without an access token ───────┘
                                     │ refused
                                     └──► TokenLost: a person makes a new pair
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Task
from airflow_provider_paygate.tokens.store import Lease, Stored, TokenStore

LONGEST_LIFE = 3600
SENDS = 2  # of one refresh token: the second only after the first went unanswered

_CHANGED_NOTHING = frozenset({Kind.NOT_SENT, Kind.THROTTLED})


@dataclass(frozen=True)
class Pair:
    """What a gateway issues; either may be missing from what a person pasted. `life` in seconds, None when unknown."""

    access: str | None = field(repr=False)
    refresh: str | None = field(repr=False)
    life: float | None = None

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those that are there."""
        return tuple(token for token in (self.access, self.refresh) if token)


class Issued(Protocol):
    """What a token call gives: both tokens, and the seconds that the access token lives, None when it does not say."""

    @property
    def access(self) -> str: ...
    @property
    def refresh(self) -> str | None: ...
    @property
    def life(self) -> float | None: ...


class Issuer(Protocol):
    """The gateway's two token calls; `not_after` is the monotonic time past which a call must not last.

    They raise Fault(NOT_SENT) or (THROTTLED) when nothing can have been changed, Fault(UNKNOWN) when the answer was
    lost, and anything else when the gateway said no.
    """

    def authorize(self, access: str | None, not_after: float) -> Flow[Issued]: ...
    def refresh(self, refresh: str, not_after: float) -> Flow[Issued]: ...


class Desk(NamedTuple):
    """What a renewal works with: the shared rows, how a pair is sealed in them, the gateway, and how long a lease lasts."""

    store: TokenStore
    sealed: Callable[[Pair], str]
    issuer: Issuer
    lease_seconds: float
    where_to_click: str


class Renewal:
    """One renewal. Its flows return a pair that is stored already, and give the lease back with it.

    :param desk: what it works with.
    :param lease: the right to renew.
    :param seen: the row when the lease was taken, and `pair`, what was in it.
    :param access: the old access token, while it is believed to live.
    :ivar since: the monotonic time when the pair that was won was asked for.
    """

    def __init__(self, desk: Desk, lease: Lease, seen: Stored, pair: Pair, access: str | None) -> None:
        self._desk = desk
        self._lease = lease
        self._pair = pair
        self._access = access
        self._uses = seen.uses
        self._lost: Fault | None = None
        self._refusal: Fault | None = None
        self._unsure = False  # an authorize went unanswered: another may help
        self.since = time.monotonic()

    def by_refresh(self) -> Flow[Pair]:
        """The picture at the top of this module, from its first line; from its second when there is no refresh token."""
        if not self._pair.refresh:
            return (yield from self.by_authorize())
        lost = self._uses > 0  # sent by a worker that never came back, or was not answered
        if not lost:
            minted = yield from self._tried(self._refreshed())
            if minted is not None:
                return minted
            lost = self._lost is not None
        minted = yield from self._tried(self._authorized(self._access))
        if minted is None and lost and self._uses < SENDS:
            minted = yield from self._tried(self._refreshed())
        if minted is None and self._access is not None:
            minted = yield from self._tried(self._authorized(None))
        if minted is None:
            raise self._nothing_left()
        return minted

    def by_authorize(self) -> Flow[Pair]:
        """Authorize with the access token while it lives, then without."""
        for access in dict.fromkeys((self._access, None)):
            minted = yield from self._tried(self._authorized(access))
            if minted is not None:
                return minted
        raise self._nothing_left()

    def _tried(self, flow: Flow[Pair]) -> Flow[Pair | None]:
        """The new pair; None when it was refused or no answer came. A call that changed nothing ends the renewal."""
        try:
            return (yield from flow)
        except Fault as fault:
            if fault.kind in _CHANGED_NOTHING:
                raise
            if fault.kind is Kind.UNKNOWN:
                self._lost = fault
            else:
                self._refusal = fault
            return None

    def _refreshed(self) -> Flow[Pair]:
        self._uses += 1
        began = yield from self._recorded()
        try:
            issued = yield from self._desk.issuer.refresh(self._pair.refresh or "", self._not_after())
        except Fault as fault:
            if fault.kind in _CHANGED_NOTHING:
                self._uses -= 1
                yield from self._recorded()  # it never left, or was turned away unread
            raise
        return (yield from self._stored(issued, began))

    def _authorized(self, access: str | None) -> Flow[Pair]:
        began = yield from self._recorded()
        try:
            issued = yield from self._desk.issuer.authorize(access, self._not_after())
        except Fault as fault:
            self._unsure = self._unsure or fault.kind is Kind.UNKNOWN
            raise
        return (yield from self._stored(issued, began))

    def _recorded(self) -> Flow[float]:
        """Record how often the refresh token may have left, and hold the lease anew. The database's clock."""
        self.since = time.monotonic()
        desk = self._desk
        now: float | None = yield Task(lambda: desk.store.used(self._lease, self._uses, desk.lease_seconds))
        if now is None:
            raise _taken_over()
        return now

    def _not_after(self) -> float:
        return self.since + self._desk.lease_seconds

    def _stored(self, issued: Issued, began: float) -> Flow[Pair]:
        """Its life is counted from before it was asked for, on the database's clock: no worker's clock matters."""
        life = min(LONGEST_LIFE, issued.life or LONGEST_LIFE)
        pair = Pair(issued.access, issued.refresh, life)
        sealed = self._desk.sealed(pair)
        if not (yield Task(lambda: self._desk.store.save(self._lease, sealed, began + life, began))):
            raise _taken_over()
        return pair

    def _nothing_left(self) -> Fault:
        """What it came to when nothing was left to try."""
        refusal = self._refusal
        if self._unsure or refusal is None:
            return Fault(
                Kind.NOT_SENT, f"no token: {self._lost}; a retry goes on where this ended", operation="authorize"
            )
        if refusal.kind is Kind.NOT_PERMITTED:
            return refusal
        why = "the refresh token is used up, and the gateway does not authorize the client id and secret"
        return Fault(
            Kind.TOKEN_LOST if self._pair.tokens else Kind.AUTHENTICATION,
            f"no token: {why if self._pair.tokens else 'the gateway refuses the keys'} ({refusal}). {self._desk.where_to_click}",
            operation="authorize",
            code=refusal.code,
            http_status=refusal.http_status,
        )


def _taken_over() -> Fault:
    return Fault(Kind.NOT_SENT, "no token: another worker took over renewing it", operation="authorize")
