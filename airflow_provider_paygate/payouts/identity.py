"""What makes two payments the same: a keyed fingerprint of amount, account and IFSC; and whose reference it is."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_provider_paygate.tokens.keys import derived_key, key_id_of

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database


@dataclass(frozen=True)
class Account:
    """A gateway account: the scope in which references are unique.

    :ivar account_id: the same for every connection with this host and API key, and kept when the key is rotated.
    :ivar day_zone: where its days begin and end.
    """

    account_id: str
    gateway: str
    host: str
    conn_id: str
    currency: str
    day_zone: str


class Fingerprints:
    """Makes fingerprints with a key derived from the connection's secret; without it a journal tells no account number."""

    def __init__(self, secret: str, scope: str) -> None:
        self._key = derived_key(secret, "payment fingerprint", scope)
        self.key_id = key_id_of(self._key)

    def key_for(self, purpose: str) -> bytes:
        """Another key from the same secret."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()

    def of(self, amount: Decimal, account: str, ifsc: str) -> str:
        """The fingerprint of a payment. Amounts that are equal as numbers give the same one."""
        facts = f"{minor_units(amount)}\0{account}\0{ifsc.upper()}"
        return hmac.new(self._key, facts.encode(), hashlib.sha256).hexdigest()


def minor_units(amount: Decimal) -> int:
    """Paise or pence. Raises ValueError for a fraction of one."""
    scaled = amount.scaleb(2)
    if scaled != scaled.to_integral_value():
        raise ValueError("an amount has more than two decimals")
    return int(scaled)


def major_units(minor: int) -> Decimal:
    """Rupees or pounds with two decimals."""
    return Decimal(minor).scaleb(-2)


def account_of(
    database: Database, *, gateway: str, host: str, api_key: str, conn_id: str, currency: str, day_zone: str
) -> Account:
    """The account behind a connection, made on first sight.

    The same host and API key are one account. A new key on a connection id that was seen before, on the same host, is
    a rotated key and keeps the account.
    """
    from sqlalchemy import insert, select, update
    from sqlalchemy.exc import IntegrityError

    from airflow_provider_paygate.database.schema import account_keys

    key_id = hashlib.sha256(f"paygate account\0{gateway}\0{host}\0{api_key}".encode()).hexdigest()[:32]

    def account(account_id: str) -> Account:
        return Account(account_id, gateway, host, conn_id, currency, day_zone)

    with database.read() as connection:
        row = connection.execute(select(account_keys).where(account_keys.c.key_id == key_id)).fetchone()
    if row is not None and row.conn_id == conn_id:
        return account(row.account_id)
    try:
        with database.begin() as connection:
            now = database.now(connection)
            if row is not None:
                connection.execute(
                    update(account_keys).where(account_keys.c.key_id == key_id).values(conn_id=conn_id, seen_at=now)
                )
                return account(row.account_id)
            earlier = connection.execute(
                select(account_keys.c.account_id)
                .where(
                    account_keys.c.gateway == gateway, account_keys.c.host == host, account_keys.c.conn_id == conn_id
                )
                .order_by(account_keys.c.seen_at.desc())
            ).scalar()
            connection.execute(
                insert(account_keys).values(
                    key_id=key_id,
                    account_id=earlier or key_id,
                    gateway=gateway,
                    host=host,
                    conn_id=conn_id,
                    created_at=now,
                    seen_at=now,
                )
            )
            return account(earlier or key_id)
    except IntegrityError:  # another process saw the key first
        with database.read() as connection:
            known = connection.execute(
                select(account_keys.c.account_id).where(account_keys.c.key_id == key_id)
            ).scalar_one()
        return account(known)
