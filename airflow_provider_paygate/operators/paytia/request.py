"""Start a token chain; call anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_paygate.operators.paytia.base import PaytiaOperator
from airflow_provider_paygate.operators.paywize.request import plain


class PaytiaAuthorizeOperator(PaytiaOperator):
    """Authorise: exchange client id and secret for a new token pair, stored for the whole fleet.

    Ordinary tasks renew the pair by themselves. This is for a deployment that rests longer than a refresh token may live,
    and for mending a chain before others need it.

    :param paytia_conn_id: the connection.
    :returns: ``{"authorized", "seconds"}``: how long the access token lives. Never a token.
    """

    template_fields: Sequence[str] = ("paytia_conn_id",)

    def execute(self, context: Any) -> dict[str, Any]:
        """One token call."""
        pair = self.hook().authorize()
        return {"authorized": True, "seconds": int(pair.life or 0)}


class PaytiaRequestOperator(PaytiaOperator):
    """Any authorised call. Money moved this way is in no journal: see the hook's `call`.

    :param method: ``POST`` for everything documented.
    :param path: begins with a slash; added to the connection's host.
    :param data: sent as JSON, to the payment service as multipart fields.
    :param params: the query string. Params of the DAG that have these names are taken for DAG params.
    :param paytia_conn_id: the connection.
    :returns: the JSON that came, amounts as decimal strings, secrets, account numbers and card data redacted.
    """

    template_fields: Sequence[str] = ("method", "path", "data", "query", "paytia_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data": "json", "query": "json"}

    def __init__(
        self,
        *,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.path = path
        self.data = data
        # Airflow has a meaning of its own for `params`: it hands us the DAG's as well, and keeps the attribute.
        dag = self.get_dag()
        self.query = {name: params[name] for name in params or {} if dag is None or name not in dag.params}  # type: ignore[index]

    def execute(self, context: Any) -> dict[str, Any]:
        """Call once."""
        from airflow_provider_paygate.gateways.facts import redacted

        answer = self.hook().call(self.method, self.path, self.data, self.query)
        # It becomes an XCom, which Airflow stores in the clear.
        told: dict[str, Any] = plain(redacted(answer))
        return told
