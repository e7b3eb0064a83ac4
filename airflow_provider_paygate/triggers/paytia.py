"""Paytia triggers: they only read at the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_paygate.triggers.gateway import GatewayTrigger

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paytia import PaytiaHook


class PaytiaSensorTrigger(GatewayTrigger):
    """Waits until what a sensor waits for is there; the sensor then reads it for itself.

    :param paytia_conn_id: the connection.
    :param subject: ``payment``.
    :param wanted: its reference.
    :param poll_interval: seconds between looks.
    :param deadline: when to stop waiting, in seconds since 1970.
    """

    def __init__(
        self,
        paytia_conn_id: str,
        subject: str,
        wanted: Mapping[str, str | None],
        poll_interval: float,
        deadline: float,
    ) -> None:
        super().__init__(
            paytia_conn_id=paytia_conn_id,
            subject=subject,
            wanted=dict(wanted),
            poll_interval=poll_interval,
            deadline=deadline,
        )

    def hook(self) -> PaytiaHook:
        from airflow_provider_paygate.hooks.paytia import PaytiaHook

        return PaytiaHook(self.arguments["paytia_conn_id"])
