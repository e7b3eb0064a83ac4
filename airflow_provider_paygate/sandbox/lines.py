"""The ready-made Airflow connections of a running sandbox, as JSON and as lines for a shell."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from .paytia import accounts
from .paywize import merchants

if TYPE_CHECKING:
    from .state import State

_DEFAULTS = ("docs-v1", "key-only")  # `paywize_default`, `paytia_default`


def connections(state: State, url: str) -> dict[str, dict[str, Any]]:
    """Environment variable -> connection."""
    made = {}
    for name, merchant in state.paywize.merchants.items():
        made[_variable("PAYWIZE", name)] = merchants.connection(merchant, f"{url}/paywize")
    for name, account in state.paytia.accounts.items():
        made[_variable("PAYTIA", name)] = accounts.connection(account, f"{url}/paytia")
    return made


def connection(state: State, name: str, url: str) -> dict[str, Any]:
    """The connection of a merchant or an account; their names are all different."""
    if name in state.paywize.merchants:
        return merchants.connection(state.paywize.merchants[name], f"{url}/paywize")
    if name in state.paytia.accounts:
        return accounts.connection(state.paytia.accounts[name], f"{url}/paytia")
    raise KeyError(f"no merchant or account {name}")


def _variable(gateway: str, name: str) -> str:
    suffix = "DEFAULT" if name in _DEFAULTS else "".join(sign if sign.isalnum() else "_" for sign in name.upper())
    return f"AIRFLOW_CONN_{gateway}_{suffix}"


def export_lines(state: State, url: str) -> list[str]:
    return [f"export {name}={shlex.quote(json.dumps(body))}" for name, body in connections(state, url).items()]
