"""Real processes, forked: Airflow is imported already, so that a dozen of them cost less than one new interpreter."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

_fork = multiprocessing.get_context("fork")
# What a worker imports with its first payout: here once, instead of in every child.
WARM = (
    "requests", "aiohttp", "charset_normalizer", "sqlalchemy.dialects.postgresql.psycopg", "psycopg", "alembic.command",
    "Crypto.Cipher.AES", "Crypto.Protocol.KDF", "airflow.sdk.bases.hook", "airflow.sdk.definitions.connection",
    "airflow.sdk.execution_time.supervisor", "airflow.sdk.execution_time.coordinator", "airflow.sdk.execution_time.cache",
    "airflow_provider_paygate.gateways.paywize.client", "airflow_provider_paygate.hooks.payouts",
    "airflow_provider_paygate.hooks.paywize", "airflow_provider_paygate.payouts.second_reading",
    "airflow_provider_paygate.payouts.sending", "airflow_provider_paygate.payouts.summary",
    "airflow_provider_paygate.transport.awaiting", "airflow_provider_paygate.transport.sockets",
)  # fmt: skip


def _warm_up() -> None:
    for name in WARM:
        with suppress(ImportError):
            importlib.import_module(name)


class Child:
    """`act()` in a process of its own. `result()` is what it returned, ``("raised", name, text)``, or ``"killed"``."""

    def __init__(self, act: Callable[[], Any], start: Any = None) -> None:
        _warm_up()
        self._receiving, sending = _fork.Pipe(duplex=False)
        self.process = _fork.Process(target=_carry_out, args=(act, sending, start), daemon=True)
        self.process.start()
        sending.close()

    def result(self, seconds: float = 60) -> Any:
        try:
            assert self._receiving.poll(seconds), "the child process hangs"
            told: Any = self._receiving.recv()
        except EOFError:
            told = "killed"
        finally:
            self.process.join(5)
            if self.process.is_alive():
                self.process.kill()
        return told


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """The results of all of them, begun in the same moment."""
    start = _fork.Barrier(len(acts))
    return [child.result() for child in [Child(act, start) for act in acts]]


def die() -> None:
    """As the kernel's out-of-memory killer does it: nothing is flushed, nothing is closed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _carry_out(act: Callable[[], Any], sending: Connection, start: Any) -> None:
    from airflow_provider_paygate.tokens import bearer

    bearer._held.clear()  # a new worker knows no token
    try:
        if start is not None:
            start.wait(30)
        told = act()
    except BaseException as error:
        told = ("raised", type(error).__name__, str(error))
    sending.send(told)
    sending.close()
    os._exit(0)
