"""A payment as the journal has it, and who is at work on it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.payouts.identity import major_units
from airflow_provider_paygate.payouts.lifecycle import FINAL, State

if TYPE_CHECKING:
    from sqlalchemy.engine import Row


@dataclass(frozen=True)
class Who:
    """Which task is at work. All empty without a task's context: identity comes from the reference alone."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int = 1
    earliest: float | None = None  # before this, the run cannot have begun; None when that is not known
    remembered: bool = False  # these books have seen the task since its first try

    def __str__(self) -> str:
        if self.dag_id is None:
            return "no task"
        mapped = "" if self.map_index in (None, -1) else f"[{self.map_index}]"
        return f"{self.dag_id} {self.run_id} {self.task_id}{mapped} try {self.try_number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A payment as the journal has it. Times are seconds since 1970; amounts are Decimal."""

    id: int
    account_id: str
    reference: str
    sender_id: str
    state: State
    amount: Decimal
    currency: str
    account_last_four: str
    ifsc: str
    fingerprint: str
    key_id: str
    mode: str
    wallet_id: str | None
    replaces: str | None
    replaced_by: str | None
    transaction_id: str | None
    utr: str | None
    status: str | None
    code: str | None
    message: str | None
    version: int
    tries: int
    resends: int
    absences: int
    lease_owner: str | None
    deadline_at: float | None
    created_at: float
    updated_at: float
    final_at: float | None
    reserved_day: str | None
    conn_id: str | None
    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.state in FINAL

    def was_made_by(self, who: Who) -> bool:
        """Whether the same task instance of the same run planned it, in this try or an earlier one."""
        mine = (who.dag_id, who.run_id, who.task_id, who.map_index)
        return who.dag_id is not None and mine == (self.dag_id, self.run_id, self.task_id, self.map_index)


_COLUMNS = tuple(spec.name for spec in fields(Entry) if spec.name not in {"state", "amount"})


def entry_of(row: Row[Any]) -> Entry:
    """The entry in a row of the table."""
    values = row._mapping
    return Entry(
        **{name: values[name] for name in _COLUMNS},
        state=State(values["state"]),
        amount=major_units(values["amount_minor"]),
    )
