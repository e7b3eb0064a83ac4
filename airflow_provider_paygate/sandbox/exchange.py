"""One HTTP request and its answer at the ASGI level, including the ways a connection can end without an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connections import Connections, Peer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Exchange:
    """`path` is what follows the gateway's prefix. `body` is filled by `read`."""

    __slots__ = ("_connections", "_receive", "_send", "body", "method", "path", "peer", "query", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send, connections: Connections) -> None:
        self._connections = connections
        self._receive = receive
        self._send = send
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        self.query: bytes = scope["query_string"]
        self.peer: Peer = tuple(scope["client"] or ("", 0))
        self.body = b""

    async def read(self) -> None:
        parts = []
        more = True
        while more:
            message = await self._receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        self.body = parts[0] if len(parts) == 1 else b"".join(parts)

    def header(self, name: bytes) -> str | None:
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    async def reply(self, reply: Reply) -> None:
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
        ]
        headers += [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": reply.body})

    async def reset(self) -> None:
        """End the TCP connection with a reset; returns when the server has noticed, so that it writes no 500."""
        self._connections.reset(self.peer)
        await self.silence(None)

    async def silence(self, seconds: float | None) -> bool:
        """Say nothing for so long, or for ever. True when the client hung up meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True
