"""What a connection says, read once and checked before any request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.connections.fields import MASKED, AirflowConnection, masked, origin_of, refuse_sandbox_key
from airflow_provider_paygate.connections.paytia import PAYTIA
from airflow_provider_paygate.connections.paywize import PAYWIZE, RATE_LIMITS
from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.gateways.paytia import paths as paytia_paths
from airflow_provider_paygate.gateways.paytia.conversation import Merchant as PaytiaMerchant
from airflow_provider_paygate.gateways.paywize.cipher import cipher_for
from airflow_provider_paygate.gateways.paywize.client import Merchant
from airflow_provider_paygate.gateways.paywize.paths import paths_of
from airflow_provider_paygate.payouts.ceilings import Ceilings


@dataclass(frozen=True)
class PaywizeSettings:
    """Everything a `paywize` connection says, checked."""

    merchant: Merchant
    timeout: float
    visibility_window: float
    ceilings: Ceilings
    rate_limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port, which with the API key make the account."""
        return origin_of(self.merchant.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log, message or answer may show."""
        merchant = self.merchant
        return tuple(secret for secret in (merchant.secret_key, merchant.api_key, merchant.webhook_secret) if secret)


def paywize_settings(connection: AirflowConnection) -> PaywizeSettings:
    """Read a connection. Raises InvalidRequest in one sentence that names the field; no network, no secret in it."""
    try:
        return _read(connection)
    except ValueError as error:
        raise InvalidRequest(str(error), gateway="paywize", operation="connection") from None


def _read(connection: AirflowConnection) -> PaywizeSettings:
    secret_key = str(connection.password or "").strip()
    if not secret_key:
        raise ValueError("password is missing in the connection (Secret key)")
    if secret_key == MASKED:
        raise masked("password (the secret key)")
    extras = PAYWIZE.read_extras(connection)
    base_url = PAYWIZE.base_url(connection)
    refuse_sandbox_key(extras["api_key"], base_url)
    if extras["timeout"] == 0:
        raise ValueError("timeout in the connection must be more than zero seconds")
    cipher_for(extras["encryption"], extras["api_key"], secret_key)  # says which key has the wrong length
    return PaywizeSettings(
        merchant=Merchant(
            base_url=base_url,
            api_key=extras["api_key"],
            secret_key=secret_key,
            encryption=extras["encryption"],
            auth_style=extras["auth_style"],
            paths=paths_of(extras["path_profile"], extras["paths"] or {}),
            wallet_id=extras["wallet_id"],
            callback_url=extras["callback_url"],
            webhook_secret=extras["webhook_secret"],
            webhook_signature=extras["webhook_signature"],
        ),
        timeout=extras["timeout"],
        visibility_window=extras["visibility_window"],
        ceilings=Ceilings(extras["max_amount"], extras["max_batch_amount"], extras["max_daily_amount"]),
        rate_limits=_rate_limits(extras["rate_limits"] or {}),
    )


def _rate_limits(given: Mapping[str, Any]) -> dict[str, int]:
    for operation, per_minute in given.items():
        if operation not in RATE_LIMITS:
            raise ValueError(
                f"rate_limits in the connection names an unknown operation {operation!r}; known are {', '.join(RATE_LIMITS)}"
            )
        if not str(per_minute).isdigit():
            raise ValueError(f"rate_limits in the connection gives {operation!r} something other than a whole number")
    return {**RATE_LIMITS, **{operation: int(str(per_minute)) for operation, per_minute in given.items()}}


@dataclass(frozen=True)
class PaytiaSettings:
    """Everything a `paytia` connection says, checked."""

    merchant: PaytiaMerchant
    timeout: float
    visibility_window: float
    ceilings: Ceilings

    @property
    def host(self) -> str:
        """Host and port, which with the API key make the account, and with the client id own the tokens."""
        return origin_of(self.merchant.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log, message or answer may show."""
        merchant = self.merchant
        given = (
            merchant.api_key,
            merchant.client_secret,
            merchant.access_token,
            merchant.refresh_token,
            merchant.webhook_secret,
        )
        return tuple(secret for secret in given if secret)


def paytia_settings(connection: AirflowConnection) -> PaytiaSettings:
    """Read a connection. Raises InvalidRequest in one sentence that names the field; no network, no secret in it."""
    try:
        return _read_paytia(connection)
    except ValueError as error:
        raise InvalidRequest(str(error), gateway="paytia", operation="connection") from None


def _read_paytia(connection: AirflowConnection) -> PaytiaSettings:
    extras = PAYTIA.read_extras(connection)
    base_url = PAYTIA.base_url(connection)
    refuse_sandbox_key(extras["api_key"], base_url)
    if extras["timeout"] == 0:
        raise ValueError("timeout in the connection must be more than zero seconds")
    if extras["webhook_signature"] == "required" and not extras["webhook_secret"]:
        raise ValueError("webhook_secret is missing in the connection, and webhook_signature is required")
    client_id, client_secret, enhanced = _enhanced(connection, extras)
    return PaytiaSettings(
        merchant=PaytiaMerchant(
            base_url=base_url,
            api_key=_header_value("api_key", extras["api_key"]) or "",
            client_id=client_id,
            client_secret=client_secret,
            enhanced=enhanced,
            send_both_headers=extras["send_both_headers"],
            authorize_encoding=extras["authorize_encoding"],
            paths=paytia_paths.paths_of(extras["paths"] or {}),
            names=paytia_paths.names_of(extras["field_names"] or {}),
            access_token=_header_value("access_token", extras["access_token"]),
            refresh_token=_header_value("refresh_token", extras["refresh_token"]),
            webhook_secret=extras["webhook_secret"],
            webhook_signature=extras["webhook_signature"],
            webhook_signature_header=extras["webhook_signature_header"],
        ),
        timeout=extras["timeout"],
        visibility_window=extras["visibility_window"],
        ceilings=Ceilings(extras["max_amount"], None, extras["max_daily_amount"]),
    )


def _enhanced(connection: AirflowConnection, extras: Mapping[str, Any]) -> tuple[str | None, str | None, bool]:
    """Client id and secret, and whether calls carry an access token: `auto` does when a client id is set."""
    client_id = str(connection.login or "").strip() or None
    client_secret = str(connection.password or "").strip() or None
    if client_secret == MASKED:
        raise masked("password (the client secret)")
    if extras["auth_mode"] == "key":
        return client_id, client_secret, False
    if client_id is None:
        given = [name for name in ("access_token", "refresh_token") if extras[name]]
        if extras["auth_mode"] == "enhanced" or given or client_secret:
            why = f"{' and '.join(given)} cannot be used without it" if given else "enhanced security needs it"
            raise ValueError(
                f"login is missing in the connection (Client ID): {why}; with an API key alone set auth_mode to key"
            )
        return None, None, False
    if client_secret is None:
        raise ValueError("password is missing in the connection (Client secret): no token can be renewed without it")
    return client_id, client_secret, True


def _header_value(name: str, value: str | None) -> str | None:
    """Keys and tokens travel in headers: one printable word. A base64 ``+`` that came as a space is the usual slip (§4.1)."""
    if value is not None and (not value.isascii() or not value.isprintable() or " " in value):
        raise ValueError(
            f"{name} in the connection holds a space or another character that no key has; in a URI write + as %2B"
        )
    return value
