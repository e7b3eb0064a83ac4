"""What the triggers of all gateways share. They only read at the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class GatewayTrigger(BaseTrigger):
    """Waits on the event loop, with the triggerer's one shared client, and fires once."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arguments = arguments

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", dict(self.arguments)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from airflow_provider_paygate.exceptions import PaygateError
        from airflow_provider_paygate.operators.context import described

        hook = self.hook()
        try:
            await hook.aprepare()
            told = await self.waited(hook)
            yield TriggerEvent({**self.about(), "status": "timeout" if told is None else "done"})
        except PaygateError as error:
            # The message holds no secret by construction; the triggerer logs events whole.
            yield TriggerEvent({**self.about(), "status": "error", **described(error)})

    def hook(self) -> Any:
        """The gateway's hook on the trigger's connection."""
        raise NotImplementedError

    async def waited(self, hook: Any) -> Any:
        """Wait; None when the deadline came first. Unless a trigger says otherwise: for what its sensor waits for."""
        from airflow_provider_paygate.payouts.waiting import until

        read, done = hook.watched(self.arguments["subject"], self.arguments["wanted"])
        every, deadline = self.arguments["poll_interval"], self.arguments["deadline"]
        return await hook.arun("status", until(read, done, every, deadline))

    def about(self) -> dict[str, Any]:
        """What the event carries besides its status: names, never payloads."""
        return {}
