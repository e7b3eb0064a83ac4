"""What a connection says, read once and checked before any request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_paygate.connections.fields import MASKED, AirflowConnection, masked, origin_of, refuse_sandbox_key
from airflow_provider_paygate.connections.paywize import PAYWIZE, RATE_LIMITS
from airflow_provider_paygate.exceptions import InvalidRequest
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
