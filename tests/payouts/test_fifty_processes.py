"""Fifty workers, twenty references, one moment: each is executed once, and all are told the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import calls, payment
from tests.operators.conftest import Pay, PayBatch
from tests.processes import at_once

REFERENCES = [f"INV-{number:02}" for number in range(20)]


def test_fifty_processes_with_the_same_twenty_references_pay_each_once(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str
) -> None:
    connect(timeout=10)
    sandbox.merchant("docs-v1", dedupe=False)  # no help from the gateway
    pay("BEFORE")  # everything is imported before fifty processes are forked
    sandbox.reset_counters()

    def worker(number: int) -> Any:
        order = random.Random(number).sample(REFERENCES, len(REFERENCES))
        return {reference: pay(reference, timeout=30) for reference in order}

    all_told = at_once([lambda number=number: worker(number) for number in range(50)])  # type: ignore[misc]
    ledger = sandbox.ledger()
    assert ledger["repeated"] == []
    assert (ledger["totals"]["count"], calls(sandbox, "initiate"), calls(sandbox, "auth")) == (21, 20, 0)
    by_id = {line["sender_id"]: line["transaction_id"] for line in ledger["lines"]}
    for results in all_told:
        assert isinstance(results, dict), results
        assert {"BEFORE": by_id["BEFORE"], **{name: told["transaction_id"] for name, told in results.items()}} == by_id
        assert {result["status"] for result in results.values()} == {"SUCCESS"}


def test_ten_processes_with_the_same_batch_in_batches_of_their_own_pay_each_row_once(
    sandbox: Sandbox, connect: Any, pay_batch: PayBatch, any_books: str
) -> None:
    connect(timeout=10)
    sandbox.merchant("docs-v1", dedupe=False)
    rows = [payment(reference) for reference in REFERENCES]
    told = at_once([
        lambda number=number: pay_batch(payouts=rows, batch_id=f"B-{number}", max_concurrency=3, timeout=30)  # type: ignore[misc]
        for number in range(10)
    ])  # fmt: skip
    assert {(result["total"], result["succeeded"]) for result in told} == {(20, 20)}, told
    assert sandbox.ledger()["repeated"] == []
    assert calls(sandbox, "initiate") == 20


def test_a_failed_payment_is_replaced_once_however_many_try_at_once(
    sandbox: Sandbox, connect: Any, pay: Pay, any_books: str
) -> None:
    with pytest.raises(errors.PayoutFailed):
        pay("OLD", beneficiary_account="9876543210")
    told = at_once([lambda number=number: pay(f"NEW-{number}", replaces="OLD") for number in range(6)])  # type: ignore[misc]
    assert [result["status"] for result in told if isinstance(result, dict)] == ["SUCCESS"]
    assert [result[1] for result in told if not isinstance(result, dict)] == ["InvalidRequest"] * 5
    assert sandbox.ledger()["totals"]["count"] == 2
