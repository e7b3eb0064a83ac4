"""A home of its own for Airflow, one sandbox for all tests, and a fresh set of books for each."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

# Airflow reads these while it is imported, so they come before everything else.
_home = tempfile.mkdtemp(prefix="paygate-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__PAYGATE__DATABASE"] = f"sqlite:///{_home}/unused.db"
for _name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]

import json  # noqa: E402
import uuid  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from airflow_provider_paygate.sandbox.server import Sandbox, running  # noqa: E402

POSTGRES = os.environ.get("PAYGATE_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
REQUIRED = os.environ.get("PAYGATE_REQUIRE_SERVICES") == "1"
CANARY_ACCOUNT = "000123456789"
UNPACED = {"auth": 0, "initiate": 0, "status": 0, "balance": 0}  # a test waits for no minute


@pytest.fixture(scope="session")
def gateway() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(gateway: Sandbox) -> Sandbox:
    """Empty books and a clock that stands still. Every payment is settled the moment it is looked at."""
    gateway.reset()
    gateway.clear_faults()
    gateway.reset_counters()
    gateway.freeze()
    for merchant in ("docs-v1", "live-v2", "v2", "limits"):
        gateway.merchant(merchant, durations={"IMPS": [0, 0], "NEFT": [0, 0], "RTGS": [0, 0]})
    return gateway


@pytest.fixture(scope="session")
def blank_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the tables and nothing in them: copying it is quicker than making them again."""
    from sqlalchemy.engine import make_url

    from airflow_provider_paygate.database import Database

    path = tmp_path_factory.mktemp("books") / "blank.db"
    made = Database(make_url(f"sqlite:///{path}"))
    made.ensure_schema()
    made.engine.dispose()
    return path


@pytest.fixture(autouse=True)
def books(tmp_path: Path, blank_books: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A SQLite paygate database of this test's own, and no token left over from another."""
    path = tmp_path / "paygate.db"
    shutil.copy(blank_books, path)
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", f"sqlite:///{path}")
    forget_process()
    yield path
    forget_process()


def forget_process() -> None:
    """Drop what this process knows besides the database, as a new worker would."""
    from airflow.sdk.log import mask_secret  # noqa: F401 - brings the masker that is used

    from airflow_provider_paygate.database import engine
    from airflow_provider_paygate.tokens import bearer

    masker = sys.modules.get("airflow.sdk._shared.secrets_masker.secrets_masker")
    if masker is not None:  # its pattern grows with every token, and is compiled anew each time
        masker._secrets_masker().reset_masker()
    bearer._held.clear()
    for opened in engine._open.values():
        opened.engine.dispose()
    engine._open.clear()


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a PostgreSQL schema of this test's own, and the books are kept there."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    schema = f"paygate_{uuid.uuid4().hex[:12]}"
    try:
        server = create_engine(POSTGRES, connect_args={"connect_timeout": 3}, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except Exception as error:
        reason = f"no PostgreSQL at PAYGATE_TEST_POSTGRES: {type(error).__name__}"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    shown = url.render_as_string(hide_password=False)
    monkeypatch.setenv("AIRFLOW__PAYGATE__DATABASE", shown)
    yield shown
    forget_process()
    with server.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def any_books(request: pytest.FixtureRequest) -> str:
    """The books on SQLite, then on PostgreSQL."""
    if request.param == "postgres":
        request.getfixturevalue("postgres")
    return str(request.param)


@pytest.fixture
def connect(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`connect("v2", timeout=1)` puts a merchant of the sandbox into AIRFLOW_CONN_… and gives the connection id.

    Requests are not paced unless `rate_limits` is given.
    """

    def made(
        merchant: str = "docs-v1",
        conn_id: str = "paywize_default",
        *,
        password: str | None = None,
        host: str | None = None,
        **extra: Any,
    ) -> str:
        connection = sandbox.connection(merchant)
        connection["extra"] = {"timeout": 5, "rate_limits": UNPACED, **connection["extra"], **extra}
        if password is not None:
            connection["password"] = password
        if host is not None:
            connection["host"] = host
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    return made


def payment(reference: str = "INV-1", **fields: Any) -> dict[str, Any]:
    """The fields of a payout that the sandbox accepts and settles."""
    return {
        "reference": reference,
        "amount": "1250.00",
        "mode": "IMPS",
        "beneficiary_name": "Asha Rao",
        "beneficiary_account": CANARY_ACCOUNT,
        "beneficiary_ifsc": "HDFC0001234",
        "remarks": "vendor",
        **fields,
    }


def moved(sandbox: Sandbox, sender_id: str | None = None) -> int:
    """How often money moved, in the gateway's own books."""
    return int(sandbox.ledger(sender_id=sender_id)["totals"]["count"])


def calls(sandbox: Sandbox, operation: str) -> int:
    """How often an operation was called."""
    return int(sandbox.counters()["operations"].get(operation, 0))
