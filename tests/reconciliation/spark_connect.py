"""A Spark Connect server on this machine: what a cluster is to an Airflow worker, in one Java process."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTING_SECONDS = 120
ZONE = "Asia/Kolkata"
SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    # Quick to start is all that a test needs: nothing is compiled for long, and few rows want few tasks.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.session.timeZone": ZONE,
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
}


def missing() -> str:
    """What it takes and is not there; "" when all is."""
    if not importlib.util.find_spec("pyspark") or not _submit().exists():
        return "PySpark is not installed"
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        return "there is no Java runtime"
    return ""


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """The port it serves, until the block ends. It keeps its files in `folder`."""
    log = folder / "server.log"
    words = [
        str(_submit()),
        "--class",
        "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master",
        "local[2]",
    ]
    for name, value in {
        **SETTINGS,
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "w"),
    }.items():
        words += ["--conf", f"{name}={value}"]
    surroundings = {**os.environ, "SPARK_HOME": str(_submit().parent.parent), "SPARK_LOCAL_HOSTNAME": "localhost"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*words, "spark-internal"], cwd=folder, env=surroundings, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield _port(server, log)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(20)


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"Spark Connect server started at: \S*:(\d+)", log.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(f"Spark Connect did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _submit() -> Path:
    found = importlib.util.find_spec("pyspark")
    return Path(found.origin if found and found.origin else "").parent / "bin" / "spark-submit"
