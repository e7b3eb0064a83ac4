"""Read a wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator


class PaywizeBalanceOperator(BaseOperator):
    """Read what a wallet holds.

    :param wallet_id: the connection's when left out.
    :param paywize_conn_id: the connection.
    :returns: ``{"wallet_id", "available", "currency"}``, the amount as a decimal string.
    """

    template_fields: Sequence[str] = ("wallet_id", "paywize_conn_id")

    def __init__(
        self, *, wallet_id: str | None = None, paywize_conn_id: str = "paywize_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.wallet_id = wallet_id
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Ask once."""
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        balance = PaywizeHook(self.paywize_conn_id).get_balance(self.wallet_id)
        return {"wallet_id": balance.wallet_id, "available": str(balance.available), "currency": balance.currency}
