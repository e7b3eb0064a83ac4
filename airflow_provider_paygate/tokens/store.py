"""Where tokens live: one row per gateway account, and a lease on the right to renew it.

The lease (owner, until, version) is a row's columns, not a held lock: no transaction stays open while a gateway is
called, and a renewer that dies gives way when its lease ends. All times are the database's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from airflow_provider_paygate.database import Database


@dataclass(frozen=True)
class Stored:
    """A token row as read; `now` is the database's clock at that moment."""

    ciphertext: str | None = field(repr=False)
    expires_at: float | None
    asked_at: float | None
    version: int
    leased_until: float | None
    now: float

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


class TokenStore:
    """The token rows of one paygate database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = database.shown

    def read(self, token_key: str) -> Stored:
        """The row, or an empty one. Waits for no writer."""
        from sqlalchemy import text

        with self._database.read() as connection:
            row = connection.execute(
                text(
                    "SELECT ciphertext, expires_at, asked_at, version, lease_until FROM paygate_tokens WHERE token_key = :key"
                ),
                {"key": token_key},
            ).fetchone()
            now = self._database.now(connection)
        if row is None:
            return Stored(None, None, None, 0, None, now)
        return Stored(row.ciphertext, row.expires_at, row.asked_at, row.version, row.lease_until, now)

    def lease(self, token_key: str, seen: Stored, seconds: float) -> Lease | None:
        """Take the right to renew for `seconds`; None when the row has changed since `seen`, or somebody holds it."""
        from sqlalchemy import text

        owner = uuid.uuid4().hex
        with self._database.begin() as connection:
            now = self._database.now(connection)
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

    def save(self, lease: Lease, ciphertext: str, expires_at: float) -> bool:
        """Store a new token and give the lease back; False when the lease was lost to another and nothing was stored."""
        from sqlalchemy import text

        with self._database.begin() as connection:
            return bool(
                connection.execute(
                    text(
                        "UPDATE paygate_tokens SET ciphertext = :ciphertext, asked_at = :asked, expires_at = :expires, "
                        "version = version + 1, lease_owner = NULL, lease_until = NULL "
                        "WHERE token_key = :key AND lease_owner = :owner"
                    ),
                    {
                        "ciphertext": ciphertext,
                        "asked": lease.since,
                        "expires": expires_at,
                        "key": lease.token_key,
                        "owner": lease.owner,
                    },
                ).rowcount
            )

    def release(self, lease: Lease) -> None:
        """Give the lease back without a new token."""
        from sqlalchemy import text

        with self._database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE paygate_tokens SET lease_owner = NULL, lease_until = NULL "
                    "WHERE token_key = :key AND lease_owner = :owner"
                ),
                {"key": lease.token_key, "owner": lease.owner},
            )
