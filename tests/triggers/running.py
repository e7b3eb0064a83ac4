"""Run a trigger as the triggerer does: made anew from JSON, on an event loop of its own."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

from airflow.triggers.base import BaseTrigger

from airflow_provider_paygate.tokens import bearer


def fired(trigger: BaseTrigger, seconds: float = 20) -> dict[str, Any]:
    """The payload of its one event."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    bearer._held.clear()

    async def run() -> list[Any]:
        async with asyncio.timeout(seconds):
            return [event.payload async for event in again.run()]

    (payload,) = asyncio.run(run())
    told: dict[str, Any] = json.loads(json.dumps(payload))
    assert told == payload
    return told
