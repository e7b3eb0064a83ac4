"""Where a reconciliation runs. Each executor carries the same SQL to one kind of database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from airflow_provider_paygate.reconciliation.sides import Role, Side


class Executor(Protocol):
    """A database session that keeps intermediate results under names of its own (`recon_…`) until it is closed.

    `query` is always one SELECT in DuckDB's dialect. Failures are raised as CannotReconcile.
    """

    def read(self, side: Side, role: Role) -> None:
        """Normalise a side into the table `recon_<role>`."""

    def keep(self, name: str, query: str) -> None:
        """Store the rows of a query under a name, replacing what was there."""

    def define(self, name: str, query: str) -> None:
        """Give a query a name without storing its rows."""

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """The rows of a query, a batch at a time. Amounts are Decimal."""

    def close(self) -> None:
        """Let go of everything kept."""
