"""Runs a flow on an event loop: `aiohttp`, one session per loop. For the triggerer, and for a batch that has many under way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from airflow_provider_paygate.gateways.wire import Exchange, Flow, Pause, Reply, Step, Task, Undelivered, Write
from airflow_provider_paygate.transport import blocking
from airflow_provider_paygate.transport.blocking import USER_AGENT, Timeouts, body_of, origin_of, proxies_of

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from aiohttp.client_proto import ResponseHandler

T = TypeVar("T")
# How a write is made durable off the loop; by default like any other task.
Writer = Callable[[Callable[[], Any]], Awaitable[Any]]
# How a pause is waited out; one that is to end earlier raises what the flow shall know of it.
Pauser = Callable[[float], Awaitable[Any]]


async def run(flow: Flow[T], timeouts: Timeouts, write: Writer = asyncio.to_thread, pause: Pauser = asyncio.sleep) -> T:
    """Drive `flow` to its end and give back what it returns."""
    try:
        step: Step = next(flow)
        while True:
            try:
                result = await _performed(step, timeouts, write, pause)
            except GeneratorExit:
                flow.close()
                raise
            except BaseException as error:  # noqa: BLE001 - every failure belongs to the flow, which decides
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def _performed(step: Step, timeouts: Timeouts, write: Writer, pause: Pauser) -> Any:
    if isinstance(step, Exchange):
        return await exchanged(step, timeouts)
    if isinstance(step, Write):
        return await write(step.run)
    if isinstance(step, Task):
        return await asyncio.to_thread(step.run)
    if isinstance(step, Pause):
        return await pause(step.seconds)
    raise TypeError(f"a flow yielded {step!r}")


def load() -> None:
    """Import what the first exchange needs: it takes longer than an event loop may stand still."""
    import aiohttp  # noqa: F401
    import requests.utils  # noqa: F401


async def exchanged(exchange: Exchange, timeouts: Timeouts) -> Reply:
    """One request and its answer, or :class:`Undelivered`. Never repeats, never follows a redirect."""
    import aiohttp

    if exchange.not_after is not None and time.monotonic() + timeouts.whole_call > exchange.not_after:
        raise Undelivered("not sent: too little of the lease was left for the call", sent=False)
    request = exchange.request
    body, headers = body_of(request)
    url = request.url
    if request.params:
        url += ("&" if "?" in url else "?") + urlencode(request.params)
    try:
        async with asyncio.timeout(timeouts.whole_call):
            session, route = await _session(), await _route(request.url)
            async with session.request(
                request.method,
                url,
                headers={"User-Agent": USER_AGENT, **headers},
                data=body,
                timeout=aiohttp.ClientTimeout(None, timeouts.connect, timeouts.read, timeouts.connect),
                allow_redirects=False,
                **route,
            ) as response:
                answer = await _body(response)
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
        aiohttp.InvalidURL,
    ):
        raise Undelivered("no connection could be made; nothing was sent", sent=False) from None
    except TimeoutError:
        raise Undelivered("no answer came in time", sent=True) from None
    except (aiohttp.ClientError, ValueError):
        raise Undelivered("the connection broke before a whole answer came", sent=True) from None
    return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, answer)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The body, bounded in size."""
    import aiohttp

    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > blocking.LARGEST_REPLY:
            raise aiohttp.ClientPayloadError("the answer is too large")
    return b"".join(chunks)


_sessions: dict[
    asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[aiohttp.ClientSession, None]]
] = {}


async def _session() -> aiohttp.ClientSession:
    """The running loop's session: every trigger of a triggerer shares its connections, and no cookie."""
    loop = asyncio.get_running_loop()
    known = _sessions.get(loop)
    if known is None:
        open_session = _opened(loop)
        known = _sessions[loop] = await anext(open_session), open_session
    return known[0]


async def _opened(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """The session while the loop lives: whoever ends a loop ends the generators that it has begun."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=60)
    connector._factory = partial(_handler(), loop=loop)
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    session._retry_connection = False  # it would repeat a read, which the rates do not know of
    try:
        yield session
    finally:
        del _sessions[loop]
        await session.close()


@lru_cache
def _handler() -> type[ResponseHandler]:
    """One connection of aiohttp's, but that what comes while it is idle is the answer to nothing that is sent later."""
    from aiohttp.client_proto import ResponseHandler

    class Handler(ResponseHandler):
        def is_connected(self) -> bool:
            return super().is_connected() and not self.should_close

    return Handler


async def _route(url: str) -> dict[str, Any]:
    """The proxy and the trusted certificates for a URL, as the environment names them. Reading those blocks, so once."""
    import aiohttp

    origin = origin_of(url)
    if origin not in _routes:
        try:
            _routes[origin] = await asyncio.to_thread(_route_to, origin)
        except ValueError:
            raise aiohttp.InvalidURL(origin) from None
    return _routes[origin]


_routes: dict[str, dict[str, Any]] = {}


def _route_to(origin: str) -> dict[str, Any]:
    from requests.utils import select_proxy

    proxy = select_proxy(origin, proxies_of(origin))
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    route: dict[str, Any] = {"proxy": proxy} if proxy else {}
    return {**route, "ssl": _trusted()} if origin.startswith("https:") else route


@lru_cache
def _trusted() -> ssl.SSLContext:
    """The certificates that the blocking driver trusts."""
    import ssl

    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    path = blocking.certificates() or DEFAULT_CA_BUNDLE_PATH
    folder = os.path.isdir(path)
    return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
