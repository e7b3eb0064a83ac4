"""What the journal remembers of a payment, a key and a connection, and what it asks again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import moved

Pay = Callable[..., dict[str, Any]]


def test_a_rotated_key_keeps_its_account_when_two_connections_shared_it(
    sandbox: Sandbox, connect: Callable[..., str], pay: Pay
) -> None:
    sandbox.merchant("docs-v1", dedupe=False)
    pay("INV-1")
    connect(conn_id="second")
    pay("INV-2", paywize_conn_id="second")
    sandbox.merchant("docs-v1", api_key="PAYGATESANDBOXROTATED00000000000")
    connect()
    connect(conn_id="second")
    assert pay("INV-1")["already_paid"]
    assert pay("INV-1", paywize_conn_id="second")["already_paid"]
    assert moved(sandbox, "INV-1") == 1


def test_replaces_given_on_a_later_try_uses_the_old_reference_up(sandbox: Sandbox, pay: Pay) -> None:
    with pytest.raises(errors.PayoutFailed):
        pay("INV-1", beneficiary_account="9876543210")
    sandbox.fault("initiate", "throttle_429")
    with pytest.raises(errors.NotSent):
        pay("INV-1b")
    pay("INV-1b", replaces="INV-1")
    with pytest.raises(errors.InvalidRequest):
        pay("INV-1c", replaces="INV-1")


def test_a_payment_that_failed_while_nobody_looked_may_be_replaced(pay: Pay) -> None:
    pay("INV-1", beneficiary_account="9876543210", wait_for_completion=False)
    assert pay("INV-2", replaces="INV-1")["status"] == "SUCCESS"


@pytest.mark.parametrize("case", ["max_amount", "max_daily_amount", "conflict", "pending", "unknown", "invalid"])
def test_every_error_names_the_gateway(sandbox: Sandbox, connect: Callable[..., str], pay: Pay, case: str) -> None:
    if case.startswith("max"):
        connect(**{case: "1"})
    if case == "pending":
        sandbox.merchant("docs-v1", durations={"IMPS": [1, 3]})
    if case == "unknown":
        sandbox.fault("initiate", "http_500")
    if case == "conflict":
        pay()
    with pytest.raises(errors.PaygateError) as raised:
        pay(amount="7", timeout=0, **({"mode": "UPI"} if case == "invalid" else {}))
    assert raised.value.gateway == "paywize"


def test_a_utr_that_comes_after_success_is_taken_down(sandbox: Sandbox, pay: Pay) -> None:
    pay(remarks="NOUTR")
    sandbox.advance(1000)
    assert pay()["utr"]
