"""Runs a flow on a worker: `requests`, one pool of connections per process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_paygate import __version__
from airflow_provider_paygate.gateways.wire import Exchange, Flow, Pause, Reply, Request, Step, Task, Undelivered

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

T = TypeVar("T")

CONNECT_SECONDS = 10
USER_AGENT = f"airflow-provider-paygate/{__version__}"
CHUNK = 64 * 1024
LARGEST_REPLY = 32 * 1024 * 1024


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, and to wait for an answer."""

    connect: float
    read: float

    @property
    def whole_call(self) -> float:
        """No exchange lasts longer: the connection, the wait for the first byte, and the body."""
        return self.connect + 2 * self.read


def timeouts_of(read: float) -> Timeouts:
    """The time-outs of a connection whose `timeout` is `read` seconds."""
    return Timeouts(min(CONNECT_SECONDS, read), read)


def run(flow: Flow[T], timeouts: Timeouts) -> T:
    """Drive `flow` to its end and give back what it returns."""
    # Before the first step: a token that it takes must not end while the first request waits for an import.
    from airflow_provider_paygate.transport import sockets  # noqa: F401

    try:
        step: Step = next(flow)
        while True:
            try:
                result = _performed(step, timeouts)
            except BaseException as error:  # noqa: BLE001 - every failure belongs to the flow, which decides
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


def _performed(step: Step, timeouts: Timeouts) -> Any:
    if isinstance(step, Exchange):
        return exchanged(step, timeouts)
    if isinstance(step, Task):
        return step.run()
    if isinstance(step, Pause):
        time.sleep(step.seconds)
        return None
    raise TypeError(f"a flow yielded {step!r}")


def exchanged(exchange: Exchange, timeouts: Timeouts) -> Reply:
    """One request and its answer, or :class:`Undelivered`. Never repeats, never follows a redirect."""
    import requests
    from urllib3.exceptions import HTTPError

    from airflow_provider_paygate.transport import sockets

    begun = time.monotonic()
    if exchange.not_after is not None and begun + timeouts.whole_call > exchange.not_after:
        raise Undelivered("not sent: too little of the lease was left for the call", sent=False)
    request = exchange.request
    try:
        prepared = _prepared(request)
    except requests.RequestException as error:
        raise Undelivered(_told(error, sent=False), sent=False) from None
    until = sockets.deadline.set(begun + timeouts.whole_call)
    try:
        response = _adapter().send(
            prepared,
            stream=True,
            timeout=(timeouts.connect, timeouts.read),
            verify=certificates() or True,
            proxies=proxies_of(origin_of(request.url)),
        )
        with response:
            body = _body(response)
    except (requests.RequestException, HTTPError, ValueError) as error:
        # Not every one of these is wrapped by `requests`: urllib3 and http.client raise ValueError over a broken answer.
        sent = not _never_left(error)
        raise Undelivered(_told(error, sent), sent=sent) from None
    finally:
        sockets.deadline.reset(until)
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


_adapters: dict[int, HTTPAdapter] = {}
_adapters_lock = threading.Lock()


def _adapter() -> HTTPAdapter:
    """This process's pooled connections. A forked child makes its own: two processes on one TLS connection garble each other.

    Below `requests.Session`, on purpose: what a session adds are cookies, redirects and a .netrc that would replace our
    Authorization header, none of which may happen to a request that moves money.
    """
    from airflow_provider_paygate.transport.sockets import Adapter

    pid = os.getpid()
    if pid not in _adapters:
        with _adapters_lock:
            _adapters.setdefault(pid, Adapter(pool_connections=4, pool_maxsize=64, max_retries=0))
    return _adapters[pid]


def _prepared(request: Request) -> requests.PreparedRequest:
    import requests

    body, headers = body_of(request)
    prepared = requests.PreparedRequest()
    prepared.prepare(
        method=request.method,
        url=request.url,
        headers={"User-Agent": USER_AGENT, **headers},
        params=dict(request.params),
        data=body,
    )
    return prepared


def body_of(request: Request) -> tuple[bytes | None, Mapping[str, str]]:
    """The bytes of the body and the headers that go with them; fields become form-data."""
    if request.multipart is None:
        return request.body, request.headers
    from urllib3.filepost import encode_multipart_formdata

    body, content_type = encode_multipart_formdata(dict(request.multipart))
    return body, {**request.headers, "Content-Type": content_type}


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


@lru_cache
def proxies_of(origin: str) -> dict[str, str]:
    """The environment's proxies for a host: looked up once, not for every request."""
    from requests.utils import get_environ_proxies

    return dict(get_environ_proxies(origin))


def certificates() -> str | None:
    """A file or folder of trusted certificates that the environment names, instead of those that come with `requests`."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def _body(response: requests.Response) -> bytes:
    """The body, bounded in size."""
    import requests

    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_REPLY:
            raise requests.exceptions.ContentDecodingError("the answer is too large")
    return b"".join(chunks)


def _never_left(error: Exception) -> bool:
    """Whether no byte of the request can have reached the gateway: it failed before or while connecting.

    Neither ProxyError nor InvalidHeader says so: urllib3 raises the first whenever a proxied connection breaks, the second
    over an answer that gives two lengths.
    """
    import requests
    from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError

    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    reason = error.args[0] if error.args else None
    reason = reason.reason if isinstance(reason, MaxRetryError) else reason
    reason = reason.original_error if isinstance(reason, ProxyError) else reason
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _told(error: Exception, sent: bool) -> str:
    """What happened, without the library's text: that quotes the URL with its query."""
    import requests

    if not sent:
        what = (
            "the connection timed out"
            if isinstance(error, requests.exceptions.ConnectTimeout)
            else "no connection could be made"
        )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            what = "the server's certificate was not accepted"
        return f"{what}; nothing was sent"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer came in time"
    return "the connection broke before a whole answer came"
