"""`/api/authorize`, `/api/refresh_token`, and the pairs they have given out (specs/paytia.md §4)."""

from __future__ import annotations

import base64
import os
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from .answers import Answer, Refusal, missing, success

if TYPE_CHECKING:
    from .accounts import Account
    from .book import Book
    from .call import Call

_WRONG = Refusal(401, "client_id or client_secret is wrong", "envelope")
_DEAD_REFRESH = Refusal(401, "refresh_token is invalid or has been used", "envelope")


class Chain:
    """One account's tokens: which access tokens live until when, which refresh token is good, which are used up."""

    def __init__(self, access: dict[str, float], refresh: str | None, used: dict[str, float]) -> None:
        self.access = access
        self.refresh = refresh
        self.used = used  # refresh token -> when it was rotated away
        self.presented: Counter[str] = Counter()
        self.used_twice = 0

    def saved(self) -> dict[str, Any]:
        return {"access": self.access, "refresh": self.refresh, "used": self.used}

    def lives(self, token: str | None, now: float) -> bool:
        return token is not None and self.access.get(token, 0.0) > now

    def take(self, account: Account, token: str, now: float) -> bool:
        """Whether this refresh token is good now. Showing one that is used up may cost the whole family (§4.4)."""
        if token == self.refresh:
            return True
        if token in self.used:
            self.used_twice += 1
            if account.rotation == "grace" and now - self.used[token] <= account.grace:
                return True
            if account.reuse_revokes:
                self.revoke()
        return False

    def issue(self, account: Account, now: float, rotate: bool = True) -> tuple[str, str, float]:
        """A new pair. The refresh token before it is used up from now on; the access token lives out its life."""
        if self.refresh is not None and rotate:
            self.used[self.refresh] = now
        if account.old_access_dies:
            self.access.clear()
        self.access = {text: until for text, until in self.access.items() if until > now}
        access, expires_at = _token(), now + account.token_life
        self.access[access] = expires_at
        if rotate or self.refresh is None:
            self.refresh = _token()
        return access, self.refresh, expires_at

    def revoke(self) -> None:
        self.access.clear()
        if self.refresh is not None:
            self.used[self.refresh] = 0.0
            self.refresh = None


def started(account: Account, now: float) -> Chain:
    """With the pair that the portal shows, as if it had been generated there a moment ago."""
    return Chain({account.access_token: now + account.token_life}, account.refresh_token, {})


def authorize(book: Book, call: Call) -> Answer:
    account = _applicant(book, call)
    chain, now = book.chains[account.name], book.shared.clock.now()
    if account.authorize_needs_access_token and not chain.lives(call.access_token, now):
        raise Refusal(401, "ACCESS-TOKEN is missing, wrong or expired", "envelope")  # SEED's reading (§9 row 4)
    return _granted(book, account, chain.issue(account, now, account.authorize_rotates))


def refresh(book: Book, call: Call) -> Answer:
    account = _applicant(book, call)
    token = call.fields.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise missing("refresh_token")
    chain, now = book.chains[account.name], book.shared.clock.now()
    if not chain.take(account, token, now):
        book.save_chain(account)
        raise _DEAD_REFRESH
    return _granted(book, account, chain.issue(account, now))


def count_presented(book: Book, call: Call) -> None:
    """Every arrival counts, whatever becomes of it: a client must not send a refresh token again unawares."""
    token = call.fields.get("refresh_token")
    if call.account is not None and isinstance(token, str):
        book.chains[call.account.name].presented[token] += 1


def _applicant(book: Book, call: Call) -> Account:
    """The account whose id and secret came. Neither page shows a key header as required; a wrong one is refused."""
    for name in ("client_id", "client_secret"):
        if not call.fields.get(name):
            raise missing(name)
    account = call.account
    if account is None or account.client_id != call.fields["client_id"] or not account.enhanced:
        raise _WRONG
    if call.encoding not in account.authorize_encodings:
        raise missing("client_id")  # what a service says that does not find its fields in such a body
    if account.client_secret != call.fields["client_secret"]:
        raise _WRONG
    if call.api_key is not None and call.api_key != account.api_key:
        raise Refusal(401, "Invalid API key")
    return account


def _granted(book: Book, account: Account, pair: tuple[str, str, float]) -> Answer:
    access, refresh, expires_at = pair
    book.save_chain(account)
    local = datetime.fromtimestamp(expires_at + account.expire_skew, ZoneInfo(account.zone))
    return success(
        {
            "refresh_token": refresh,
            "access_token": access,
            "expire_time": local.strftime("%Y-%m-%d %H:%M:%S"),  # no zone, as documented
        }
    )


def _token() -> str:
    """32 random bytes in Base64. Each holds a `+`: half of the real ones do, and that half is the trap (§4.1)."""
    while True:
        text = base64.b64encode(os.urandom(32)).decode()
        if "+" in text:
            return text
