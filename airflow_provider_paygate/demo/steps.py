"""Steps on a terminal: one line each, which counts while the step runs and keeps its time when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """A step under way."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = ""
        self._begun = time.monotonic()
        self._alive = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """What stands in the line now. Without a terminal only the last text is printed."""
        self._text = text
        if self._alive:
            _write(f"\r\033[K{self._line()}")

    def end(self) -> None:
        _write(f"\r\033[K{self._line()}\n" if self._alive else f"{self._line()}\n")

    def _line(self) -> str:
        return f"  {self._name:9}{self._text:60}{time.monotonic() - self._begun:5.1f} s"


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def step(name: str, text: str) -> Iterator[Step]:
    """Show a step while the block runs; its line stays, also when the block fails."""
    shown = Step(name)
    shown.say(text)
    try:
        yield shown
    finally:
        shown.end()
