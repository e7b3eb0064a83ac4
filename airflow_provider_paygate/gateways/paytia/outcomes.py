"""What an answer came to, per operation (specs/paytia.md §3): whether money may have moved decides, not the code alone."""

from __future__ import annotations

import re

from airflow_provider_paygate.gateways.paytia.envelope import Answer, answer_of
from airflow_provider_paygate.gateways.paytia.paths import READS
from airflow_provider_paygate.gateways.wire import Fault, Kind, Reply, Undelivered, retry_after_of

# Requests after which money may have moved. `payment_service` and `call` are whatever a DAG makes of them.
MONEY = frozenset({"charge", "settle", "bank_payout", "payment_service", "call"})
# Requests that change something at the gateway, but no money.
CHANGES = frozenset({"link", "release", "subscription", "bank_token"})
TOKENS = frozenset({"authorize", "refresh"})

_NAMES = {
    "authorize": "authorize",
    "refresh": "token refresh",
    "charge": "charge",
    "settle": "settlement",
    "bank_payout": "bank payout",
    "payment_service": "payment service",
    "link": "payment link",
    "release": "release",
    "subscription": "subscription",
    "bank_token": "bank token",
    "payments_taken": "payment history",
    "cdr_logs": "call records",
    "cdr": "call record",
    "cdr_api_details": "call trace",
    "webhook_log": "webhook log",
    "call": "request",
}
_NEW_LINK = (
    "No money moved, but a link or page may have been made under this reference: ask for it again under a new reference"
)


def checked(operation: str, reply: Reply) -> Answer:
    """The answer, when it is a success; otherwise raises the :class:`Fault` that it came to."""
    answer = answer_of(reply)
    if answer.succeeded:
        return answer
    kind, hint = _meaning(operation, answer)
    said = answer.message or _FORMS.get(answer.form, "no message")
    told = f"HTTP {answer.http_status}" + (f", status {answer.code}" if answer.code != answer.http_status else "")
    tail = f"; {hint}" if hint else ""
    request = f" [request id {answer.request_id}]" if answer.request_id else ""
    raise Fault(
        kind,
        f"Paytia {_NAMES[operation]}: {told}: {said}{tail}{request}",
        operation=operation,
        code=str(answer.code),
        http_status=answer.http_status,
        retry_after=retry_after_of(reply),
    )


def token_refused(reply: Reply) -> bool:
    """Whether `reply` says that the access token is no longer good: 401, on either level."""
    return reply.status == 401 or (200 <= reply.status < 300 and answer_of(reply).code == 401)


def undelivered(operation: str, error: Undelivered) -> Fault:
    """The fault of an exchange that brought no answer."""
    if not error.sent:
        return Fault(Kind.NOT_SENT, f"Paytia {_NAMES[operation]}: {error}", operation=operation)
    hint = _NEW_LINK if operation == "link" else ""
    text = f"Paytia {_NAMES[operation]}: {error}{f'. {hint}' if hint else ''}"
    return Fault(Kind.NOT_SENT if operation in READS else unanswered(operation), text, operation=operation)


def unreadable(operation: str) -> Fault:
    """The fault of an answer that came and that our reading of it broke at."""
    hint = f". {_NEW_LINK}" if operation == "link" else ""
    text = f"Paytia {_NAMES[operation]}: the answer cannot be read{hint}"
    return Fault(unanswered(operation), text, operation=operation)


def unanswered(operation: str) -> Kind:
    """What it means when no answer, or none that can be read, came to a request that may have arrived."""
    if operation in MONEY or operation in TOKENS:  # a token call may have rotated the pair
        return Kind.UNKNOWN
    return Kind.NOT_SENT if operation in CHANGES else Kind.BAD_REPLY


_FORMS = {"html": "an HTML page", "nothing": "an empty body", "text": "text without a reason", "json": "no message"}


def _meaning(operation: str, answer: Answer) -> tuple[Kind, str]:
    """What it came to, and a hint for whoever reads the message."""
    code = answer.code if answer.code >= 400 or answer.duplicate else answer.http_status
    if answer.duplicate:
        return Kind.DUPLICATE, _NEW_LINK if operation == "link" else "the reference was used before"
    if code == 429:
        return Kind.THROTTLED, "nothing was processed"
    if code == 401:
        return Kind.AUTHENTICATION, (
            "the API key or the token is wrong, or this machine's address is not allowed: see Account Security in the portal"
        )
    if code == 403:
        return Kind.NOT_PERMITTED, "not permitted or not licensed for this account, or this address is not allowed"
    if operation in TOKENS and 400 <= code < 500 and code not in {404, 408}:
        return Kind.AUTHENTICATION, "check `authorize_encoding`, client id and client secret in the connection"
    if code == 402:
        return Kind.REFUSED, ""
    if code in {400, 405, 406, 411, 413, 414, 415, 422}:
        return _refusal(answer.message)
    if 300 <= code < 400:
        return unanswered(operation), "redirects are not followed, check host and `paths` in the connection"
    if code == 404:  # never "no such payment" (contract §5)
        return unanswered(operation), "check host and `paths` in the connection"
    if 200 <= code < 300 and answer.flag is False:
        kind, hint = _refusal(answer.message)
        return (Kind.REFUSED if kind is Kind.INVALID_REQUEST and operation in MONEY else kind), hint
    return unanswered(operation), _NEW_LINK if operation == "link" else ""


def _refusal(message: str) -> tuple[Kind, str]:
    """The gateway named what is wrong in words (§3, §5.4)."""
    if re.search(r"insufficient|not enough", message, re.I):
        return Kind.INSUFFICIENT_FUNDS, ""
    if re.search(r"declin|refus|do not honou?r|rejected", message, re.I):
        return Kind.REFUSED, ""
    if re.search(r"\b(maximum|minimum|limit|exceed)", message, re.I):
        return Kind.LIMIT_EXCEEDED, ""
    if re.search(r"\bagent\b.*\b(right|permi|allow|access|authori)", message, re.I):
        return Kind.NOT_PERMITTED, "give the agent this right in the portal: Administer Users, Users, Edit"
    if re.search(r"customer.*\b(exist|already|taken|in use)", message, re.I):
        return Kind.INVALID_REQUEST, "choose another gateway_customer_id; nothing moved"
    return Kind.INVALID_REQUEST, ""
