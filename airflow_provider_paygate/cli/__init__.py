"""`paygate`: the command line. Each command is one module with `add_arguments(parser)` and `run(args) -> exit code`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from airflow_provider_paygate import __version__

COMMANDS = {
    "sandbox": "serve both gateways on this machine, with test accounts, faults and a ledger",
    "demo": "pay suppliers through Airflow and the sandbox, show what became of each payment, and reconcile",
    "up": "run Airflow with the sandbox and its connections, for a browser",
    "payouts": "for the person on call: list payments, show one, settle one in doubt, check a file",
    "reconcile": "compare a ledger, the gateway and a bank statement, and report every difference",
    "db": "make the tables of the paygate database, or bring them up to date",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Only that command's module is imported, so `paygate --help` answers at once."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="paygate", description="Payment gateways for Apache Airflow.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == asked:
            module = importlib.import_module(f"{__name__}.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(words)
    return int(args.run(args))
