"""A bearer token that is simply fetched anew (Paywize's JWT): one call per life for the whole fleet."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Pause, Task
from airflow_provider_paygate.tokens.keys import Seal
from airflow_provider_paygate.tokens.store import Lease, Stored, TokenStore

LEEWAY_SECONDS = 30
LEEWAY_SHARE = 0.1
FIRST_PAUSE = 0.03
LONGEST_PAUSE = 0.5
WAIT_LEASES = 3


class Minted(Protocol):
    """A new token and its life in seconds."""

    @property
    def value(self) -> str: ...
    @property
    def life(self) -> int: ...


def leeway_of(life: float, most: float = LEEWAY_SECONDS) -> float:
    """How long before its end a token of `life` seconds is renewed."""
    return min(most, life * LEEWAY_SHARE)


@dataclass
class _Held:
    """A token this process may use without asking the database, until the monotonic clock says `until`."""

    value: str = field(repr=False)
    until: float


# Per process: a token found once is used by every thread and hook until it is due for renewal.
_held: dict[tuple[str, str], _Held] = {}


class BearerTokens:
    """The shared token of one gateway account.

    :param store: where it lives.
    :param token_key: its row.
    :param seal: encrypts it there.
    :param mint: fetches a new one; its argument is the monotonic time after which it must not begin a call.
    :param call_seconds: the longest that one token call can last; the lease outlives it.
    :param reserve: reserves the moment of a token call within the gateway's limit; the seconds until it comes.
    :param register: is told every token before it is used, so that logs can mask it.
    """

    def __init__(
        self,
        store: TokenStore,
        token_key: str,
        seal: Seal,
        mint: Callable[[float], Flow[Minted]],
        call_seconds: float,
        reserve: Callable[[], float],
        register: Callable[[str], None],
    ) -> None:
        self._store = store
        self._key = token_key
        self._seal = seal
        self._mint = mint
        self._lease_seconds = 1.5 * call_seconds + 5
        self._reserve = reserve
        self._register = register

    def current(self) -> Flow[str]:
        """A token to use now: this process's, the stored one, or a new one."""
        held = _held.get(self._place)
        if held is not None and held.until > time.monotonic():
            return held.value
        return (yield from self._shared(refused=None))

    def instead_of(self, refused: str) -> Flow[str]:
        """A token to use after the gateway refused `refused`: the stored one if it is another, else a new one."""
        held = _held.get(self._place)
        if held is not None and held.value == refused:
            _held.pop(self._place, None)  # another thread may have been quicker
        return (yield from self._shared(refused=refused))

    @property
    def _place(self) -> tuple[str, str]:
        return (self._store.name, self._key)

    def _shared(self, refused: str | None) -> Flow[str]:
        pause = FIRST_PAUSE
        give_up = time.monotonic() + WAIT_LEASES * self._lease_seconds
        while time.monotonic() < give_up:
            seen: Stored = yield Task(lambda: self._store.read(self._key))
            token, good_for = self._usable(seen, refused)
            if token is not None and (good_for > 0 or seen.leased):
                yield from self._keep(token, good_for)
                return token
            if not seen.leased:
                asked = time.monotonic()
                lease: Lease | None = yield Task(partial(self._store.lease, self._key, seen, self._lease_seconds))
                if lease is not None:
                    return (yield from self._renewed(lease, asked, token))
                continue
            yield Pause(pause * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads the waiters
            pause = min(pause * 1.6, LONGEST_PAUSE)
        raise Fault(Kind.NOT_SENT, "no token: another worker has been renewing it for too long")

    def _usable(self, seen: Stored, refused: str | None) -> tuple[str | None, float]:
        """The stored token if it may be used, and the seconds until it is due for renewal (none left: it is due)."""
        token = self._seal.open(seen.ciphertext) if seen.ciphertext else None
        if token is None or token == refused or seen.expires_at is None or seen.asked_at is None:
            return None, 0
        left = seen.expires_at - seen.now
        return (token if left > 0 else None), left - leeway_of(seen.expires_at - seen.asked_at)

    def _renewed(self, lease: Lease, asked: float, still_good: str | None) -> Flow[str]:
        """Fetch, store, use. While the old token lives, a failed renewal is no reason to fail: it was made ahead of time."""
        try:
            waited = yield from self._in_turn(lease)
            begun = asked + waited
            minted = yield from self._mint(begun + self._lease_seconds)
        except Exception:
            yield Task(partial(self._store.release, lease))
            if still_good is None:
                raise
            return still_good
        # Its life is counted from before it was asked for, on the database's clock: no worker's clock matters.
        since = lease.since + waited
        yield Task(partial(self._store.save, lease, self._seal.close(minted.value), since + minted.life, since))
        yield from self._keep(minted.value, minted.life - leeway_of(minted.life) - (time.monotonic() - begun))
        return minted.value

    def _in_turn(self, lease: Lease) -> Flow[float]:
        """Wait for the moment that the gateway's limit allows, holding on to the lease meanwhile; the seconds it took."""
        wait: float = yield Task(self._reserve)
        if wait > 0:
            if not (yield Task(partial(self._store.extend, lease, wait))):
                raise Fault(Kind.NOT_SENT, "no token: the right to renew it passed to another worker")
            yield Pause(wait)
        return wait

    def _keep(self, token: str, seconds: float) -> Flow[None]:
        known = _held.get(self._place)
        if known is None or known.value != token:
            yield Task(partial(self._register, token))
        _held[self._place] = _Held(token, time.monotonic() + seconds)
