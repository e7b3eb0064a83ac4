"""`paygate sandbox`: serve the sandbox on this machine and print connections that work with it."""

from __future__ import annotations

import ipaddress
import sqlite3
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free port (default: %(default)s)")
    parser.add_argument(
        "--state", metavar="FILE", help="keep the books in this file, so that a restart goes on with them"
    )


def run(args: argparse.Namespace) -> int:
    host = "127.0.0.1" if args.host == "localhost" else args.host
    if not _is_loopback(host):
        return _no(f"{args.host} is no loopback address; the sandbox has no locks and serves this machine only.")
    try:
        from airflow_provider_paygate.sandbox.server import Sandbox
    except ModuleNotFoundError as missing:
        return _no(f"{missing.name} is not installed: pip install 'airflow-provider-paygate[sandbox]'")
    try:
        sandbox = Sandbox(host, args.port, args.state)
    except OSError as failure:
        return _no(f"cannot listen on {host}:{args.port}: {failure.strerror or failure}")
    except sqlite3.Error as failure:
        return _no(f"cannot keep books in {args.state}: {failure}")
    print(f"paygate sandbox: Paywize at {sandbox.paywize_url}, Paytia at {sandbox.paytia_url},")
    print(f"control plane at {sandbox.url}/_sandbox/")
    print("Nothing here is real money. Stop with Ctrl-C. Connections for Airflow, to be pasted into its shell:\n")
    for line in sandbox.connection_lines():
        print(line)
    print(flush=True)
    sandbox.serve()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no(sentence: str) -> int:
    print(f"paygate sandbox: {sentence}", file=sys.stderr)
    return 2
