"""Each gateway as the suite sees it. A third one is one more class here, and its name in :data:`GATEWAYS`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from airflow_provider_paygate.sandbox.server import Sandbox

INSTRUMENT_CANARY = "000987612345"


class Gateway:
    """A gateway on the sandbox: how to connect to it, how to move money on its safe face, and what its calls are named."""

    name: ClassVar[str]
    token_calls: ClassVar[tuple[str, ...]]
    money: ClassVar[str]  # the operation that moves money, as the sandbox's faults name it
    look_up: ClassVar[str]
    reading: ClassVar[str]  # what `read` calls
    account: ClassVar[str]
    token_life: ClassVar[float]
    required: ClassVar[tuple[str, ...]]
    bad_row: ClassVar[dict[str, Any]]  # what the gateway itself refuses

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self._monkeypatch = monkeypatch

    @property
    def conn_id(self) -> str:
        return f"{self.name}_default"

    def connect(self, **changes: Any) -> Any:
        """Put the connection into AIRFLOW_CONN_…, with `changes` to it or to its extras, and give a new hook."""
        connection = self.sandbox.connection(self.account)
        connection["extra"] = {"timeout": 1, **connection["extra"]}
        for name, value in changes.items():
            (connection if name in ("host", "login", "password") else connection["extra"])[name] = value
        self._monkeypatch.setenv(f"AIRFLOW_CONN_{self.conn_id.upper()}", json.dumps(connection))
        return self.hook()

    def secrets(self) -> list[str]:
        return [secret for secret in self.hook().settings.secrets if len(secret) > 4]

    def moved(self, reference: str | None = None) -> int:
        """How often money moved, in the gateway's own books."""
        return int(self.sandbox.ledger(sender_id=reference)["totals"]["count"])

    def calls(self, *operations: str) -> int:
        counted = self.sandbox.counters()["operations"]
        return sum(int(counted.get(operation, 0)) for operation in operations)

    def hook(self) -> Any:
        raise NotImplementedError

    def read(self, hook: Any) -> Any:
        """A harmless authorised call."""
        raise NotImplementedError

    async def aread(self, hook: Any) -> Any:
        raise NotImplementedError

    def pay(self, reference: str = "REF-1", amount: Any = "12.50", **more: Any) -> dict[str, Any]:
        """Move money through the operator, and what the task returns."""
        raise NotImplementedError


class Paywize(Gateway):
    name = "paywize"
    token_calls = ("auth",)
    money, look_up, reading = "initiate", "status", "balance"
    account = "docs-v1"
    token_life = 300
    required = ("password", "api_key")
    bad_row: ClassVar[dict[str, Any]] = {"wallet_id": "NOSUCHWALLET00000"}

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(sandbox, monkeypatch)
        sandbox.merchant("docs-v1", durations={"IMPS": [0, 0]})

    def hook(self) -> Any:
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizeHook()

    def read(self, hook: Any) -> Any:
        return hook.get_balance()

    async def aread(self, hook: Any) -> Any:
        await hook.aprepare()
        return await hook.arun("balance", hook.client.balance(None))

    def pay(self, reference: str = "REF-1", amount: Any = "12.50", **more: Any) -> dict[str, Any]:
        from airflow_provider_paygate.operators.paywize import PaywizePayoutOperator

        fields = {
            "mode": "IMPS", "beneficiary_name": "Asha Rao", "beneficiary_account": INSTRUMENT_CANARY,
            "beneficiary_ifsc": "HDFC0001234", "poll_interval": 0, **more,
        }  # fmt: skip
        return PaywizePayoutOperator(task_id="t", reference=reference, amount=amount, **fields).execute({})


class Paytia(Gateway):
    name = "paytia"
    token_calls = ("authorize", "refresh")
    money, look_up, reading = "payment_service", "payments_taken", "payments_taken"
    account = "enhanced"
    token_life = 3600
    required = ("password", "api_key")
    bad_row: ClassVar[dict[str, Any]] = {"transaction_id": "pm_declined"}

    def hook(self) -> Any:
        from airflow_provider_paygate.hooks.paytia import PaytiaHook

        return PaytiaHook()

    def read(self, hook: Any) -> Any:
        return hook.run("payments_taken", hook.client.probe())

    async def aread(self, hook: Any) -> Any:
        await hook.aprepare()
        return await hook.arun("payments_taken", hook.client.probe())

    def pay(self, reference: str = "REF-1", amount: Any = "12.50", **more: Any) -> dict[str, Any]:
        from airflow_provider_paygate.operators.paytia import PaytiaChargeOperator

        fields = {"transaction_id": "pm_ok", **more}
        return PaytiaChargeOperator(task_id="t", reference=reference, amount=amount, **fields).execute({})


GATEWAYS: tuple[type[Gateway], ...] = (Paywize, Paytia)


def amount_of(told: dict[str, Any]) -> Decimal:
    return Decimal(str(told["amount"]))
