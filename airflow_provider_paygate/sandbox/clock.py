"""The sandbox's clock: real time plus what it was advanced by, or standing still. It never goes back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IST = timezone(timedelta(hours=5, minutes=30), "IST")


class Clock:
    """`now()` in epoch seconds. Whoever waits for a moment subscribes with `on_move`."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.frozen_at: float | None = None
        self.on_move: list[Callable[[], None]] = []

    def now(self) -> float:
        return time.time() + self.offset if self.frozen_at is None else self.frozen_at

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("the clock does not go back: advance takes seconds >= 0")
        self.offset += seconds
        if self.frozen_at is not None:
            self.frozen_at += seconds
        self._moved()

    def move_to(self, moment: datetime) -> None:
        self.advance(moment.timestamp() - self.now())

    def freeze(self, frozen: bool) -> None:
        """Stand still, or go on from the moment it stood still at."""
        if frozen and self.frozen_at is None:
            self.frozen_at = self.now()
        elif not frozen and self.frozen_at is not None:
            self.offset = self.frozen_at - time.time()
            self.frozen_at = None
        self._moved()

    def facts(self) -> dict[str, object]:
        now = self.now()
        return {"now": now, "iso": iso_millis(now), "frozen": self.frozen_at is not None, "offset": self.offset}

    def saved(self) -> dict[str, float | None]:
        return {"offset": self.offset, "frozen_at": self.frozen_at}

    def restore(self, saved: dict[str, float | None]) -> None:
        self.offset = saved["offset"] or 0.0
        self.frozen_at = saved["frozen_at"]

    def _moved(self) -> None:
        for tell in self.on_move:
            tell()


def iso_seconds(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def iso_millis(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def in_ist(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, IST)
