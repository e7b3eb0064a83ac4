"""Child processes that end with us: each in a session of its own, stopped by id together with all it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

POLITE_SECONDS = 20
FIRM_SECONDS = 5
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Started:
    """A running command.

    :param command: the words; its input is closed, its output goes to `log`.
    :param environment: all of it.
    :param ending: the signal that it ends itself and its own children on.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes], ending: signal.Signals
    ) -> None:
        self._ending = ending
        self._process = subprocess.Popen(  # noqa: S603 - our own commands
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End all of its session at once, with no time for anything: what a machine that dies does to a worker."""
        import psutil

        for member in self._family():
            _told(member, psutil.Process.kill)
        _reaped(self._process, FIRM_SECONDS)

    def stop(self) -> None:
        """Signal it and give it time to end its own children; what is left of its session is then ended for it."""
        import psutil

        family = self._family()
        if self._process.poll() is None:
            self._process.send_signal(self._ending)
            _reaped(self._process, POLITE_SECONDS)
        for ending in (psutil.Process.terminate, psutil.Process.kill):
            family |= self._family()
            left = [member for member in family if member.is_running()]
            for member in left:
                _told(member, ending)
            psutil.wait_procs(left, timeout=FIRM_SECONDS)
        _reaped(self._process, FIRM_SECONDS)

    def _family(self) -> set[Any]:
        """Every process of its session, orphans too, and its descendants, should one have left the session."""
        import psutil

        found: set[Any] = set()
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self._process.pid:
                    found.add(process)
            except OSError:
                continue  # it has ended, or belongs to somebody else
        with suppress(psutil.NoSuchProcess):
            found.update(psutil.Process(self._process.pid).children(recursive=True))
        return found


class Ended(BaseException):
    """We were told to end by a signal.

    :ivar number: which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into :class:`Ended`, so that `finally` blocks run; once, then deaf."""

    def end(number: int, _frame: FrameType | None) -> None:
        for each in ENDINGS:
            signal.signal(each, signal.SIG_IGN)  # what is being stopped must not be left half-way
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def environment_for(home: Path, **more: str) -> dict[str, str]:
    """The surroundings of an Airflow of our own in `home`: nothing of the one this shell may be set up for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def _reaped(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def _told(member: Any, ending: Any) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        ending(member)
