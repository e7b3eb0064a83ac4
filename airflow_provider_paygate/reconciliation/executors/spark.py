"""Spark: for those who outgrow one machine. The passes run as Spark SQL, only breaks travel to the driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from airflow_provider_paygate.reconciliation.dialects import SOURCE, carried
from airflow_provider_paygate.reconciliation.errors import CannotReconcile, ConnectionLost
from airflow_provider_paygate.reconciliation.normalise import check_kinds, flaw_counts, normalising_select, refusal
from airflow_provider_paygate.reconciliation.reading import first_line
from airflow_provider_paygate.reconciliation.relations import relation_of, source_of
from airflow_provider_paygate.reconciliation.sides import Kind, Role, Side, TableSide

_KINDS: dict[str, Kind] = {
    "string": "text",
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "float": "float",
    "double": "float",
    "date": "date",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
}


class SparkExecutor:
    """Runs the passes in a Spark session (4.0 or newer), which stays open and is the caller's.

    Kept results are temporary views over checkpointed rows; they go when it is closed. The session's time zone is UTC
    meanwhile.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._kept: list[str] = []
        with spark_errors("the session"):
            self._zone = session.conf.get("spark.sql.session.timeZone")
            session.conf.set("spark.sql.session.timeZone", "UTC")

    def read(self, side: Side, role: Role) -> None:
        if not isinstance(side, TableSide):
            raise CannotReconcile(f"{side.path}: in Spark both sides must be tables, views or queries there, not files")
        with spark_errors(side.label):
            schema = self._session.sql(f"SELECT * FROM {source_of(side)} LIMIT 0").schema
        described = [(field.name, _kind(field.dataType.simpleString())) for field in schema.fields]
        relation = relation_of(side, role, described)
        check_kinds(relation)
        source, relation = relation.source, replace(relation, source=SOURCE)
        query, advice = flaw_counts(relation, role)
        with spark_errors(side.label):
            counts = self._frame(query, side.label, source).collect()[0]
        if reason := refusal(side.label, role, counts, advice):
            raise reason
        self._keep(f"recon_{role}", normalising_select(relation, role), source)

    def keep(self, name: str, query: str) -> None:
        self._keep(name, query)

    def define(self, name: str, query: str) -> None:
        with spark_errors(f"the pass {name}"):
            self._frame(query, f"the pass {name}").createOrReplaceTempView(name)
        self._kept.append(name)

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        with spark_errors("a pass"):
            yield from self._frame(query, "a pass").toLocalIterator()

    def close(self) -> None:
        with suppress(CannotReconcile), spark_errors("letting go"):
            for name in self._kept:
                self._session.catalog.dropTempView(name)
            self._session.conf.set("spark.sql.session.timeZone", self._zone)
        self._kept.clear()

    def _keep(self, name: str, query: str, source: str = "") -> None:
        # A checkpoint and no cache: the plan of a cached query goes on growing with every pass that builds on it.
        with spark_errors(f"the pass {name}"):
            frame = self._frame(query, f"the pass {name}", source).localCheckpoint(eager=True)
            frame.createOrReplaceTempView(name)
        self._kept.append(name)

    def _frame(self, query: str, what: str, source: str = "") -> Any:
        with spark_errors(what):
            return self._session.sql(carried(query, "spark", source))


def _kind(type_name: str) -> Kind:
    return "decimal" if type_name.startswith("decimal") else _KINDS.get(type_name, "other")


@contextmanager
def spark_errors(what: str) -> Iterator[None]:
    """Spark's errors as one line that begins with `what`."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark", "py4j")):
            raise
        # Spark's own complaints are of more particular classes; a bare one is the transport's.
        if type(error).__name__ == "SparkConnectGrpcException":
            details = re.search('details = "(.*?)"', str(error))
            raise ConnectionLost(
                f"{what}: Spark does not answer: {details[1] if details else first_line(error)}"
            ) from None
        raise CannotReconcile(f"{what} failed in Spark: {first_line(error)}") from None
