"""Webhooks are really posted, at the moments of the sandbox's clock, and tried again as the gateway documents it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import ipaddress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from .clock import Clock, iso_millis

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Delivery:
    """One webhook. `state`: waiting, delivered, given up, lost (a switch), or not sent (not this machine)."""

    gateway: str
    merchant: str
    reference: str
    event: str
    url: str
    body: bytes
    headers: dict[str, str]
    retries: list[float]
    timeout: float
    allow_hosts: list[str]
    any_2xx: bool = False  # what counts as taken: 200 alone, or every 2xx
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        return {
            "gateway": self.gateway,
            "merchant": self.merchant,
            "reference": self.reference,
            "event": self.event,
            "url": self.url,
            "state": self.state,
            "attempts": self.attempts,
        }


class Postman:
    """Waits for due moments and posts. It reaches only loopback targets, and hosts that a merchant allows."""

    def __init__(self, clock: Clock) -> None:
        self.deliveries: list[Delivery] = []
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._moved = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._latest: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None
        clock.on_move.append(self._moved.set)

    def schedule(self, at: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, next(self._number), act))
        if self._due[0][0] == at:
            self._moved.set()

    def send(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if delivery.state == "lost":
            return
        if not _is_near(delivery.url, delivery.allow_hosts):
            delivery.state = "not sent"
            return
        self._start(delivery)

    def replay(self, reference: str) -> int:
        """Post once more, as it was, everything ever posted for this reference. Gives how many."""
        again = [delivery for delivery in self.deliveries if delivery.reference == reference]
        for delivery in again:
            self.send(replace(delivery, state="waiting", attempts=[]))
        return len(again)

    def clear(self) -> None:
        self._due.clear()
        self.deliveries.clear()
        for task in self._running:
            task.cancel()

    async def run(self) -> None:
        """The background task of the server: act on what is due, then sleep until the next moment or a moved clock."""
        try:
            while True:
                self._act_on_due()
                self._moved.clear()
                wait = None
                if self._due and self._clock.frozen_at is None:
                    wait = max(0.0, self._due[0][0] - self._clock.now())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), wait)
        finally:
            for task in self._running:
                task.cancel()
            if self._client is not None:
                await self._client.aclose()

    async def settled(self) -> None:
        """Until all that is due by now has been tried. Retries that wait for the clock do not count."""
        self._act_on_due()
        while self._running:
            await asyncio.wait(set(self._running))
            self._act_on_due()

    def facts(self) -> dict[str, Any]:
        return {
            "deliveries": [delivery.facts() for delivery in self.deliveries],
            "in_flight": len(self._running),
            "scheduled": len(self._due),
        }

    def _act_on_due(self) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def _start(self, delivery: Delivery) -> None:
        # Events of one payment leave in their order; those of different payments do not wait for one another.
        payment = (delivery.merchant, delivery.reference)
        task = asyncio.create_task(self._attempt(delivery, self._latest.get(payment)))
        self._latest[payment] = task
        self._running.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            self._running.discard(finished)
            if self._latest.get(payment) is finished:
                del self._latest[payment]

        task.add_done_callback(done)

    async def _attempt(self, delivery: Delivery, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        attempt: dict[str, Any] = {"at": iso_millis(self._clock.now())}
        try:
            response = await self._client.post(
                delivery.url, content=delivery.body, headers=delivery.headers, timeout=delivery.timeout
            )
            attempt["status"] = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OverflowError) as failure:
            attempt["error"] = type(failure).__name__
        delivery.attempts.append(attempt)
        tries = len(delivery.attempts)
        status = attempt.get("status", 0)
        if status == 200 or (delivery.any_2xx and 200 <= status < 300):
            delivery.state = "delivered"
        elif tries > len(delivery.retries):
            delivery.state = "given up"
        else:
            self.schedule(self._clock.now() + delivery.retries[tries - 1], lambda: self._start(delivery))


def _is_near(url: str, allowed: list[str]) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host in allowed:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
