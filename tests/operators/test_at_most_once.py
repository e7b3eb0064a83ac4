"""Whatever fails in whatever order, on a gateway that does not notice repeats: money moves at most once per reference."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_paygate.exceptions import PaygateError
from airflow_provider_paygate.payouts import submission
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import forget_process, moved

WINDOW = 60
LOST = ["http_500", "http_502_html", "reset_after", "reset_before", "undecryptable", "html_200", "empty_body", "other_id",
        "other_amount", "unknown_code", "http_404", "redirect", "token_expired", "throttle_429", "duplicate"]  # fmt: skip
step = st.fixed_dictionaries(
    {
        "initiate": st.sampled_from([None, None, *LOST]),
        "executes": st.booleans(),
        "stale": st.sampled_from([0, 0, 20, 50]),  # a gateway that takes longer than the window cannot be helped
        "status": st.sampled_from(
            [None, None, None, "http_500", "undecryptable", "reset_before", "http_404", "other_id"]
        ),
        "auth": st.sampled_from([None, None, None, "http_500"]),
        "later": st.sampled_from([0, 5, 30, 70]),
        "new_process": st.booleans(),
    }
)
_numbers = count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, min_size=1, max_size=6))
def test_no_interleaving_pays_twice(
    sandbox: Sandbox,
    connect: Any,
    pay: Any,
    age: Any,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[dict[str, Any]],
) -> None:
    monkeypatch.setattr(submission, "BETWEEN_LOOKUPS", 0.01)  # two look-ups, however far apart
    connect(timeout=1, visibility_window=WINDOW)
    sandbox.merchant("docs-v1", dedupe=False)
    reference = f"INV-{next(_numbers)}"
    told: list[Any] = []
    for wanted in steps:
        sandbox.clear_faults()
        if wanted["stale"]:
            sandbox.fault("initiate", "stale", seconds=wanted["stale"], times=1)
        for operation in ("initiate", "status", "auth"):
            if wanted[operation]:
                executes = {"executes": wanted["executes"]} if wanted[operation] != "token_expired" else {}
                # A gateway that says "too many" and pays all the same cannot be helped either.
                sandbox.fault(operation, wanted[operation], **({} if wanted[operation] == "throttle_429" else executes))
        try:
            told.append(pay(reference, timeout=0))
        except PaygateError as error:
            told.append(error)
        assert moved(sandbox, reference) <= 1
        sandbox.advance(wanted["later"])
        age(wanted["later"])
        if wanted["new_process"]:
            forget_process()
    sandbox.clear_faults()
    for result in told:
        if isinstance(result, dict):
            assert moved(sandbox, reference) == 1
