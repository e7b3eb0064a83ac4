"""Change or end a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_paygate.operators.paytia.base import PaytiaOperator, own_days


class PaytiaSubscriptionOperator(PaytiaOperator):
    """Update or cancel a subscription (Stripe). Moves no money itself; a retry sets the same again.

    :param action: ``update`` or ``cancel``.
    :param subscription_id: ``sub_…`` or ``sub_sched_…``.
    :param subscription_amount: a decimal string, an int or a Decimal.
    :param start_date: ``YYYY-MM-DD``, as is `end_date`. A datetime from `default_args` is the task's own, as everywhere in Airflow.
    :param interval: ``daily``, ``weekly`` or ``monthly``.
    :param intervalcount: every so many intervals.
    :param intervalfrequency: multiplies `intervalcount`; excludes `end_date`.
    :param fields: further fields of the request.
    :param paytia_conn_id: the connection.
    :returns: ``{"reference", "transaction_id", "status"}``, the reference being the subscription's id.
    """

    template_fields: Sequence[str] = (
        "action", "subscription_id", "subscription_amount", "first_day", "last_day", "interval", "intervalcount",
        "intervalfrequency", "fields", "paytia_conn_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        action: str,
        subscription_id: str,
        subscription_amount: Any = None,
        start_date: Any = None,
        end_date: Any = None,
        interval: str | None = None,
        intervalcount: Any = None,
        intervalfrequency: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        days = own_days(self, start_date=start_date, end_date=end_date)
        self.action = action
        self.subscription_id = subscription_id
        self.subscription_amount = subscription_amount
        self.first_day = days["start_date"]
        self.last_day = days["end_date"]
        self.interval = interval
        self.intervalcount = intervalcount
        self.intervalfrequency = intervalfrequency

    def execute(self, context: Any) -> dict[str, Any]:
        """Ask once."""
        from airflow_provider_paygate.exceptions import InvalidRequest

        hook = self.hook()
        if self.action not in ("update", "cancel"):
            raise InvalidRequest("action must be update or cancel", gateway="paytia", operation="check")
        if not str(self.subscription_id or "").strip():
            raise InvalidRequest("subscription_id is missing", gateway="paytia", operation="check")
        schedule = {
            "subscription_amount": self.subscription_amount,
            "start_date": self.first_day,
            "end_date": self.last_day,
            "interval": self.interval,
            "intervalcount": self.intervalcount,
            "intervalfrequency": self.intervalfrequency,
        }
        given = {name: value for name, value in schedule.items() if value not in (None, "")}
        ask = hook.update_subscription if self.action == "update" else hook.cancel_subscription
        told = ask(subscription_id=self.subscription_id, **{**self.further_fields(), **given})
        return {"reference": self.subscription_id, "transaction_id": told.transaction_id, "status": told.status}
