"""The TCP connections under the HTTP: counted when a gateway call arrives, really reset when a fault says so."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    import asyncio

_LINGER_NOTHING = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN

Peer = tuple[str, int]


class Connections:
    def __init__(self) -> None:
        self._transports: dict[Peer, asyncio.Transport] = {}
        self._seen: set[Peer] = set()

    def first_call(self, peer: Peer) -> bool:
        """True once per TCP connection. A port comes back after its connection is closed; `closed` forgets it."""
        if peer in self._seen:
            return False
        self._seen.add(peer)
        return True

    def reset(self, peer: Peer) -> None:
        transport = self._transports.get(peer)
        if transport is None or transport.is_closing():
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
        transport.abort()

    def close_all(self) -> None:
        for transport in list(self._transports.values()):
            transport.abort()

    def protocol(self) -> type[asyncio.Protocol]:
        """uvicorn's own HTTP protocol, telling us of each connection made and lost (ASGI hides the transport)."""
        base: Any = AutoHTTPProtocol
        registry = self

        def connection_made(self: Any, transport: asyncio.Transport) -> None:
            base.connection_made(self, transport)
            if self.client is not None:
                registry._transports[self.client] = transport

        def connection_lost(self: Any, exc: Exception | None) -> None:
            base.connection_lost(self, exc)
            if self.client is not None:
                registry._transports.pop(self.client, None)
                registry._seen.discard(self.client)

        members = {"connection_made": connection_made, "connection_lost": connection_lost}
        made: type[asyncio.Protocol] = type("WatchedHTTPProtocol", (base,), members)
        return made
