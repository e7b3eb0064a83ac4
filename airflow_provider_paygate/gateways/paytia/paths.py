"""Where each operation lives, and what its fields are called (specs/paytia.md §2, §5.3, §6).

Many field names stand on parts of pages that nobody here can read. Ours are guesses from their descriptions; a
connection's `field_names` corrects them, for what is sent and for what is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

PATHS = {
    "authorize": "/api/authorize",
    "refresh": "/api/refresh_token",
    "payment_service": "/api/payment_service",
    "payments_taken": "/api/payment_taken",
    "cdr_logs": "/api/manage_cdr_logs",
    "cdr": "/api/view_cdr_log",
    "cdr_api_details": "/api/view_api_details_cdr",
    "webhook_log": "/api/webhook_request_data",
}
OPERATIONS = tuple(PATHS)
REPORTS = ("payments_taken", "cdr_logs")
READS = (*REPORTS, "cdr", "cdr_api_details", "webhook_log")


def paths_of(overrides: Mapping[str, Any]) -> dict[str, str]:
    """The path of every operation. Raises ValueError for an operation that does not exist or a path without a slash."""
    for operation, path in overrides.items():
        if operation not in OPERATIONS:
            raise ValueError(
                f"paths in the connection names an unknown operation {operation!r}; known are {', '.join(OPERATIONS)}"
            )
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError(f"paths in the connection gives {operation!r} a path that does not begin with a slash")
    return {**PATHS, **overrides}


@dataclass(frozen=True)
class Names:
    """What this account calls the fields: our name to theirs, where they differ."""

    theirs: Mapping[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def outgoing(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """`fields` under their names."""
        return {self.theirs.get(name, name): value for name, value in fields.items()}

    def spellings(self, ours: str, *others: str) -> tuple[str, ...]:
        """How a field may be spelt in an answer: the account's own name first."""
        asked = (ours, *others)
        if asked not in self._known:
            self._known[asked] = tuple(plain(name) for name in (self.theirs.get(ours, ours), *asked))
        return self._known[asked]


def names_of(overrides: Mapping[str, Any]) -> Names:
    """The `field_names` of a connection. Raises ValueError when one is no text."""
    for ours, theirs in overrides.items():
        if not isinstance(theirs, str) or not theirs.strip():
            raise ValueError(f"field_names in the connection gives {ours!r} a name that is no text")
    return Names({ours: theirs.strip() for ours, theirs in overrides.items()})


@lru_cache(4096)
def plain(name: str) -> str:
    """A field name without case, spaces and marks: the pages write `Instate`, `agent id` and `Reference No.` (§7.3)."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
