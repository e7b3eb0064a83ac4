"""A merchant's side of the wire for these tests: as small as a client can be, and none of the package's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from airflow_provider_paygate.sandbox.paywize.cipher import V1, V2

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox

PATHS = {
    "docs": {
        "auth": "/v1/auth/clients/token",
        "initiate": "/payout/v1/initiate",
        "status": "/payout/v1/status",
        "balance": "/payout/v1/balance",
        "collection_initiate": "/collection/v1/initiate/",
        "collection_status": "/collection/v1/status",
    },
    "docs-api": {
        "auth": "/api/v1/auth/clients/token",
        "initiate": "/api/payout/v1/initiate",
        "status": "/api/payout/v1/status",
        "balance": "/api/payout/v1/balance",
    },
    "live": {
        "auth": "/api/v1/auth/clients/token",
        "initiate": "/api/v1/payout/request-payout",
        "status": "/api/v1/payout/get-status",
        "balance": "/api/v1/payout/check-balance",
    },
}


@dataclass
class Heard:
    status: int
    body: Any
    data: Any = None

    @property
    def code(self) -> int | None:
        return self.body.get("resp_code", self.body.get("respCode"))

    @property
    def message(self) -> str | None:
        return self.body.get("resp_message", self.body.get("respMessage"))


class Merchant:
    """Talks as the named merchant. `token` is fetched on first need and kept until `forget`."""

    def __init__(self, sandbox: Sandbox, name: str = "docs-v1", family: str | None = None) -> None:
        connection = sandbox.connection(name)
        self.keys = connection["extra"]
        self.secret = connection["password"]
        self.paths = PATHS[family or self.keys["path_profile"]]
        self.cipher = V1(self.keys["api_key"], self.secret) if self.keys["encryption"] == "v1" else V2(self.secret)
        # No TLS is spoken here, and loading the certificates would cost more than most of these tests.
        self.http = httpx.Client(base_url=sandbox.paywize_url, timeout=5, trust_env=False, verify=False)
        self._token: str | None = None

    def sealed(self, fields: Any) -> dict[str, str]:
        return {"payload": self.cipher.encrypt(fields if isinstance(fields, str) else json.dumps(fields))}

    def ask_token(self, style: str | None = None, api_key: str | None = None, secret: str | None = None) -> Heard:
        api_key, secret = api_key or self.keys["api_key"], secret or self.secret
        match style or self.keys["auth_style"]:
            case "encrypted":
                body = self.sealed({"apiKey": api_key, "secretKey": secret})
            case "plain-camel":
                body = {"apiKey": api_key, "secretKey": secret}
            case _:
                body = {"api_key": api_key, "secret_key": secret}
        heard = self.read(self.http.post(self.paths["auth"], json=body))
        if isinstance(heard.data, dict):
            heard.data = heard.data["token"]
        return heard

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = self.ask_token().data
        return self._token

    def forget(self) -> None:
        self._token = None

    def post(self, path: str, fields: Any) -> Heard:
        return self.read(self.http.post(path, json=self.sealed(fields), headers=self.bearer()))

    def get(self, path: str, **query: str) -> Heard:
        return self.read(self.http.get(path, params=query, headers=self.bearer()))

    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def pay(self, sender_id: str, **fields: Any) -> Heard:
        return self.post(self.paths["initiate"], payout(sender_id, **fields))

    def status(self, sender_id: str) -> Heard:
        return self.get(self.paths["status"], sender_id=sender_id)

    def state(self, sender_id: str) -> str:
        return str(self.status(sender_id).data["status"])

    def balance(self, wallet_id: str = "PAYWIZE12345679") -> str:
        return str(self.get(self.paths["balance"], wallet_id=wallet_id).data["available_balance"])

    def collect(self, sender_id: str, **fields: Any) -> Heard:
        return self.post(self.paths["collection_initiate"], collection(sender_id, **fields))

    def collection(self, sender_id: str) -> Heard:
        return self.get(self.paths["collection_status"], senderId=sender_id)

    def read(self, response: httpx.Response) -> Heard:
        body = response.json()
        data = body.get("data")
        if isinstance(data, str):
            data = self.cipher.decrypt(data)
            data = json.loads(data) if data.startswith("{") else data
        return Heard(response.status_code, body, data)


def payout(sender_id: str, **fields: Any) -> dict[str, Any]:
    """A payout that is accepted; a field given as None is left out."""
    asked = {
        "sender_id": sender_id,
        "wallet_id": "PAYWIZE12345679",
        "amount": "1000.00",
        "payment_mode": "IMPS",
        "beneficiary_name": "Asha Rao",
        "beneficiary_ifsc": "HDFC0001234",
        "beneficiary_acc_number": "000123456789",
        "remarks": "vendor",
        **fields,
    }
    return {name: value for name, value in asked.items() if value is not None}


def collection(sender_id: str, **fields: Any) -> dict[str, Any]:
    asked = {
        "senderId": sender_id,
        "txnType": "INTENT",
        "vpa": "merchant@paywize",
        "channel": "FINO",
        "requestAmount": "100.50",
        "callbackUrl": "https://example.com/webhook",
        **fields,
    }
    return {name: value for name, value in asked.items() if value is not None}
