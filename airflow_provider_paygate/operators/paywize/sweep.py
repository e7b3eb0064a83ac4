"""Resolve what is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_paygate.exceptions import OutcomeUnknown
from airflow_provider_paygate.operators.context import truth, who_of


class PaywizePayoutSweepOperator(BaseOperator):
    """Ask the gateway about every unknown or stale payment of a connection, once. It never sends.

    For a DAG on a schedule: what a lost answer left in doubt is resolved without anybody being woken.

    :param paywize_conn_id: the connection.
    :param everything: look at accepted payments too, not only at those in doubt.
    :param fail_on_unknown: raise `OutcomeUnknown` when some stay unknown.
    :returns: ``{"looked_at", "resolved", "unknown", "references"}``; `references` names up to 100 that stay unknown.
    """

    template_fields: Sequence[str] = ("paywize_conn_id", "everything", "fail_on_unknown")

    def __init__(
        self,
        *,
        paywize_conn_id: str = "paywize_default",
        everything: bool = False,
        fail_on_unknown: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.paywize_conn_id = paywize_conn_id
        self.everything = everything
        self.fail_on_unknown = fail_on_unknown

    def execute(self, context: Any) -> dict[str, Any]:
        """Look once at each."""
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.hooks.paywize import PaywizeHook
        from airflow_provider_paygate.payouts.following import in_doubt, unfinished

        payouts = PaywizePayouts(PaywizeHook(self.paywize_conn_id), who_of(context))
        database, account = payouts.journal.database, payouts.journal.account.account_id
        selection = unfinished(account) if truth(self.everything) else in_doubt(account)
        before = selection.count(database)
        asyncio.run(payouts.look_once(selection))
        doubtful = in_doubt(account)
        left = doubtful.count(database)
        names = [entry.reference for entry in doubtful.page(database, 0)][:100]
        self.log.info("%d looked at, %d stay unknown%s", before, left, f": {', '.join(names)}" if names else "")
        if left and truth(self.fail_on_unknown):
            raise OutcomeUnknown(
                f"{left} payments stay unknown: {', '.join(names)}. Money may have moved; see `paygate payouts show REFERENCE`.",
                gateway="paywize",
                operation="status",
            )
        still = selection.count(database)
        return {"looked_at": before, "resolved": before - still, "unknown": left, "references": names}
