"""Spark, behind a Spark Connect server of our own: the same answer as over files, through an Airflow connection's hook."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.operators import reconcile_queries
from airflow_provider_paygate.operators.reconcile import PaygateReconcileOperator
from airflow_provider_paygate.reconciliation import TableSide
from airflow_provider_paygate.reconciliation.errors import ConnectionLost
from airflow_provider_paygate.reconciliation.executors.spark import SparkExecutor
from tests.conftest import REQUIRED
from tests.reconciliation import spark_connect
from tests.reconciliation.conftest import BANK
from tests.reconciliation.planted import AS_OF
from tests.reconciliation.spark_connect import ZONE

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if reason := spark_connect.missing():
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    with spark_connect.running(tmp_path_factory.mktemp("spark")) as port:
        yield port


@pytest.fixture
def conn_id(port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection to the server, as people make one."""
    connection = {"conn_type": "spark_connect", "host": "127.0.0.1", "port": port}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    return "lake"


@pytest.fixture
def session(port: int) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    yield session
    session.stop()


@pytest.fixture
def in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker whose own clock is not UTC."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def over(path: Path) -> str:
    return f"parquet.`{path}`"


def run(ledger: Any, gateway: Any, **arguments: Any) -> dict[str, Any]:
    given = {"as_of": str(AS_OF), "fail_on": (), **arguments}
    return PaygateReconcileOperator(task_id="reconcile", ledger=ledger, gateway=gateway, **given).execute({})


def test_queries_of_one_spark_connection_are_compared_there_and_leave_nothing(
    conn_id: str, typed: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = {name: str(typed[name]) for name in ("ledger", "gateway")}
    expected = run(**files, statement=str(typed["bank"]), breaks_path=str(tmp_path / "files.csv"))
    left: list[Any] = []

    class Watched(reconcile_queries.SparkConnect):
        fetched = None  # type: ignore[assignment]  # nothing but breaks travels

        def close(self) -> None:
            left.extend([self._session.catalog.listTables(), self._session.conf.get("spark.sql.session.timeZone")])
            super().close()

    monkeypatch.setattr(reconcile_queries, "SparkConnect", Watched)
    ledger = {"sql": f"SELECT * FROM {over(typed['ledger'])} -- as it is", "conn_id": conn_id}
    gateway = {"sql": f"SELECT *, created_at AS `a b` FROM {over(typed['gateway'])}", "conn_id": conn_id}

    assert (
        run(ledger, gateway, statement={"sql": BANK, "conn_id": conn_id}, breaks_path=str(tmp_path / "spark.csv"))
        == expected
    )
    assert (tmp_path / "spark.csv").read_bytes() == (tmp_path / "files.csv").read_bytes()
    assert left == [[], ZONE]


def test_a_spark_query_beside_a_file_is_fetched_with_its_moments_whole(
    conn_id: str, typed: dict[str, Path], in_kolkata: None, tmp_path: Path
) -> None:
    expected = run(*(str(typed[name]) for name in ("ledger", "gateway")), breaks_path=str(tmp_path / "files.csv"))
    ledger = {"sql": f"SELECT * FROM {over(typed['ledger'])};", "conn_id": conn_id}

    assert run(ledger, str(typed["gateway"]), breaks_path=str(tmp_path / "spark.csv")) == expected
    assert (tmp_path / "spark.csv").read_bytes() == (tmp_path / "files.csv").read_bytes()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT nonsense", "failed in Spark: [UNRESOLVED_COLUMN"),
        ("SELEC 1", "failed in Spark: [PARSE_SYNTAX_ERROR"),
        ("SELECT 'A' AS reference, 0.5D AS amount", "amount is a floating-point column"),
        ("SELECT 'A' AS reference, 1.00001 AS amount", "1 row of the ledger: amount has more than 14 digits"),
        ("SELECT 'A' AS reference, 1 AS amount, 2 AS amount", "column 'amount' is there 2 times"),
        ("SELECT ' ' AS reference, 1 AS amount", "1 row of the ledger: no reference"),
    ],
)
def test_what_is_wrong_with_a_query_is_one_sentence(conn_id: str, query: str, reason: str) -> None:
    good = {"sql": "SELECT 'A' AS reference, 1 AS amount", "conn_id": conn_id}
    with pytest.raises(errors.InvalidRequest) as caught:
        run({"sql": query, "conn_id": conn_id}, good)
    assert str(caught.value).startswith("ledger query on lake")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_spark_that_is_gone_may_be_asked_again(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.errors.exceptions.connect import SparkConnectGrpcException

    def gone(*_: Any) -> Any:
        raise SparkConnectGrpcException('<_Rendezvous:\n\tstatus = UNAVAILABLE\n\tdetails = "Connection refused"\n>')

    executor = SparkExecutor(session)
    monkeypatch.setattr(session, "sql", gone)
    with pytest.raises(ConnectionLost, match=r"^ledger: Spark does not answer: Connection refused$"):
        executor.read(TableSide("ledger", label="ledger"), "ledger")
