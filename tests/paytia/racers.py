"""64 racers on one connection: 8 processes of 8 threads, started by `race` in a process of their own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from tests.processes import WARM

PROCESSES, THREADS = 8, 8


def race(seconds: float) -> dict[str, Any]:
    """Let them run; how many calls went well, and which errors there were."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.paytia.racers", str(seconds)],
        capture_output=True, text=True, timeout=seconds + 90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _thread(until: float, calls: Counter[str], errors: list[str]) -> None:
    from airflow_provider_paygate.hooks.paytia import PaytiaHook

    hook = PaytiaHook()
    while time.time() < until:
        try:
            hook.run("payments_taken", hook.client.probe())
            calls["well"] += 1
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
            return


def _process(start: float, seconds: float, out: int) -> None:
    calls: Counter[str] = Counter()
    errors: list[str] = []
    time.sleep(max(0.0, start - time.time()))
    threads = [threading.Thread(target=_thread, args=(start + seconds, calls, errors)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(out, (json.dumps([calls["well"], errors]) + "\n").encode())


def main() -> None:
    # Imported once; every process below opens its own database and its own connections.
    for name in (*WARM, "airflow_provider_paygate.hooks.pairs", "airflow_provider_paygate.hooks.paytia"):
        with suppress(ImportError):
            importlib.import_module(name)
    seconds = float(sys.argv[1])
    start = time.time() + 1
    reading, writing = os.pipe()
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            _process(start, seconds, writing)
            os._exit(0)
        children.append(child)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    for child in children:
        os.waitpid(child, 0)
    assert len(told) == PROCESSES
    print(json.dumps({"well": sum(well for well, _ in told), "errors": [e for _, errors in told for e in errors]}))


if __name__ == "__main__":
    main()
