"""A sandbox and an Airflow home side by side. Needs the `sandbox` extra; loads nothing of Airflow into this process."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from airflow_provider_paygate.demo.processes import Started, environment_for

EXAMPLE_DAGS = Path(__file__).resolve().parent.parent / "example_dags"
STARTING_SECONDS = 60
STANDSTILL_SECONDS = 120


class NotRunning(Exception):
    """What the stage needs did not start, or has ended; one sentence says what."""


class Stage:
    """What `paygate demo` and `paygate up` play on. Leaving the `with` block stops all that was started on it.

    :param home: the Airflow home, which must exist.
    :param log: the file that everything's own output goes to.
    :param settings: environment variables for Airflow, beyond a home and the example DAGs.
    """

    def __init__(self, home: Path, log: Path, **settings: str) -> None:
        self.log = log
        self.url = ""  # of the sandbox
        self.environment = environment_for(home, AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLE_DAGS), **settings)
        self._out = log.open("ab")
        self._started: list[Started] = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for started in reversed(self._started):
            started.stop()
        self._out.close()

    def airflow(self, *words: str, ending: signal.Signals = signal.SIGTERM) -> Started:
        """Start an `airflow` command."""
        return self._start(sys.executable, "-m", "airflow", *words, ending=ending)

    def finished(self, started: Started, progress: Callable[[], object] = lambda: None) -> int:
        """Wait for a command to end; its exit code. `progress` is called a few times a second.

        :raises NotRunning: when what `progress` returns has not changed for a long time.
        """
        seen, since = None, time.monotonic()
        while (code := started.ended) is None:
            if (now := progress()) != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > STANDSTILL_SECONDS:
                raise NotRunning(f"nothing has happened for {STANDSTILL_SECONDS} seconds.")
            time.sleep(0.2)
        progress()
        return code

    def start_sandbox(self, *options: str) -> None:
        """Start `paygate sandbox` and wait until it answers; then :attr:`url` is set. `options` are the command's."""
        begun = self.log.stat().st_size
        sandbox = self._start(sys.executable, "-m", "airflow_provider_paygate", "sandbox", *options)
        deadline = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < deadline:
            said = self.log.read_bytes()[begun:].decode(errors="replace")
            if found := re.search(r"control plane at (http://\S+)/_sandbox/", said):
                self.url = found[1]
                return
            if sandbox.ended is not None:
                raise NotRunning(said.strip().splitlines()[-1] if said.strip() else "the sandbox ended at once.")
            time.sleep(0.05)
        raise NotRunning("the sandbox did not start in time.")

    def connections(self) -> dict[str, dict[str, Any]]:
        """The sandbox's Airflow connections: environment variable -> connection."""
        return self.control("connections")

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the sandbox's control plane; with a `body`, tell it."""
        try:
            answer: dict[str, Any] = fetched(f"{self.url}/_sandbox/{path}", body)
        except OSError as error:
            raise NotRunning(f"the sandbox does not answer: {error}.") from None
        return answer

    def _start(self, *command: str, ending: signal.Signals = signal.SIGTERM) -> Started:
        started = Started(command, self.environment, self._out, ending)
        self._started.append(started)
        return started


def fetched(url: str, body: Mapping[str, Any] | None = None) -> Any:
    """JSON from a server on this machine, past any proxy. Raises OSError when there is no answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    with direct.open(urllib.request.Request(url, data), timeout=10) as answer:  # noqa: S310 - http on loopback
        return json.load(answer)
