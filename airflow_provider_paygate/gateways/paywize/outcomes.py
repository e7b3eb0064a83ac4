"""What each code means, per operation: Paywize uses one code for several things (specs/paywize.md §1.4-§2.2, §6)."""

from __future__ import annotations

import re
from typing import NamedTuple

from airflow_provider_paygate.gateways.paywize.envelope import Envelope, opened
from airflow_provider_paygate.gateways.wire import Fault, Kind, Reply, retry_after_of

MONEY = frozenset({"initiate", "collection_initiate", "call"})
COLLECTION = frozenset({"collection_initiate", "collection_status"})


class When(NamedTuple):
    """A code that means several things: the first pattern found in the message decides, else `otherwise`."""

    meanings: tuple[tuple[str, Kind], ...]
    otherwise: Kind


_ANYWHERE: dict[str, Kind | When] = {
    "4014": Kind.AUTHENTICATION,  # "Decryption failed": our keys or our `encryption` are not theirs
    "4022": Kind.INVALID_REQUEST,
    "4023": Kind.INVALID_REQUEST,
    "4044": Kind.INVALID_REQUEST,
    "4041": Kind.NOT_PERMITTED,
    "4042": Kind.NOT_PERMITTED,
    "4043": Kind.NOT_PERMITTED,
}

CODES: dict[str, dict[str, Kind | When]] = {
    "auth": {"4000": Kind.AUTHENTICATION},
    "initiate": {
        "4000": When(((r"insufficient|balance", Kind.INSUFFICIENT_FUNDS),), Kind.INVALID_REQUEST),
        "4002": When(((r"duplicate|already", Kind.DUPLICATE),), Kind.INVALID_REQUEST),
        "4003": When(
            (
                (r"commercial|configur|not enabled", Kind.NOT_PERMITTED),
                (r"limit|minimum|maximum|exceed", Kind.LIMIT_EXCEEDED),
            ),
            Kind.REFUSED,
        ),
        "4013": Kind.LIMIT_EXCEEDED,
        "4024": Kind.NOT_PERMITTED,
        "4025": Kind.LIMIT_EXCEEDED,
    },
    "status": {"4101": Kind.INVALID_REQUEST, "4102": Kind.INVALID_REQUEST, "4103": Kind.NOT_FOUND},
    "balance": {"4000": Kind.INVALID_REQUEST},
    "collection_initiate": {
        "4001": Kind.INVALID_REQUEST,
        "4003": Kind.INVALID_REQUEST,
        "4004": Kind.INVALID_REQUEST,
        "4005": Kind.INVALID_REQUEST,
        "4006": Kind.INVALID_REQUEST,
        "4007": Kind.INVALID_REQUEST,
        "4010": Kind.LIMIT_EXCEEDED,
        "4011": Kind.LIMIT_EXCEEDED,
        "4012": Kind.DUPLICATE,
        "4013": Kind.LIMIT_EXCEEDED,
        "4015": Kind.NOT_PERMITTED,
        "4016": Kind.NOT_PERMITTED,
    },
    "collection_status": {
        "4000": Kind.INVALID_REQUEST,
        "4103": Kind.INVALID_REQUEST,  # here it says "both ids given"; on payouts the same code says "not found"
        "4104": Kind.NOT_FOUND,
        "4105": Kind.INVALID_REQUEST,
        "4107": Kind.NOT_PERMITTED,
    },
    "read": {},
}
# Connected banking's own table could not be seen; it has the payouts' fields, texts and codes (§1.8).
CODES["call"] = CODES["initiate"]


def token_refused(operation: str, reply: Reply) -> bool:
    """Whether `reply` says that the token is no longer good: HTTP 401, code 4008, or 4001 where that means it (§2.2)."""
    if reply.status == 401:
        return True
    if b"4001" not in reply.body and b"4008" not in reply.body:
        return False  # most answers, and not worth reading twice
    try:
        envelope = opened(reply)
    except Fault:
        return False
    return not envelope.succeeded and _names_token(operation, envelope)


def checked(operation: str, reply: Reply) -> Envelope:
    """The envelope of a success; otherwise raises the :class:`Fault` that the answer came to."""
    try:
        envelope = opened(reply)
    except Fault as fault:
        raise _unreadable(operation, reply, fault) from None
    if envelope.succeeded and reply.status != 429:
        return envelope
    kind, meaning = _meaning(operation, envelope)
    code = envelope.code or "no code"
    raise Fault(
        kind,
        f"Paywize {_NAMES[operation]}: HTTP {reply.status}, {code}: {meaning}",
        operation=operation,
        code=envelope.code,
        http_status=reply.status,
        retry_after=retry_after_of(reply),
    )


def unanswered(operation: str) -> Kind:
    """What it means when no answer, or none that can be read, came to a request that may have arrived."""
    if operation == "auth":
        return Kind.NOT_SENT
    return Kind.UNKNOWN if operation in MONEY else Kind.BAD_REPLY


_NAMES = {
    "auth": "token call",
    "initiate": "payout",
    "status": "payout status",
    "balance": "wallet balance",
    "collection_initiate": "collection",
    "collection_status": "collection status",
    "call": "request",
    "read": "request",
}


def _meaning(operation: str, envelope: Envelope) -> tuple[Kind, str]:
    status, code = envelope.http_status, envelope.code
    said = _shown(envelope.message)
    if status == 429 or code == "4290":
        return Kind.THROTTLED, f"{said} (too many requests; nothing was processed)"
    if status >= 500 or code in {"5000", "5001"}:
        return unanswered(operation), said
    if code is None:
        return _without_code(operation, envelope)
    if status == 401 or _names_token(operation, envelope):
        return Kind.AUTHENTICATION, f"{said}: the API key or the secret key in the connection is wrong"
    if status == 403 and code not in CODES[operation] and code not in _ANYWHERE:
        return Kind.NOT_PERMITTED, f"{said} (register this machine's outgoing address with Paywize)"
    meaning = CODES[operation].get(code, _ANYWHERE.get(code))
    if isinstance(meaning, When):
        found = (kind for pattern, kind in meaning.meanings if re.search(pattern, envelope.message, re.I))
        meaning = next(found, meaning.otherwise)
    if meaning is None or (200 <= status < 300 and code == "2000"):
        return unanswered(operation), f"{said} (a code that no page of the documentation explains)"
    if meaning is Kind.AUTHENTICATION:
        return meaning, f"{said}: check `encryption`, the API key and the secret key in the connection"
    return meaning, said


def _names_token(operation: str, envelope: Envelope) -> bool:
    """4008 is always about the token (or the keys); 4001 is on payouts, and on collections when its message says so (§2.2)."""
    said_so = re.search(r"\btoken\b|^unauthori[sz]ed", envelope.message, re.I) is not None
    return envelope.code == "4008" or (envelope.code == "4001" and (operation not in COLLECTION or said_so))


def _without_code(operation: str, envelope: Envelope) -> tuple[Kind, str]:
    """JSON without a Paywize code comes from what stands in front of the service (§1.2): validation, routing, the allow-list."""
    said = _shown(envelope.message)
    if envelope.http_status == 403:
        return Kind.NOT_PERMITTED, f"{said} (register this machine's outgoing address with Paywize)"
    if envelope.http_status == 401:
        return Kind.AUTHENTICATION, f"{said}: the API key or the secret key in the connection is wrong"
    if operation == "auth" and envelope.http_status in {400, 422}:
        return Kind.AUTHENTICATION, f"{said} (is `auth_style` set as this merchant's service expects?)"
    if envelope.http_status in {400, 422}:
        return Kind.INVALID_REQUEST, said
    if envelope.http_status == 404 and envelope.message.startswith("Cannot "):
        return Kind.INVALID_REQUEST, f"{said} (there is no such path: check `path_profile` and `paths`)"
    return unanswered(operation), said


def _unreadable(operation: str, reply: Reply, fault: Fault) -> Fault:
    kind, hint = unanswered(operation), ""
    if reply.status == 429:
        kind = Kind.THROTTLED
    elif reply.status == 401:
        kind = Kind.AUTHENTICATION
    elif reply.status == 403:
        kind, hint = Kind.NOT_PERMITTED, "; register this machine's outgoing address with Paywize"
    elif reply.status == 404:
        hint = "; check `path_profile` and `paths` in the connection"
    elif 300 <= reply.status < 400:
        hint = "; redirects are not followed, check host and `paths` in the connection"
    return Fault(
        kind,
        f"Paywize {_NAMES[operation]}: {fault}{hint}",
        operation=operation,
        http_status=reply.status,
        retry_after=retry_after_of(reply),
    )


def _shown(message: str) -> str:
    """The gateway's words, short, and without any long number that might be an account."""
    return re.sub(r"\d{9,}", "…", " ".join(message.split()))[:160] or "no message"
