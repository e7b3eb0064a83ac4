"""Whatever is asked, and whatever goes wrong: no money appears, none is lost, and no id is paid twice."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox

OPENING = Decimal("100000000.00")
PAYOUTS = st.fixed_dictionaries(
    {
        "sender_id": st.sampled_from(["INV-1", "INV-2", "INV-3"]),
        "amount": st.sampled_from(["1.00", "10.50", "0", "499999.99", "600000"]),
        "remarks": st.sampled_from(["vendor", "FAIL", "PENDINGFAIL", "REVERSED", "PENDING"]),
        "payment_mode": st.sampled_from(["IMPS", "NEFT"]),
    }
)
FAULTS = st.sampled_from(["reset_after", "reset_before", "undecryptable", "http_500", "duplicate", "token_expired"])
STEPS = st.one_of(PAYOUTS, FAULTS, st.integers(0, 90))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=15))
def test_wallets_and_ledger_tie_out(one_sandbox: Sandbox, steps: list[object]) -> None:
    one_sandbox.reset()
    one_sandbox.freeze()
    one_sandbox.merchant("docs-v1", token_life=100_000)
    merchant = Merchant(one_sandbox)
    for step in steps:
        if isinstance(step, int):
            one_sandbox.advance(step)
        elif isinstance(step, str):
            one_sandbox.fault("initiate", step)
        elif isinstance(step, dict):
            try:
                if merchant.pay(**step).status == 401:
                    merchant.forget()
            except (httpx.ReadError, ValueError):
                continue  # the answer was lost or cannot be read; what happened is in the ledger
    totals = one_sandbox.ledger()["totals"]
    assert one_sandbox.ledger()["repeated"] == []
    assert Decimal(merchant.balance()) == OPENING - Decimal(totals["amount"]) + Decimal(totals["refunded"])
    merchant.http.close()
