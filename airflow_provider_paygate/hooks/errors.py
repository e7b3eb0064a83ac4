"""From what an answer came to (a `Fault`) to the exception that tells Airflow what to do."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

from airflow_provider_paygate import exceptions
from airflow_provider_paygate.gateways.wire import Fault, Kind

_CLASSES: dict[Kind, type[exceptions.PaygateError]] = {
    Kind.INVALID_REQUEST: exceptions.InvalidRequest,
    Kind.INSUFFICIENT_FUNDS: exceptions.InsufficientFunds,
    Kind.LIMIT_EXCEEDED: exceptions.LimitExceeded,
    Kind.NOT_PERMITTED: exceptions.NotPermitted,
    Kind.REFUSED: exceptions.Refused,
    Kind.DUPLICATE: exceptions.DuplicateReference,
    Kind.AUTHENTICATION: exceptions.AuthenticationFailed,
    Kind.TOKEN_EXPIRED: exceptions.AuthenticationFailed,
    Kind.TOKEN_LOST: exceptions.TokenLost,
    Kind.NOT_SENT: exceptions.NotSent,
    Kind.NOT_FOUND: exceptions.NotFound,
    Kind.UNKNOWN: exceptions.OutcomeUnknown,
    Kind.BAD_REPLY: exceptions.BadReply,
}


def error_of(fault: Fault, gateway: str, operation: str, secrets: Iterable[str]) -> exceptions.PaygateError:
    """The exception for `fault`; none of `secrets` is left in its message, in whatever form the gateway echoed it."""
    message = scrubbed(str(fault), secrets)
    about = {
        "gateway": gateway,
        "operation": fault.operation or operation,
        "code": fault.code,
        "http_status": fault.http_status,
    }
    if fault.kind is Kind.THROTTLED:
        return exceptions.Throttled(message, retry_after=fault.retry_after, **about)
    return _CLASSES[fault.kind](message, **about)  # type: ignore[arg-type]


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, plain, URL-escaped, base64 or hex."""
    for secret in secrets:
        raw = secret.encode()
        for form in (secret, quote(secret, safe=""), base64.b64encode(raw).decode().rstrip("="), raw.hex()):
            if len(form) > 3:
                text = text.replace(form, "***")
    return text
