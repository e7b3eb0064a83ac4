"""Runs a flow on an event loop: `httpx`, one shared client per loop. For reads in the triggerer."""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_paygate.gateways.wire import Exchange, Flow, Pause, Reply, Step, Task, Undelivered
from airflow_provider_paygate.transport import blocking
from airflow_provider_paygate.transport.blocking import USER_AGENT, Timeouts, parts_of

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


async def run(flow: Flow[T], timeouts: Timeouts) -> T:
    """Drive `flow` to its end and give back what it returns."""
    try:
        step: Step = next(flow)
        while True:
            try:
                result = await _performed(step, timeouts)
            except Exception as error:  # noqa: BLE001 - every failure belongs to the flow, which decides
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def _performed(step: Step, timeouts: Timeouts) -> Any:
    if isinstance(step, Exchange):
        return await exchanged(step, timeouts)
    if isinstance(step, Task):
        return await asyncio.to_thread(step.run)
    if isinstance(step, Pause):
        return await asyncio.sleep(step.seconds)
    raise TypeError(f"a flow yielded {step!r}")


async def exchanged(exchange: Exchange, timeouts: Timeouts) -> Reply:
    """One request and its answer, or :class:`Undelivered`. Never repeats, never follows a redirect."""
    import httpx

    if exchange.not_after is not None and time.monotonic() + timeouts.whole_call > exchange.not_after:
        raise Undelivered("not sent: too little of the lease was left for the call", sent=False)
    request = exchange.request
    try:
        async with asyncio.timeout(timeouts.whole_call):
            async with client().stream(
                request.method,
                request.url,
                params=request.params or None,
                headers={"User-Agent": USER_AGENT, **request.headers},
                content=request.body,
                files=parts_of(request),
                timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
                follow_redirects=False,
            ) as response:
                body = await _body(response)
    except (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        httpx.ProxyError,
        httpx.InvalidURL,
    ):
        raise Undelivered("no connection could be made; nothing was sent", sent=False) from None
    except (httpx.TimeoutException, TimeoutError):
        raise Undelivered("no answer came in time", sent=True) from None
    except httpx.HTTPError:
        raise Undelivered("the connection broke before a whole answer came", sent=True) from None
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


async def _body(response: httpx.Response) -> bytes:
    """The body, bounded in size."""
    import httpx

    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > blocking.LARGEST_REPLY:
            raise httpx.DecodingError("the answer is too large")
    return b"".join(chunks)


_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = weakref.WeakKeyDictionary()


def client() -> httpx.AsyncClient:
    """The running loop's client: every trigger of a triggerer shares its connections, and no cookie."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    loop = asyncio.get_running_loop()
    if loop not in _clients:
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=16)
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        _clients[loop] = httpx.AsyncClient(limits=limits, auth=_keep_headers, cookies=cookies)
    return _clients[loop]


def _keep_headers(request: httpx.Request) -> httpx.Request:
    """A .netrc must never replace our Authorization header."""
    return request
