"""What Paytia says: the house envelope, its failing twin, or a plain-text reason (specs/paytia.md §3)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox.exchange import Reply, json_bytes

if TYPE_CHECKING:
    from .accounts import Account

TEXT = "text/plain; charset=utf-8"


class Refusal(Exception):
    """The gateway says no. `shape` is the one its page shows; an account may be set to another."""

    def __init__(self, status: int, message: str, shape: str = "text") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.shape = shape


@dataclass(slots=True)
class Answer:
    """`body` is JSON, or text. `outcome` is what the counters write down: the status the gateway means."""

    body: dict[str, Any] | list[Any] | str
    status: int = 200
    outcome: str = "200"

    def reply(self, account: Account | None) -> Reply:
        header = account.request_id_header if account else "X-Request-Id"
        headers = {header: os.urandom(8).hex()} if header else {}
        if isinstance(self.body, str):
            return Reply(self.status, self.body.encode(), TEXT, headers)
        return Reply(self.status, json_bytes(self.body), headers=headers)


def success(fields: dict[str, Any]) -> Answer:
    """The house envelope: `httpStatus`, the flow's own fields, and a status object (IVR page)."""
    return Answer({"httpStatus": True, **fields, "status": {"statusCode": 200, "statusDescription": "Success"}})


def refused(refusal: Refusal, account: Account | None, reference_id: object = None) -> Answer:
    shape = refusal.shape
    status = refusal.status
    if account is not None:
        shape = shape if account.error_shape == "documented" else account.error_shape
        if account.always_200:
            shape, status = "envelope", 200
    if shape == "text":
        return Answer(refusal.message, status, str(refusal.status))
    return Answer(failure(refusal.status, refusal.message, reference_id), status, str(refusal.status))


def failure(status: int, message: str, reference_id: object = None) -> dict[str, Any]:
    """The failing envelope (EXC page)."""
    echoed = {} if reference_id is None else {"reference_id": reference_id}
    return {"httpStatus": False, **echoed, "status": {"statusCode": status, "statusDescription": message}}


def missing(name: str) -> Refusal:
    return Refusal(400, f"{name} is required")


def invalid(name: str, rule: str) -> Refusal:
    return Refusal(400, f"{name} is invalid: {rule}")
