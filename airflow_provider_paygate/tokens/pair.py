"""An access token with a refresh token that changes on every use (Paytia): one pair, shared by the whole fleet.

Whoever finds the pair due takes the lease and renews it (`renewal`); everybody else waits a moment for the new one.
The pair in a connection only starts the chain: a stored pair is newer, and a pasted one is adopted once, ever.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Pause, Task
from airflow_provider_paygate.tokens.bearer import FIRST_PAUSE, LONGEST_PAUSE, WAIT_LEASES, leeway_of
from airflow_provider_paygate.tokens.keys import Seal
from airflow_provider_paygate.tokens.renewal import LONGEST_LIFE, Desk, Issuer, Pair, Renewal
from airflow_provider_paygate.tokens.store import Lease, Stored, TokenStore

LEEWAY_SECONDS = 300
# How long a call waits for a renewal that is under way before it goes on with the old token, which still lives.
PATIENCE_SECONDS = 2.0
# Whether a renewal ends the old access token at once is not documented (specs/paytia.md §4.4): calls that are on their
# way get this share of the leeway to arrive first.
QUIET_SHARE = 0.5
LONGEST_QUIET = 1.0
# A token that is due is only used while it lives longer than a request may be on its way.
LEAST_LEFT_SECONDS = 1.0
# After a renewal that found no answer, the next one while the old token lives.
COOL_SECONDS = 15.0


@dataclass
class _Held:
    """An access token this process may use without asking the database, until the monotonic clock says `until`."""

    access: str = field(repr=False)
    until: float


# Per process. `_handled` remembers tokens that went through it, so that no message can quote one.
_held: dict[tuple[str, str, str], _Held] = {}
_handled: dict[tuple[str, str], deque[str]] = {}


class PairTokens:
    """The shared pair of one client id.

    :param store: where it lives.
    :param token_key: its row.
    :param seal: encrypts it there.
    :param issuer: the token calls.
    :param call_seconds: the longest that one token call can last; the lease outlives it.
    :param register: is told every token before it is used, so that logs can mask it.
    :param pasted: the pair in the connection.
    :param where_to_click: the sentence that ends TokenLost.
    """

    def __init__(
        self,
        store: TokenStore,
        token_key: str,
        seal: Seal,
        issuer: Issuer,
        call_seconds: float,
        register: Callable[[str], None],
        pasted: Pair,
        where_to_click: str,
    ) -> None:
        self._store = store
        self._key = token_key
        self._seal = seal
        self._lease_seconds = 1.5 * call_seconds + 5
        self._desk = Desk(store, self._sealed, issuer, self._lease_seconds, where_to_click)
        self._register = register
        self._pasted = pasted
        self._fingerprint = fingerprint_of(token_key, pasted)
        # A newly pasted pair must be seen by a process that holds an older token.
        self._place = (store.name, token_key, self._fingerprint)

    def current(self) -> Flow[str]:
        """An access token to use now: this process's, the stored one, or one of a new pair."""
        held = _held.get(self._place)
        if held is not None and held.until > time.monotonic():
            return held.access
        return (yield from self._shared(refused=None))

    def instead_of(self, refused: str) -> Flow[str]:
        """An access token to use after the gateway refused `refused`: the stored one if it is another, else a new one."""
        held = _held.get(self._place)
        if held is not None and held.access == refused:
            _held.pop(self._place, None)
        return (yield from self._shared(refused=refused))

    def renewed(self, *, by_refresh: bool) -> Flow[Pair]:
        """A new pair now, however fresh the old one is: by refresh, or by authorize. Stored before this returns."""
        give_up = time.monotonic() + WAIT_LEASES * self._lease_seconds
        while time.monotonic() < give_up:
            seen: Stored = yield Task(lambda: self._store.read(self._key))
            if seen.leased:
                yield _pause(LONGEST_PAUSE)
            elif not (yield from self._adopted(seen)):
                lease: Lease | None = yield Task(partial(self._store.lease, self._key, seen, self._lease_seconds))
                if lease is not None:
                    return (yield from self._renewed_now(lease, seen, by_refresh))
        raise _waited_too_long()

    def at_hand(self) -> Flow[str | None]:
        """The stored access token while it lives; renews nothing, adopts nothing."""
        seen: Stored = yield Task(lambda: self._store.read(self._key))
        access = self._opened(seen.ciphertext).access
        return access if access and (seen.expires_at or 0) > seen.now else None

    def handled(self) -> tuple[str, ...]:
        """Tokens that went through this process lately: no message may quote one."""
        return tuple(_handled.get(self._place[:2], ()))

    # Sharing

    def _shared(self, refused: str | None) -> Flow[str]:
        pause = FIRST_PAUSE
        begun = time.monotonic()
        while time.monotonic() < begun + WAIT_LEASES * self._lease_seconds:
            looked = time.monotonic()
            seen: Stored = yield Task(lambda: self._store.read(self._key))
            if not seen.leased and (yield from self._adopted(seen)):
                continue
            pair = self._opened(seen.ciphertext)
            left = (seen.expires_at or 0) - seen.now
            access = pair.access if pair.access != refused and left > 0 else None
            until = looked + left - _leeway(seen)
            now = time.monotonic()  # the database may have taken its time
            at_last = looked + left - now > LEAST_LEFT_SECONDS and _may_wait(seen, now - begun)
            if access and (until > now or at_last):
                yield from self._keep(pair, until)
                return access
            if not seen.leased:
                lease: Lease | None = yield Task(partial(self._store.lease, self._key, seen, self._lease_seconds))
                if lease is not None:
                    return (yield from self._renewed(lease, seen, pair, access, refused))
                continue
            yield _pause(pause)
            pause = min(pause * 1.6, LONGEST_PAUSE)
        raise _waited_too_long()

    def _adopted(self, seen: Stored) -> Flow[bool]:
        """Whether the pasted pair had never been seen before. Then it has been put into the row: read that again."""
        if not self._pasted.tokens:
            return False
        if (yield Task(lambda: self._store.was_pasted(self._key, self._fingerprint))):
            return False
        sealed = self._sealed(self._pasted)
        yield Task(lambda: self._store.adopt(self._key, seen, self._fingerprint, sealed, LONGEST_LIFE))
        return True

    # Renewing

    def _renewed(self, lease: Lease, seen: Stored, pair: Pair, access: str | None, refused: str | None) -> Flow[str]:
        """An access token of a new pair; the old one when it lives and renewing it found no answer: it came early."""
        if refused and refused == pair.access and (older := (yield from self._put_back(lease, seen))):
            return older
        if access is not None and seen.asked_at is not None:
            yield Pause(min(LONGEST_QUIET, _leeway(seen) * QUIET_SHARE))
        renewal = Renewal(self._desk, lease, seen, pair, access)
        try:
            minted = yield from renewal.by_refresh()
        except Fault as fault:
            passing = fault.kind in {Kind.NOT_SENT, Kind.THROTTLED}
            if not passing and (older := (yield from self._put_back(lease, seen))):
                return older
            not_before = seen.now + COOL_SECONDS if access and passing else None
            yield Task(partial(self._store.release, lease, not_before=not_before))
            if access is None or not passing:
                raise
            return access
        except Exception:
            yield Task(partial(self._store.release, lease))
            raise
        return (yield from self._kept(renewal, minted))

    def _put_back(self, lease: Lease, seen: Stored) -> Flow[str | None]:
        """The access token that a pasted pair displaced, while it lives, made the current one again; or None.

        A pasted pair that the gateway refuses while the displaced one lives was the older of the two.
        """
        displaced = self._opened(seen.aside)
        if not displaced.access or (seen.aside_expires_at or 0) <= seen.now:
            return None
        return displaced.access if (yield Task(lambda: self._store.put_back(lease))) else None

    def _renewed_now(self, lease: Lease, seen: Stored, by_refresh: bool) -> Flow[Pair]:
        pair = self._opened(seen.ciphertext)
        renewal = Renewal(self._desk, lease, seen, pair, pair.access if (seen.expires_at or 0) > seen.now else None)
        try:
            minted = yield from renewal.by_refresh() if by_refresh else renewal.by_authorize()
        except Exception:
            yield Task(partial(self._store.release, lease))
            raise
        yield from self._kept(renewal, minted)
        return minted

    def _kept(self, renewal: Renewal, minted: Pair) -> Flow[str]:
        life = minted.life or LONGEST_LIFE
        yield from self._keep(minted, renewal.since + life - leeway_of(life, LEEWAY_SECONDS))
        return minted.access or ""

    def _keep(self, pair: Pair, until: float) -> Flow[None]:
        """Use it in this process without asking again, until the monotonic clock says so."""
        known = _held.get(self._place)
        if known is None or known.access != pair.access:
            self._note(pair)
            yield Task(lambda: [self._register(token) for token in pair.tokens])
        _held[self._place] = _Held(pair.access or "", until)

    def _opened(self, ciphertext: str | None) -> Pair:
        """A stored pair; an empty one when there is none, or when it was sealed with another secret."""
        text = self._seal.open(ciphertext)
        pair = Pair(*json.loads(text)) if text else Pair(None, None)
        self._note(pair)
        return pair

    def _sealed(self, pair: Pair) -> str:
        self._note(pair)
        return self._seal.close(json.dumps([pair.access, pair.refresh]))

    def _note(self, pair: Pair) -> None:
        handled = _handled.setdefault(self._place[:2], deque(maxlen=8))
        handled.extend(token for token in pair.tokens if token not in handled)


def fingerprint_of(token_key: str, pair: Pair) -> str:
    """What a pasted pair is recognised by; it tells nothing of it. Empty for none."""
    if not pair.tokens:
        return ""
    text = json.dumps(["paygate pasted pair", token_key, pair.access, pair.refresh])
    return hashlib.sha256(text.encode()).hexdigest()


def _leeway(seen: Stored) -> float:
    """How long before its end a pair is renewed. One of unknown age (a pasted one) is due at once."""
    if seen.asked_at is None or seen.expires_at is None:
        return LONGEST_LIFE
    return leeway_of(seen.expires_at - seen.asked_at, LEEWAY_SECONDS)


def _may_wait(seen: Stored, waited: float) -> bool:
    """Whether a pair that is due may be used once more while it lives: a renewal is slow, or has just failed."""
    if seen.leased:  # of unknown age, it may be long dead: wait longer before finding that out with every call
        return waited > PATIENCE_SECONDS * (1 if seen.asked_at is not None else 10)
    return seen.not_before is not None and seen.not_before > seen.now


def _pause(seconds: float) -> Pause:
    return Pause(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads the waiters


def _waited_too_long() -> Fault:
    return Fault(Kind.NOT_SENT, "no token: another worker has been renewing it for too long", operation="authorize")
