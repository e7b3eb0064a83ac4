"""How often each operation was called, with what outcome, over how many connections."""

from __future__ import annotations

from collections import Counter
from typing import Any

SUCCESS = ("2000", "200")  # Paywize's code, Paytia's status
TOKEN_CALLS = ("auth", "authorize", "refresh")


class Counters:
    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.connections = 0

    def count(self, merchant: str, operation: str, outcome: str) -> None:
        self.requests[merchant, operation, outcome] += 1

    def clear(self) -> None:
        self.requests.clear()
        self.connections = 0

    def facts(self) -> dict[str, Any]:
        """`outcome` is the gateway's code, or the name of the fault or HTTP refusal that took its place."""
        operations: Counter[str] = Counter()
        for (_, operation, _), times in self.requests.items():
            operations[operation] += times
        return {
            "requests": [
                {"merchant": merchant, "operation": operation, "outcome": outcome, "count": times}
                for (merchant, operation, outcome), times in sorted(self.requests.items())
            ],
            "operations": dict(operations),
            "total": operations.total(),
            "token_calls": sum(operations[name] for name in TOKEN_CALLS),
            "rejected": sum(times for (_, _, outcome), times in self.requests.items() if outcome not in SUCCESS),
            "connections": self.connections,
        }
