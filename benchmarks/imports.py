"""What a DAG file that imports every operator and sensor costs, beyond what Airflow itself has loaded.

Run: python benchmarks/imports.py. The figure is processor time, so that a busy machine does not
show in it: the median over fresh processes, after one that warms the disk cache.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 9
LIMIT_MS = 40
BANNED = ["requests", "Crypto", "sqlalchemy", "aiohttp", "fastapi", "alembic", "uvicorn", "duckdb", "pyarrow"]

# What any DAG file with a sensor and an operator of Airflow's own loads; then our modules, timed.
CHILD = """
import json, sys, time
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, task
from airflow.providers.standard.operators.bash import BashOperator
before = set(sys.modules)
names = json.loads(sys.argv[1])
begun = time.process_time()
for name in names:
    __import__(name)
spent = time.process_time() - begun
print(json.dumps({"ms": spent * 1000, "new": sorted(set(sys.modules) - before)}))
"""


def modules() -> list[str]:
    """What a DAG file imports to have every operator and sensor: the modules that the provider tells Airflow of."""
    from airflow_provider_paygate.get_provider_info import get_provider_info

    told = get_provider_info()
    return [name for kind in ("operators", "sensors") for entry in told[kind] for name in entry["python-modules"]]


def main() -> int:
    names = modules()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home}
        answers = []
        for _ in range(ROUNDS + 1):
            done = subprocess.run(
                [sys.executable, "-c", CHILD, json.dumps(names)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            answers.append(json.loads(done.stdout.splitlines()[-1]))
    times = [answer["ms"] for answer in answers[1:]]
    loaded = answers[-1]["new"]
    forbidden = sorted(name for name in loaded if name.partition(".")[0] in BANNED and "." not in name)
    foreign = sorted(name for name in loaded if not name.startswith("airflow_provider_paygate"))
    print(f"modules imported      {', '.join(name.removeprefix('airflow_provider_paygate.') for name in names)}")
    print(
        f"added by them         {statistics.median(times):.1f} ms"
        f" (median of {ROUNDS}; {min(times):.1f} to {max(times):.1f}; at most {LIMIT_MS})"
    )
    print(f"banned modules loaded {', '.join(forbidden) or 'none'}")
    print(f"others loaded         {', '.join(foreign) or 'none'}")
    return 0 if not forbidden and statistics.median(times) <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
