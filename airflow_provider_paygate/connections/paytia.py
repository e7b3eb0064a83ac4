"""The `paytia` connection, as a table."""

from __future__ import annotations

from airflow_provider_paygate.connections.fields import ConnectionType, Field, Shape
from airflow_provider_paygate.gateways.paytia.auth import ENCODINGS
from airflow_provider_paygate.gateways.paytia.paths import OPERATIONS

PAYTIA = ConnectionType(
    conn_type="paytia",
    hook_class="airflow_provider_paygate.hooks.paytia.PaytiaHook",
    hook_name="Paytia",
    default_host="https://accounts.paytia.com",
    relabeling={"login": "Client ID", "password": "Client secret", "host": "Base URL"},
    placeholders={
        "host": "https://accounts.paytia.com",
        "port": "443",
        "login": "32 characters, with enhanced security",
    },
    hidden=("schema",),
    extras=(
        Field("api_key", "API key", "From the portal: Account Security, API Secret Key.", Shape.SECRET, required=True),
        Field(
            "access_token",
            "Access token",
            "As the portal showed it; only used to start. A pair that is pasted here is adopted once.",
            Shape.SECRET,
        ),
        Field(
            "refresh_token",
            "Refresh token",
            "As the portal showed it; only used to start: it changes on every use and lives in the paygate database.",
            Shape.SECRET,
        ),
        Field(
            "auth_mode",
            "Authentication",
            "auto: enhanced security when a client ID is set; key: the API key alone; enhanced: with an access token.",
            Shape.CHOICE,
            "auto",
            ("auto", "key", "enhanced"),
        ),
        Field(
            "send_both_headers",
            "Send both headers",
            "Send X-API-KEY with every ACCESS-TOKEN. Off: the token alone.",
            Shape.FLAG,
            True,
        ),
        Field(
            "authorize_encoding",
            "Token request",
            "How the fields of the token calls travel.",
            Shape.CHOICE,
            "form",
            ENCODINGS,
        ),
        Field("paths", "Single paths", f"JSON object, operation to path ({', '.join(OPERATIONS)}).", Shape.OBJECT),
        Field(
            "field_names",
            "Field names",
            "JSON object, our name of a field to this account's, for what is sent and what is read.",
            Shape.OBJECT,
        ),
        Field("webhook_secret", "Webhook secret", "Key of the webhook signature.", Shape.SECRET),
        Field(
            "webhook_signature",
            "Webhook signature",
            "required, if_present (checked when the header is there) or off. Hex HMAC-SHA256 of the raw body.",
            Shape.CHOICE,
            "off",
            ("required", "if_present", "off"),
        ),
        Field(
            "webhook_signature_header",
            "Signature header",
            "The name of the header that carries the signature, from Paytia's onboarding document.",
            Shape.TEXT,
            "X-Paytia-Signature",
        ),
        Field("timeout", "Time-out", "Seconds to wait for an answer.", Shape.SECONDS, 30),
        Field(
            "visibility_window",
            "Visibility window",
            "Seconds after a submission during which a payment history without it proves nothing.",
            Shape.SECONDS,
            900,
        ),
        Field("max_amount", "Most per charge", "In the account's currency; beyond it nothing is sent.", Shape.AMOUNT),
        Field(
            "max_daily_amount",
            "Most per day",
            "In the account's currency, per day in London; beyond it nothing more is sent.",
            Shape.AMOUNT,
        ),
    ),
)
