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
    a rotated key and keeps the account. So an account goes by several names: each key, and each connection, it was seen
    with; a key says more than a connection, which may be pointed elsewhere.
    """
    from sqlalchemy import select, text

    from airflow_provider_paygate.database.schema import account_names

    by_key = _name("key", gateway, host, api_key)
    by_connection = _name("connection", gateway, host, conn_id)
    query = select(account_names.c.name, account_names.c.account_id).where(
        account_names.c.name.in_((by_key, by_connection))
    )
    with database.read() as connection:
        known = {row.name: row.account_id for row in connection.execute(query)}
    account_id = known.get(by_key) or known.get(by_connection) or by_key
    if known != {by_key: account_id, by_connection: account_id}:
        with database.begin() as connection:
            known = {row.name: row.account_id for row in connection.execute(query)}
            account_id = known.get(by_key) or known.get(by_connection) or by_key
            upsert = text(
                "INSERT INTO paygate_account_names (name, account_id, created_at) VALUES (:name, :account, :now) "
                "ON CONFLICT (name) DO UPDATE SET account_id = :account"
            )
            now = database.now(connection)
            for name in (by_key, by_connection):
                connection.execute(upsert, {"name": name, "account": account_id, "now": now})
    return Account(account_id, gateway, host, conn_id, currency, day_zone)


def _name(kind: str, *parts: str) -> str:
    return hashlib.sha256("\0".join(("paygate account", kind, *parts)).encode()).hexdigest()[:32]
