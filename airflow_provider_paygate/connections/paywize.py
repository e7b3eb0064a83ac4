"""The `paywize` connection, as a table."""

from __future__ import annotations

from airflow_provider_paygate.connections.fields import ConnectionType, Field, Shape
from airflow_provider_paygate.gateways.paywize.paths import PROFILES

# Requests per minute as the pages print them (specs/paywize.md §1.9); for the token call the lower of the two figures.
RATE_LIMITS = {"auth": 10, "initiate": 100, "status": 200, "balance": 500}

PAYWIZE = ConnectionType(
    conn_type="paywize",
    hook_class="airflow_provider_paygate.hooks.paywize.PaywizeHook",
    hook_name="Paywize",
    default_host="https://merchant.paywize.in",
    relabeling={"password": "Secret key", "host": "Base URL"},
    # The port stays in the form: the Test button of Airflow 3.3.1 and 3.3.2 turns down a connection without one.
    placeholders={"host": "https://merchant.paywize.in", "port": "443", "password": "16 characters on V1"},
    hidden=("login", "schema"),
    extras=(
        Field("api_key", "API key", "From the Paywize dashboard; 32 characters on V1.", Shape.SECRET, required=True),
        Field("wallet_id", "Wallet", "The wallet that pays when a payout names none, like PAYWIZE12345679."),
        Field(
            "encryption",
            "Encryption",
            "v1 is AES-256-CBC, v2 is AES-256-GCM: as Paywize set up this merchant.",
            Shape.CHOICE,
            "v1",
            ("v1", "v2"),
        ),
        Field(
            "auth_style",
            "Token request",
            "How the keys travel in the token call. auto: encrypted on v1, plain-camel on v2.",
            Shape.CHOICE,
            "auto",
            ("auto", "encrypted", "plain-camel", "plain-snake"),
        ),
        Field(
            "path_profile",
            "Paths",
            "docs: the documented paths; docs-api: the same under /api; live: as a production service was seen to answer.",
            Shape.CHOICE,
            "docs",
            tuple(PROFILES),
        ),
        Field("max_amount", "Ceiling per payout", "Rupees, like 500000.00; beyond it nothing is sent.", Shape.AMOUNT),
        Field("max_batch_amount", "Ceiling per batch", "Rupees; beyond it nothing of the batch is sent.", Shape.AMOUNT),
        Field(
            "max_daily_amount",
            "Ceiling per day",
            "Rupees per day in India; beyond it nothing more is sent.",
            Shape.AMOUNT,
        ),
        Field("timeout", "Time-out", "Seconds to wait for an answer.", Shape.SECONDS, 30),
        Field(
            "visibility_window",
            "Visibility window",
            "Seconds after a submission during which the gateway's 'not found' proves nothing.",
            Shape.SECONDS,
            900,
        ),
        Field("callback_url", "Callback URL", "Where Paywize posts news when a request names no URL."),
        Field(
            "webhook_secret", "Webhook secret", "Key of the webhook signature; the secret key when empty.", Shape.SECRET
        ),
        Field(
            "webhook_signature",
            "Webhook signature",
            "required, if_present (checked when the header is there) or off.",
            Shape.CHOICE,
            "if_present",
            ("required", "if_present", "off"),
        ),
        # The two editors are tall, and few need them: they come last.
        Field(
            "paths",
            "Single paths",
            'JSON object, operation to path, like {"balance": "/v2/balance"}; overrides Paths.',
            Shape.OBJECT,
        ),
        Field(
            "rate_limits",
            "Rate limits",
            f"JSON object, operation to requests per minute ({', '.join(RATE_LIMITS)}); 0 turns one off.",
            Shape.OBJECT,
        ),
    ),
)
