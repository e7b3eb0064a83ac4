"""An answer that breaks its reader is no proof that nothing moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.gateways.paywize import client
from airflow_provider_paygate.sandbox.server import Sandbox
from tests.conftest import moved


def test_an_answer_that_breaks_its_reader_is_looked_up(
    sandbox: Sandbox, pay: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: object) -> object:
        raise ValueError("an absurd number")

    with monkeypatch.context() as absurd:
        absurd.setattr(client, "payment_of", broken)
        with pytest.raises(errors.OutcomeUnknown):
            pay("INV-1")
    assert pay("INV-1")["status"] == "SUCCESS"
    assert moved(sandbox, "INV-1") == 1
