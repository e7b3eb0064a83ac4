"""Call anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator


class PaywizeRequestOperator(BaseOperator):
    """Any authorised call, connected banking's among them. Money moved this way is in no journal: see the hook's `call`.

    :param method: ``GET`` or ``POST``.
    :param path: begins with a slash; added to the connection's host.
    :param data: sent encrypted.
    :param params: the query string. Params of the DAG that have these names are taken for DAG params.
    :param paywize_conn_id: the connection.
    :returns: the decrypted data, amounts as decimal strings, account numbers as their last four digits.
    """

    template_fields: Sequence[str] = ("method", "path", "data", "query", "paywize_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data": "json", "query": "json"}

    def __init__(
        self,
        *,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        paywize_conn_id: str = "paywize_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.path = path
        self.data = data
        # Airflow has a meaning of its own for `params`: it hands us the DAG's as well, and keeps the attribute.
        dag = self.get_dag()
        self.query = {name: params[name] for name in params or {} if dag is None or name not in dag.params}  # type: ignore[index]
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Call once."""
        from airflow_provider_paygate.gateways.facts import redacted
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        answer = PaywizeHook(self.paywize_conn_id).call(self.method, self.path, self.data, self.query)
        # It becomes an XCom, which Airflow stores in the clear.
        told: dict[str, Any] = plain(redacted(answer))
        return told


def plain(value: Any) -> Any:
    """`value` as an XCom holds it on every Airflow: a Decimal becomes its text."""
    from decimal import Decimal

    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value
