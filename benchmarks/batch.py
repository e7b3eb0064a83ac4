"""What a batch costs: `PaywizePayoutBatchOperator` beside a bare threaded `requests` loop of the same concurrency.

Run: python benchmarks/batch.py [--rows 5000] [--rounds 3] [--memory] [--pending 100000]. Both send to one sandbox in a
process of its own, in turn. Full durability (SQLite, synchronous=FULL), rates off. `--memory` pays 5,000 and 50,000
rows from a CSV in processes of their own and compares their peaks. `--pending` lets that many pending rows wait on one
trigger and reports the longest time that its event loop stood still in a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import json
import logging
import os
import queue
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from payouts import UNPACED, Bare, fields

from airflow_provider_paygate.demo.stage import Stage

CONCURRENCY = 8
LIMIT = 1.5
MEMORY_LIMIT = 1.10
STALL_LIMIT_MS = 100


def bare_loop(connection: dict[str, Any], names: list[str]) -> float:
    """Seconds for `names` with as many threads, which share a session as the batch's do."""
    import requests

    bare = Bare(connection)
    bare._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONCURRENCY))
    waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def work() -> None:
        while (name := waiting.get()) is not None:
            bare.pay(name)

    for name in [*names, *[None] * CONCURRENCY]:
        waiting.put(name)
    threads = [threading.Thread(target=work) for _ in range(CONCURRENCY)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def batch(source: dict[str, Any], batch_id: str) -> float:
    """Seconds for a batch, from `execute` to its summary."""
    from airflow_provider_paygate.operators.paywize import PaywizePayoutBatchOperator

    operator = PaywizePayoutBatchOperator(
        task_id="batch", batch_id=batch_id, max_concurrency=CONCURRENCY, wait_for_completion=False, **source
    )
    begun = time.perf_counter()
    summary = operator.execute({})
    seconds = time.perf_counter() - begun
    assert summary["pending"] + summary["succeeded"] == summary["total"], summary
    return seconds


def against_bare(stage: Stage, connection: dict[str, Any], rows: int, rounds: int) -> bool:
    """Print the ratio; whether it is within its limit."""

    def names() -> list[str]:
        return [uuid.uuid4().hex for _ in range(rows)]

    batch({"payouts": [fields(name) for name in names()[:100]]}, uuid.uuid4().hex)
    spent: dict[str, list[float]] = {"bare loop": [], "batch": []}
    stage.control("counters/reset", {})
    for _ in range(rounds):
        spent["bare loop"].append(bare_loop(connection, names()))
        spent["batch"].append(batch({"payouts": [fields(name) for name in names()]}, uuid.uuid4().hex))
    counted = stage.control("counters")
    ratios = [ours / theirs for ours, theirs in zip(spent["batch"], spent["bare loop"], strict=True)]
    ratio = statistics.median(ratios)
    for way, seconds in spent.items():
        each = statistics.median(seconds) / rows * 1000
        print(f"{way:24}{each:7.2f} ms a payout (median of {rounds} rounds of {rows}, {CONCURRENCY} at once)")
    print(f"{'batch / bare loop':24}{ratio:7.2f}    (median; {min(ratios):.2f} to {max(ratios):.2f}; at most {LIMIT})")
    print(f"{'token calls':24}{counted['token_calls']:7}    (one of the batch's, one for each round of the bare loop)")
    return ratio <= LIMIT


def peak_of(rows: int, folder: Path) -> int:
    """Peak memory in KiB of a fresh process that pays `rows` rows from a CSV."""
    path = folder / f"{rows}.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(fields("")))
        writer.writeheader()
        for _ in range(rows):
            writer.writerow(fields(uuid.uuid4().hex))
    return int(in_a_process_of_its_own("--only", str(path)))


def in_a_process_of_its_own(*arguments: str) -> str:
    """The last line that this file prints with `arguments`."""
    told = subprocess.run(
        [sys.executable, __file__, *arguments], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    return told.stdout.strip().splitlines()[-1]


def memory(folder: Path) -> bool:
    small, large = peak_of(5_000, folder), peak_of(50_000, folder)
    print(f"{'peak, 5,000 rows':24}{small / 1024:7.1f} MiB")
    print(
        f"{'peak, 50,000 rows':24}{large / 1024:7.1f} MiB ({large / small:.3f} of the smaller; at most {MEMORY_LIMIT})"
    )
    return large <= MEMORY_LIMIT * small


async def longest_stall(batch_row: int, seconds: float) -> tuple[float, float]:
    """The longest time in milliseconds that the loop stood still while one trigger waited for a batch, and the longest pause
    of Python's garbage collector meanwhile: one that goes through all that a running triggerer has loaded is a stall.
    """
    import airflow.jobs.triggerer_job_runner  # noqa: F401 - a triggerer has loaded it long ago

    from airflow_provider_paygate.triggers.paywize import PaywizeBatchTrigger

    stalls, pauses = [], [0.0]

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            stalls.append((time.perf_counter() - before - 0.005) * 1000)

    def collecting(phase: str, _info: dict[str, int]) -> None:
        now = time.perf_counter() * 1000
        pauses.append(-now if phase == "start" else pauses.pop() + now)

    gc.collect()
    gc.callbacks.append(collecting)
    watching = asyncio.create_task(watch())
    trigger = PaywizeBatchTrigger("paywize_default", batch_row, "pending", 1.0, time.time() + seconds)
    async for event in trigger.run():
        assert event.payload["status"] == "timeout", event.payload
    watching.cancel()
    return max(stalls), max(pauses)


def pending_batch(rows: int) -> int:
    """The row of a batch whose payments were all accepted, and of which none settles."""
    from sqlalchemy import text

    from airflow_provider_paygate.database import database

    batch_id = f"pending-{uuid.uuid4().hex}"
    batch({"payouts": [fields(uuid.uuid4().hex) for _ in range(rows)]}, batch_id)
    with database().read() as connection:
        found: int = connection.execute(
            text("SELECT id FROM paygate_batches WHERE batch_id = :batch"), {"batch": batch_id}
        ).scalar_one()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--pending", type=int, default=0)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--wait-for", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    logging.disable(logging.INFO)
    if args.only:
        batch({"path": args.only}, uuid.uuid4().hex)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return 0
    if args.wait_for:
        print(*asyncio.run(longest_stall(args.wait_for, 60)))
        return 0
    good = True
    with tempfile.TemporaryDirectory(prefix="paygate-bench-") as folder:
        home = Path(folder)
        with Stage(home, home / "sandbox.log") as stage:
            stage.start_sandbox("--port", "0")
            stage.control("merchants/docs-v1", {"token_life": 3600, "wallets": {"PAYWIZE12345679": "100000000.00"}})
            connection = stage.connections()["AIRFLOW_CONN_PAYWIZE_DEFAULT"]
            connection["extra"]["rate_limits"] = UNPACED
            os.environ.update(stage.environment)
            os.environ["AIRFLOW_CONN_PAYWIZE_DEFAULT"] = json.dumps(connection)
            os.environ["AIRFLOW__PAYGATE__DATABASE"] = f"sqlite:///{home}/batch.db"
            good &= against_bare(stage, connection, args.rows, args.rounds)
            if args.memory:
                good &= memory(home)
            if args.pending:
                stage.control("clock", {"freeze": True})
                stage.control("counters/reset", {})
                row = pending_batch(args.pending)
                stall, pause = map(float, in_a_process_of_its_own("--wait-for", str(row)).split())
                looked = stage.control("counters")["operations"]["status"]
                print(f"{'longest stall':24}{stall:7.1f} ms (at most {STALL_LIMIT_MS})")
                print(f"{'garbage collector':24}{pause:7.1f} ms, its longest pause meanwhile")
                print(f"{'pending, one trigger':24}{args.pending:7}, {looked} of them looked at in 60 s")
                good &= stall <= STALL_LIMIT_MS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
