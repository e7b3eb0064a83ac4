"""`paygate db`: the tables of the paygate database."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("upgrade", help="make the tables, or bring them to this package's version")


def run(args: argparse.Namespace) -> int:
    """Upgrade, and say where."""
    from airflow_provider_paygate.database import database
    from airflow_provider_paygate.database.migrations import HEAD, upgrade
    from airflow_provider_paygate.exceptions import PaygateError

    try:
        books = database()
        changed = upgrade(books.engine)
    except PaygateError as error:
        print(f"paygate: {error}", file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 - the driver's own errors, in one line
        print(f"paygate: the database could not be opened: {' '.join(str(error).split())[:300]}", file=sys.stderr)
        return 2
    print(f"{books.shown} {'is now at' if changed else 'was already at'} version {HEAD}")
    return 0
