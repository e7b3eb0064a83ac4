"""How fast a reconciliation is, beside hand-written DuckDB SQL and beside datacompy on polars, and whether it is right.

    python -m benchmarks.reconciliation --rows 1000000 --repeats 5
    python -m benchmarks.reconciliation --rows 10000000 --repeats 1 --only engine --memory-limit 4GB

Every measurement is a process of its own, taken in turns; the clock starts after the imports and stops when the breaks
are in hand. Peak memory is that of the process. datacompy needs `pip install datacompy polars`, in this environment or
in that of `--datacompy-python`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONTENDERS = ("engine", "by_hand", "datacompy")
_HERE = Path(__file__).parent
_TYPES = {
    "reference": "VARCHAR",
    "amount": "DECIMAL(18, 4)",
    "currency": "VARCHAR",
    "status": "VARCHAR",
    "transaction_id": "VARCHAR",
    "utr": "VARCHAR",
    "beneficiary": "VARCHAR",
    "created_at": "TIMESTAMP",
    "settled_at": "TIMESTAMP",
    "fee": "DECIMAL(18, 4)",
    "settlement_id": "VARCHAR",
}

Measured = tuple[float, float, set[tuple[str, str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=500, help="breaks planted per class")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--suffix", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--only", choices=CONTENDERS, action="append")
    parser.add_argument("--memory-limit", help="given to the engine's DuckDB, as 700MB")
    parser.add_argument("--datacompy-python", default=sys.executable)
    parser.add_argument("--run", nargs=3, metavar=("CONTENDER", "LEDGER", "GATEWAY"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        name, ledger, gateway = args.run
        contend = {"engine": engine, "by_hand": by_hand, "datacompy": datacompy_on_polars}[name]
        seconds, cpu, found = contend(ledger, gateway, args.memory_limit)
        print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak_mib(), "found": sorted(found)}))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder))


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Plant, measure in turns, print medians and how right each was."""
    from tests.reconciliation.planted import plant

    planted = plant(folder, rows=args.rows, each=args.each, suffix=args.suffix)
    expected = {tuple(one) for one in planted.expected}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in args.only or CONTENDERS}
    names = list(runs)
    for turn in range(args.repeats):
        # Another goes first each time: whatever else the machine does falls on all alike.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            runs[name].append(measured(name, planted.ledger, planted.gateway, args))
    for name, results in runs.items():
        times = [one["seconds"] for one in results]
        found = {tuple(one) for one in results[0]["found"]}
        right = f"precision {len(found & expected) / max(1, len(found)):.2%}, recall {len(found & expected) / len(expected):.2%}"
        print(
            f"{name:10} median {statistics.median(times):7.3f} s  (min {min(times):.3f}, max {max(times):.3f})  "
            f"cpu {statistics.median(one['cpu'] for one in results):6.3f} s  "
            f"peak {max(one['peak'] for one in results):6.0f} MiB  {right if found else 'differing rows only'}",
            flush=True,
        )
    for other in ("by_hand", "datacompy"):
        if "engine" in runs and other in runs:
            wall, cpu = (
                statistics.median(
                    ours[what] / theirs[what] for ours, theirs in zip(runs["engine"], runs[other], strict=True)
                )
                for what in ("seconds", "cpu")
            )
            print(f"engine / {other}: {wall:.2f} wall, {cpu:.2f} cpu (medians of each turn's ratio)")


def measured(name: str, ledger: str, gateway: str, args: argparse.Namespace) -> dict[str, Any]:
    """One contender in a process of its own."""
    python = args.datacompy_python if name == "datacompy" else sys.executable
    limit = ["--memory-limit", args.memory_limit] if args.memory_limit else []
    words = [python, "-m", "benchmarks.reconciliation", *limit, "--run", name, ledger, gateway]
    done = subprocess.run(words, cwd=_HERE.parent, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def engine(ledger: str, gateway: str, memory_limit: str | None) -> Measured:
    """This package, to the finished result with its totals."""
    import duckdb  # noqa: F401

    from airflow_provider_paygate.reconciliation import AsOf, FileSide, Settings, reconcile
    from airflow_provider_paygate.reconciliation.executors.duckdb import DuckDBExecutor

    clock = Clock()
    executor = DuckDBExecutor(memory_limit=memory_limit)
    settings = Settings(as_of=AsOf.parse("2026-03-20T18:00:00+00:00"))
    result = reconcile(FileSide(ledger), FileSide(gateway), settings=settings, where=executor)
    seconds, cpu = clock.read()
    executor.close()
    return seconds, cpu, {(row.break_class, row.reference) for row in result.breaks}


class Clock:
    """Wall clock and processor time since it was made, in seconds."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._start[0], time.process_time() - self._start[1]


def peak_mib() -> float:
    """The most memory this process ever held. `getrusage` would count its parent's, before it became this program."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def by_hand(ledger: str, gateway: str, memory_limit: str | None) -> Measured:
    """DuckDB SQL written for just this case, with DuckDB left as it comes but for the order of rows."""
    import duckdb

    text = (_HERE / "reconciliation_by_hand.sql").read_text()
    clock = Clock()
    connection = duckdb.connect(":memory:")
    connection.execute("SET preserve_insertion_order = false")
    if memory_limit:
        connection.execute(f"SET memory_limit = '{memory_limit}'")
    sources = {name: source(path) for name, path in (("ledger", ledger), ("gateway", gateway))}
    rows = connection.execute(text.format(**sources)).fetchall()
    return *clock.read(), {(row[0], row[1]) for row in rows}


def source(path: str) -> str:
    """A typed read of one file."""
    if path.endswith(".parquet"):
        return f"(SELECT * REPLACE (CAST(created_at AS TIMESTAMP) AS created_at) FROM read_parquet('{path}'))"
    with open(path) as lines:
        names = lines.readline().strip().split(",")
    types = ", ".join(f"'{name}': '{_TYPES[name]}'" for name in names)
    return f"read_csv('{path}', auto_detect = false, header = true, delim = ',', quote = '\"', columns = {{{types}}})"


def datacompy_on_polars(ledger: str, gateway: str, _: str | None) -> Measured:
    """datacompy joins on the reference and compares the columns both have; it knows no classes."""
    import datacompy
    import polars

    clock = Clock()
    read = polars.read_parquet if ledger.endswith(".parquet") else polars.read_csv
    common = ["reference", "amount", "currency", "status"]
    sides = [
        read(path, columns=common).with_columns(polars.col("status").str.to_uppercase()) for path in (ledger, gateway)
    ]
    compared = datacompy.PolarsCompare(*sides, join_columns="reference", df1_name="ledger", df2_name="gateway")
    for rows in (compared.df1_unq_rows, compared.df2_unq_rows, compared.all_mismatch()):
        rows.height  # noqa: B018
    return *clock.read(), set()


if __name__ == "__main__":
    main()
