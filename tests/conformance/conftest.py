from __future__ import annotations

import pytest

from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.tokens import bearer, pair
from tests.conformance.gateways import GATEWAYS, Gateway


@pytest.fixture(params=GATEWAYS, ids=lambda kind: kind.name)
def rail(request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway on empty books; the suite runs once for each."""
    for held in (bearer._held, pair._held, pair._handled):
        held.clear()
    kind: type[Gateway] = request.param
    return kind(sandbox, monkeypatch)
