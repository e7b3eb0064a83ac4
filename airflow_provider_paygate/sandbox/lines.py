"""The ready-made Airflow connections of a running sandbox, as JSON and as lines for a shell."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from .paywize.merchants import connection

if TYPE_CHECKING:
    from .state import State

_DEFAULT = "docs-v1"


def connections(state: State, url: str) -> dict[str, dict[str, Any]]:
    """Environment variable -> connection. The first documented merchant is `paywize_default`."""
    made = {}
    for name, merchant in state.paywize.merchants.items():
        suffix = "DEFAULT" if name == _DEFAULT else "".join(sign if sign.isalnum() else "_" for sign in name.upper())
        made[f"AIRFLOW_CONN_PAYWIZE_{suffix}"] = connection(merchant, f"{url}/paywize")
    return made


def export_lines(state: State, url: str) -> list[str]:
    return [f"export {name}={shlex.quote(json.dumps(body))}" for name, body in connections(state, url).items()]
