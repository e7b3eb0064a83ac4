"""`paygate up`: Airflow with the sandbox and its connections, for a browser. Kept between runs, on this machine only."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_paygate.demo.processes import Ended, Started, ended_by_signals
from airflow_provider_paygate.demo.stage import NotRunning, Stage, fetched
from airflow_provider_paygate.demo.steps import step

if TYPE_CHECKING:
    import argparse

    from airflow_provider_paygate.demo.steps import Step

PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
HEALTHY_SECONDS = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, default=Path(".airflow"), help="Airflow's home (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="of Airflow (default: %(default)s)")
    parser.add_argument("--sandbox-port", type=int, default=8765, help="of the sandbox (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C, which is its good end: exit code 0."""
    for option, port in (("--port", args.port), ("--sandbox-port", args.sandbox_port)):
        if _is_taken(port):
            print(f"paygate up: port {port} is taken; {option} names another.", file=sys.stderr)
            return 2
    home: Path = args.home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "up.log"
    log.unlink(missing_ok=True)
    log.touch()
    try:
        with ended_by_signals():
            _played(home, log, args.port, args.sandbox_port)
    except Ended:
        print("\n  Airflow and the sandbox are stopped.")
        return 0
    except NotRunning as failure:
        print(f"\npaygate up: {failure} All that was said is in {log}", file=sys.stderr)
        return 1
    return 0


def _played(home: Path, log: Path, port: int, sandbox_port: int) -> None:
    """Start everything and wait for a signal, or for something to end by itself, which is a failure."""
    airflow_url = f"http://localhost:{port}"
    print()
    with Stage(home, log, **_settings(airflow_url, port)) as stage:
        with step("sandbox", "starts") as shown:
            stage.start_sandbox("--port", str(sandbox_port), "--state", str(home / "sandbox.state"))
            shown.say(f"{stage.url}/_sandbox/ is its control plane")
        with step("airflow", "makes its database (SQLite)") as shown:
            if stage.finished(stage.airflow("db", "migrate")):
                raise NotRunning("Airflow could not make its database.")
            shown.say("takes the sandbox's connections")
            _load_connections(stage, home)
            shown.say("starts")
            standalone = stage.airflow("standalone", ending=signal.SIGINT)
            _wait_until_healthy(standalone, airflow_url, shown)
            shown.say(airflow_url)
        print(f"\n  Open {airflow_url}, without a login, and start the DAG paywize_payouts.")
        print(f"  Connections are under Admin. Kept in {home}. Ctrl-C stops everything.", flush=True)
        while standalone.ended is None:
            time.sleep(1)
        raise NotRunning("Airflow ended by itself.")


def _settings(airflow_url: str, port: int) -> dict[str, str]:
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",  # nobody is asked for a password, so nobody else may reach it
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": airflow_url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    }


def _load_connections(stage: Stage, home: Path) -> None:
    """Into Airflow's own database: connections in the environment would not be seen in a browser."""
    connections = {}
    for name, connection in stage.connections().items():
        url = urlsplit(connection["host"])
        # The Test button of Airflow 3.3.1 and 3.3.2 turns down a connection whose port is not in its own field.
        told = {"host": f"{url.scheme}://{url.hostname}{url.path}", "port": url.port, "description": "Sandbox"}
        connections[name.removeprefix("AIRFLOW_CONN_").lower()] = {**connection, **told}
    file = home / "connections.json"
    file.write_text(json.dumps(connections, indent=2))
    if stage.finished(stage.airflow("connections", "import", "--overwrite", str(file))):
        raise NotRunning("Airflow did not take the sandbox's connections.")


def _wait_until_healthy(standalone: Started, url: str, shown: Step) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        if standalone.ended is not None:
            raise NotRunning("Airflow ended while it was starting.")
        try:
            health = fetched(f"{url}/api/v2/monitor/health")
        except (OSError, ValueError):
            health = {}
        well = [part for part in PARTS if (health.get(part) or {}).get("status") == "healthy"]
        shown.say(f"starts: {len(well)} of {len(PARTS)} parts are well")
        if len(well) == len(PARTS):
            return
        time.sleep(0.5)
    raise NotRunning("Airflow did not become healthy in time.")


def _is_taken(port: int) -> bool:
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asking.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
