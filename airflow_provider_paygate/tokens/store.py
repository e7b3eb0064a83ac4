"""Where tokens live: one row per gateway account, and a lease on the right to renew it.

The lease (owner, until, version) is a row's columns, not a held lock: no transaction stays open while a gateway is
called, and a renewer that dies gives way when its lease ends. All times are the database's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.database import Database


@dataclass(frozen=True)
class Stored:
    """A token row as read; `now` is the database's clock at that moment.

    :ivar uses: how often the refresh token in it has been sent, or may have been (rotating pairs only).
    :ivar not_before: a renewal failed while the token lives on; the next try is not due earlier.
    :ivar aside: the pair that a pasted one displaced, and `aside_expires_at` its end.
    """

    ciphertext: str | None = field(repr=False)
    expires_at: float | None
    asked_at: float | None
    version: int
    leased_until: float | None
    now: float
    uses: int = 0
    not_before: float | None = None
    aside: str | None = field(default=None, repr=False)
    aside_expires_at: float | None = None

    @property
    def leased(self) -> bool:
        """Whether somebody is renewing it now."""
        return self.leased_until is not None and self.leased_until > self.now


@dataclass(frozen=True)
class Lease:
    """The right to renew one token until `until` (the database's clock), taken at `since`."""

    token_key: str
    owner: str
    since: float
    until: float


_READ = (
    "SELECT ciphertext, expires_at, asked_at, version, lease_until, uses, not_before, aside, aside_expires_at "
    "FROM paygate_tokens WHERE token_key = :key"
)
# What a new token or pair starts with, and gives the lease back.
_FRESH = (
    "uses = 0, not_before = NULL, aside = NULL, aside_expires_at = NULL, "
    "version = version + 1, lease_owner = NULL, lease_until = NULL"
)


class TokenStore:
    """The token rows of one paygate database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.name = database.shown

    def read(self, token_key: str) -> Stored:
        """The row, or an empty one. Waits for no writer."""
        from sqlalchemy import text

        with self.database.read() as connection:
            row = connection.execute(text(_READ), {"key": token_key}).fetchone()
            now = self.database.now(connection)
        if row is None:
            return Stored(None, None, None, 0, None, now)
        return Stored(
            row.ciphertext, row.expires_at, row.asked_at, row.version, row.lease_until, now,
            row.uses, row.not_before, row.aside, row.aside_expires_at,
        )  # fmt: skip

    def lease(self, token_key: str, seen: Stored, seconds: float) -> Lease | None:
        """Take the right to renew for `seconds`; None when the row has changed since `seen`, or somebody holds it."""
        from sqlalchemy import text

        owner = uuid.uuid4().hex
        with self.database.begin() as connection:
            now = self.database.now(connection)
            connection.execute(
                text(
                    "INSERT INTO paygate_tokens (token_key, version) VALUES (:key, 0) ON CONFLICT (token_key) DO NOTHING"
                ),
                {"key": token_key},
            )
            taken = connection.execute(
                text(
                    "UPDATE paygate_tokens SET lease_owner = :owner, lease_until = :until "
                    "WHERE token_key = :key AND version = :version AND (lease_until IS NULL OR lease_until <= :now)"
                ),
                {"owner": owner, "until": now + seconds, "key": token_key, "version": seen.version, "now": now},
            ).rowcount
        return Lease(token_key, owner, now, now + seconds) if taken else None

    def save(self, lease: Lease, ciphertext: str, expires_at: float, asked_at: float | None = None) -> bool:
        """Store a new token and give the lease back; False when the lease was lost to another and nothing was stored.

        :param asked_at: when it was asked for; when the lease was taken, unless given.
        """
        asked = lease.since if asked_at is None else asked_at
        return self._held(
            lease,
            f"ciphertext = :ciphertext, asked_at = :asked, expires_at = :expires, {_FRESH}",
            {"ciphertext": ciphertext, "asked": asked, "expires": expires_at},
        )

    def release(self, lease: Lease, *, not_before: float | None = None) -> None:
        """Give the lease back without a new token; a further try is not due before `not_before`."""
        self._held(
            lease, "not_before = :not_before, lease_owner = NULL, lease_until = NULL", {"not_before": not_before}
        )

    def extend(self, lease: Lease, seconds: float) -> bool:
        """Hold the lease for `seconds` longer; False when it was lost to another."""
        return self._held(lease, "lease_until = lease_until + :seconds", {"seconds": seconds})

    # Rotating pairs

    def used(self, lease: Lease, uses: int, seconds: float) -> float | None:
        """Record how often the refresh token has left or is about to, durably, and hold the lease for `seconds` from now.

        The database's clock then; None when the lease was lost to another: then nothing must leave.
        """
        from sqlalchemy import text

        with self.database.begin() as connection:
            now = self.database.now(connection)
            held = connection.execute(
                text(
                    "UPDATE paygate_tokens SET uses = :uses, lease_until = :until "
                    "WHERE token_key = :key AND lease_owner = :owner"
                ),
                {"uses": uses, "until": now + seconds, "key": lease.token_key, "owner": lease.owner},
            ).rowcount
        return now if held else None

    def was_pasted(self, token_key: str, fingerprint: str) -> bool:
        """Whether a pair that somebody pasted has been adopted before."""
        from sqlalchemy import text

        query = text("SELECT 1 FROM paygate_pasted_pairs WHERE token_key = :key AND fingerprint = :fingerprint")
        with self.database.read() as connection:
            return connection.execute(query, {"key": token_key, "fingerprint": fingerprint}).fetchone() is not None

    def adopt(self, token_key: str, seen: Stored, fingerprint: str, ciphertext: str, life: float) -> bool:
        """Make a pasted pair the current one, once ever, and keep the one it displaces aside.

        False when the row has changed since `seen`, or somebody is renewing it: look again.
        """
        from sqlalchemy import text

        with self.database.begin() as connection:
            now = self.database.now(connection)
            place = {"key": token_key, "fingerprint": fingerprint, "now": now}
            connection.execute(
                text(
                    "INSERT INTO paygate_tokens (token_key, version) VALUES (:key, 0) ON CONFLICT (token_key) DO NOTHING"
                ),
                place,
            )
            adopted = connection.execute(
                text(
                    "UPDATE paygate_tokens SET aside = CASE WHEN uses = 0 THEN ciphertext END, aside_expires_at = expires_at, "
                    "ciphertext = :ciphertext, asked_at = NULL, expires_at = :expires, uses = 0, not_before = NULL, "
                    "version = version + 1, lease_owner = NULL, lease_until = NULL "
                    "WHERE token_key = :key AND version = :version AND (lease_until IS NULL OR lease_until <= :now)"
                ),
                {**place, "ciphertext": ciphertext, "expires": now + life, "version": seen.version},
            ).rowcount
            if adopted:
                connection.execute(
                    text(
                        "INSERT INTO paygate_pasted_pairs (token_key, fingerprint, adopted_at) "
                        "VALUES (:key, :fingerprint, :now)"
                    ),
                    place,
                )
        return bool(adopted)

    def put_back(self, lease: Lease) -> bool:
        """Make the pair that was set aside the current one again, and give the lease back."""
        return self._held(lease, f"ciphertext = aside, expires_at = aside_expires_at, asked_at = NULL, {_FRESH}", {})

    def _held(self, lease: Lease, values: str, parameters: dict[str, Any]) -> bool:
        """Write the row while `lease` is its lease; False when it has passed to another."""
        from sqlalchemy import text

        with self.database.begin() as connection:
            return bool(
                connection.execute(
                    text(f"UPDATE paygate_tokens SET {values} WHERE token_key = :key AND lease_owner = :owner"),
                    {**parameters, "key": lease.token_key, "owner": lease.owner},
                ).rowcount
            )
