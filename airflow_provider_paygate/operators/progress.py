"""Progress at a humane pace: a line in the log every few seconds, a line that moves on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any


class Shown:
    """What a batch shows while it is sent."""

    SECONDS = 10.0

    def __init__(self, log: Any, batch_id: str) -> None:
        self._log, self._batch_id = log, batch_id
        self._next = time.monotonic() + self.SECONDS
        self._bar: Any = None

    def __enter__(self) -> Shown:
        if sys.stderr.isatty():
            from rich.console import Console

            self._bar = Console(stderr=True).status(f"batch {self._batch_id}: reading and checking")
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, progress: object) -> None:
        """Say how far it has come, if it is time."""
        if self._bar is not None:
            self._bar.update(f"batch {self._batch_id}: {progress}")
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + self.SECONDS
            self._log.info("batch %s: %s so far", self._batch_id, progress)
