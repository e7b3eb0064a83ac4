"""Where each operation lives: the three path families and single overrides (specs/paywize.md §1.1)."""

from __future__ import annotations

from collections.abc import Mapping

OPERATIONS = ("auth", "initiate", "status", "balance", "collection_initiate", "collection_status")

_DOCS = {
    "auth": "/v1/auth/clients/token",
    "initiate": "/payout/v1/initiate",
    "status": "/payout/v1/status",
    "balance": "/payout/v1/balance",
    "collection_initiate": "/collection/v1/initiate/",  # its own page has the slash, the changelog does not
    "collection_status": "/collection/v1/status",
}

PROFILES: dict[str, dict[str, str]] = {
    "docs": _DOCS,
    "docs-api": {operation: "/api" + path for operation, path in _DOCS.items()},
    # What a production tenant was seen to answer. Collections were never seen there: the documented paths stand in.
    "live": {
        "auth": "/api/v1/auth/clients/token",
        "initiate": "/api/v1/payout/request-payout",
        "status": "/api/v1/payout/get-status",
        "balance": "/api/v1/payout/check-balance",
        "collection_initiate": "/api/collection/v1/initiate/",
        "collection_status": "/api/collection/v1/status",
    },
}


def paths_of(profile: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """The path of every operation. Raises ValueError for an operation that does not exist or a path without a slash."""
    for operation, path in overrides.items():
        if operation not in OPERATIONS:
            raise ValueError(
                f"paths in the connection names an unknown operation {operation!r}; known are {', '.join(OPERATIONS)}"
            )
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError(f"paths in the connection gives {operation!r} a path that does not begin with a slash")
    return {**PROFILES[profile], **overrides}
