"""The road a payment takes: a gateway seen as what submitting needs."""

from __future__ import annotations

from typing import Protocol, TypeVar

from airflow_provider_paygate.gateways.facts import Beneficiary, Payment
from airflow_provider_paygate.gateways.wire import Flow
from airflow_provider_paygate.payouts.payable import Payable

P = TypeVar("P", bound=Payable)
P_contra = TypeVar("P_contra", bound=Payable, contravariant=True)


class Rail(Protocol[P_contra]):
    """One gateway, for payments of one kind. Its flows raise this package's exceptions."""

    visibility_window: float
    call_seconds: float
    tells_utr: bool  # whether a settled payment has a bank's reference, which may come later

    def prepare(self) -> Flow[None]:
        """Have a token in hand, so that no lease on a payment is spent waiting for one."""

    def send(self, payout: P_contra, not_after: float) -> Flow[tuple[Payment, Beneficiary]]:
        """Submit once, beginning no call that could outlast the monotonic time `not_after`."""

    def look_up(self, sender_id: str) -> Flow[tuple[Payment, Beneficiary]]:
        """Ask for it. NotFound only when the gateway itself says so."""
