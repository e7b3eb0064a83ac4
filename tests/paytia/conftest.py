from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_paygate.hooks.paytia import PaytiaHook
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.tokens import pair
from tests.paytia.fake import API_KEY, CLIENT_ID, CLIENT_SECRET, Fake, running

Connect = Callable[..., PaytiaHook]


@pytest.fixture
def fake() -> Iterator[Fake]:
    with running() as fake:
        yield fake


@pytest.fixture
def link(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """`link(visibility_window=0)` puts the fake into AIRFLOW_CONN_… and gives a new hook on it."""

    def made(
        conn_id: str = "paytia_default",
        *,
        login: str | None = CLIENT_ID,
        password: str | None = CLIENT_SECRET,
        host: str | None = None,
        **extra: Any,
    ) -> PaytiaHook:
        connection = {
            "conn_type": "paytia",
            "host": host or fake.url,
            "login": login,
            "password": password,
            "extra": {"api_key": API_KEY, "timeout": 2, **extra},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return PaytiaHook(conn_id)

    return made


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """`account("enhanced", visibility_window=0)` puts an account of the sandbox into AIRFLOW_CONN_… and gives a new hook."""

    def made(name: str = "key-only", conn_id: str = "paytia_default", **extra: Any) -> PaytiaHook:
        connection = sandbox.connection(name)
        connection["extra"] = {"timeout": 2, **connection["extra"], **extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return PaytiaHook(conn_id)

    return made


@pytest.fixture(autouse=True)
def fresh_process(books: Any) -> None:
    """No token left over from another test."""
    forget_tokens()


def forget_tokens() -> None:
    pair._held.clear()
    pair._handled.clear()
