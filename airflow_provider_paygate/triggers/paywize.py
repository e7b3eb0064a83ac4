"""Paywize triggers: they only read at the gateway, and note in the journal what they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.triggers.gateway import GatewayTrigger

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paywize import PaywizeHook


class _PaywizeTrigger(GatewayTrigger):
    """A trigger on a Paywize connection."""

    def hook(self) -> PaywizeHook:
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizeHook(self.arguments["paywize_conn_id"])


class PaywizePayoutTrigger(_PaywizeTrigger):
    """Waits until a payout in the journal is final.

    :param paywize_conn_id: the connection.
    :param reference: the payout.
    :param poll_interval: seconds between looks.
    :param deadline: when to stop waiting, in seconds since 1970.
    :param already_paid: handed back in the event.
    """

    def __init__(
        self, paywize_conn_id: str, reference: str, poll_interval: float, deadline: float, already_paid: bool = False
    ) -> None:
        super().__init__(
            paywize_conn_id=paywize_conn_id,
            reference=reference,
            poll_interval=poll_interval,
            deadline=deadline,
            already_paid=already_paid,
        )

    async def waited(self, hook: PaywizeHook) -> Any:
        import asyncio

        from airflow_provider_paygate.exceptions import OutcomeUnknown
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.payouts.entry import Who
        from airflow_provider_paygate.payouts.waiting import is_final, until

        reference = self.arguments["reference"]
        entry = await asyncio.to_thread(hook.journal.find, reference)
        if entry is None:
            raise OutcomeUnknown(
                f"{reference}: the triggerer's journal does not know this payment; is [paygate] database the same there?"
            )
        watcher = Who(dag_id="triggerer", run_id=entry.run_id, task_id=entry.task_id, map_index=entry.map_index)
        payouts = PaywizePayouts(hook, watcher)
        every, deadline = self.arguments["poll_interval"], self.arguments["deadline"]
        return await hook.arun("status", until(lambda: payouts.followed(entry), is_final, every, deadline))

    def about(self) -> dict[str, Any]:
        return {"reference": self.arguments["reference"], "already_paid": self.arguments["already_paid"]}


class PaywizeBatchTrigger(_PaywizeTrigger):
    """Waits for a whole batch: one trigger, which reads only what is unresolved, within the status rate.

    :param paywize_conn_id: the connection.
    :param batch: the batch's row in the paygate database.
    :param batch_id: its name.
    :param poll_interval: seconds between sweeps.
    :param deadline: when to stop waiting, in seconds since 1970.
    """

    def __init__(self, paywize_conn_id: str, batch: int, batch_id: str, poll_interval: float, deadline: float) -> None:
        super().__init__(
            paywize_conn_id=paywize_conn_id,
            batch=batch,
            batch_id=batch_id,
            poll_interval=poll_interval,
            deadline=deadline,
        )

    async def waited(self, hook: PaywizeHook) -> Any:
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.payouts.entry import Who
        from airflow_provider_paygate.payouts.following import of_batch

        payouts = PaywizePayouts(hook, Who(dag_id="triggerer", run_id=self.arguments["batch_id"]))
        every, deadline = self.arguments["poll_interval"], self.arguments["deadline"]
        return await payouts.follow(of_batch(self.arguments["batch"]), every, deadline) or None

    def about(self) -> dict[str, Any]:
        return {"batch": self.arguments["batch"], "batch_id": self.arguments["batch_id"]}


class PaywizeSensorTrigger(_PaywizeTrigger):
    """Waits until what a sensor waits for is there; the sensor then reads it for itself.

    :param paywize_conn_id: the connection.
    :param subject: ``payout``, ``collection`` or ``balance``.
    :param wanted: its ids, or wallet and least balance.
    :param poll_interval: seconds between looks.
    :param deadline: when to stop waiting, in seconds since 1970.
    """

    def __init__(
        self,
        paywize_conn_id: str,
        subject: str,
        wanted: Mapping[str, str | None],
        poll_interval: float,
        deadline: float,
    ) -> None:
        super().__init__(
            paywize_conn_id=paywize_conn_id,
            subject=subject,
            wanted=dict(wanted),
            poll_interval=poll_interval,
            deadline=deadline,
        )
