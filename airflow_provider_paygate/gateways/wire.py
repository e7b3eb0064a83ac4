"""What crosses the wire, and what a gateway's answer came to: the vocabulary every gateway is written in.

A conversation with a gateway is a generator, a :data:`Flow`: it yields what must be done (an :class:`Exchange`
with the gateway, a :class:`Task` that blocks, a :class:`Write`, a :class:`Pause`) and receives the result. The two drivers in
``transport`` run the same flow, one for a worker's thread and one for an event loop, so that nothing about a
gateway is written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request. `body` is final bytes; `multipart` holds fields that the driver encodes as form-data.

    `headers`, `body` and `multipart` may hold secrets and are left out of the repr.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    multipart: Mapping[str, str] | None = field(default=None, repr=False)

    def with_headers(self, **headers: str) -> Request:
        """The same request with further headers (``_`` in a name stands for ``-``)."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request(self.method, self.url, {**self.headers, **more}, self.params, self.body, self.multipart)


@dataclass(frozen=True)
class Reply:
    """One HTTP answer: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Undelivered(Exception):
    """The exchange did not end in an answer.

    :ivar sent: False when it is certain that no byte of the request reached the gateway (name resolution, refused
        connection, failed TLS handshake, connect time-out); True when it may have.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True)
class Exchange:
    """Send `request` and give back its :class:`Reply`, or raise :class:`Undelivered`.

    `not_after`, a reading of the monotonic clock: if the exchange cannot be over by then it is not begun
    (``Undelivered(sent=False)``), because whoever asked holds a lease that ends there.
    """

    request: Request
    not_after: float | None = None


@dataclass(frozen=True)
class Task:
    """Call `run`, which may block (the database does); the asynchronous driver calls it off the event loop."""

    run: Callable[[], Any]


@dataclass(frozen=True)
class Write(Task):
    """A task that is one transaction in the paygate database: a driver may let several share a flush to disk."""


@dataclass(frozen=True)
class Pause:
    """Wait for `seconds`."""

    seconds: float


Step = Exchange | Task | Pause
Flow = Generator[Step, Any, T]


class Kind(StrEnum):
    """What an answer that is not a success came to. `exceptions` has one class for each."""

    INVALID_REQUEST = "invalid_request"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_EXCEEDED = "limit_exceeded"
    NOT_PERMITTED = "not_permitted"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    AUTHENTICATION = "authentication"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_LOST = "token_lost"
    THROTTLED = "throttled"
    NOT_SENT = "not_sent"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    BAD_REPLY = "bad_reply"


class Fault(Exception):
    """An answer that is not a success, as a gateway's own code tells it.

    :ivar kind: what it came to.
    :ivar operation: what was being done, e.g. ``initiate`` or ``auth``.
    :ivar code: the gateway's code as text, or None.
    :ivar http_status: HTTP status, or None when nothing was answered.
    :ivar retry_after: seconds the gateway asked us to wait, or None.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        operation: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.operation = operation
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after


@contextmanager
def reading(unreadable: Fault) -> Iterator[None]:
    """Reading an answer. Whatever breaks meanwhile says nothing of what the request did: it is told as `unreadable`, and
    never as the ValueError that stands for arguments of which nothing was sent.
    """
    try:
        yield
    except Fault:
        raise
    except Exception as error:
        raise unreadable from error


def retry_after_of(reply: Reply) -> float | None:
    """Seconds asked for in ``Retry-After``, when it is a number of seconds (a date is not worth trusting a clock)."""
    value = reply.headers.get("retry-after", "").strip()
    return int(value) if value.isascii() and value.isdigit() else None
