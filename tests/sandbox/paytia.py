"""A Paytia customer's side of the wire for these tests: as small as a client can be, and none of the package's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from airflow_provider_paygate.sandbox.server import Sandbox


class Client:
    """Talks as the named account, with the pair of its connection until `authorize` or `refresh` brings another."""

    def __init__(self, sandbox: Sandbox, name: str = "key-only") -> None:
        self.name = name
        connection = sandbox.connection(name)
        extra = connection["extra"]
        self.api_key: str | None = extra["api_key"]
        self.access_token: str | None = extra.get("access_token")
        self.refresh_token: str = extra.get("refresh_token", "")
        self.credentials = {"client_id": connection.get("login", ""), "client_secret": connection.get("password", "")}
        # No TLS is spoken here, and loading the certificates would cost more than most of these tests.
        self.http = httpx.Client(base_url=sandbox.paytia_url, timeout=5, trust_env=False, verify=False)

    def headers(self) -> dict[str, str]:
        both = {"X-API-KEY": self.api_key, "ACCESS-TOKEN": self.access_token}
        return {name: value for name, value in both.items() if value is not None}

    def authorize(self, encoding: str = "form", **more: str) -> httpx.Response:
        return self._token_call("/api/authorize", {**self.credentials, **more}, encoding)

    def refresh(self, token: str | None = None, encoding: str = "form") -> httpx.Response:
        fields = {**self.credentials, "refresh_token": token or self.refresh_token}
        return self._token_call("/api/refresh_token", fields, encoding)

    def service(self, **fields: str) -> httpx.Response:
        parts = {name: (None, value) for name, value in fields.items()}
        return self.http.post("/api/payment_service", files=parts, headers=self.headers())

    def link(self, reference: str, **fields: str) -> httpx.Response:
        usual = {"reference_id": reference, "reference_number": reference, "amount": "10.00", "transaction_flag": "4"}
        return self.service(**{**usual, **fields})

    def charge(self, reference: str, **fields: str) -> httpx.Response:
        usual = {"type": "store_payment", "transaction_id": "pm_ok", "amount": "10.00", "reference_number": reference}
        return self.service(**{**usual, **fields})

    def payout(self, reference: str, **fields: str) -> httpx.Response:
        usual = {"reference_id": reference, "reference_number": reference, "amount": "10.00", "transaction_flag": "9"}
        return self.service(**{**usual, "product": "bank", "bank_token": "bank_ok", **fields})

    def report(self, path: str = "payment_taken", **asked: Any) -> httpx.Response:
        return self.http.post(f"/api/{path}", json=asked, headers=self.headers())

    def rows(self, **asked: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.report(**asked).json()["data"]
        return rows

    def _token_call(self, path: str, fields: dict[str, str], encoding: str) -> httpx.Response:
        headers = self.headers()
        match encoding:
            case "form":
                response = self.http.post(path, data=fields, headers=headers)
            case "multipart":
                parts = {name: (None, value) for name, value in fields.items()}
                response = self.http.post(path, files=parts, headers=headers)
            case "untyped":
                request = self.http.build_request("POST", path, json=fields, headers=headers)
                del request.headers["content-type"]
                response = self.http.send(request)
            case "curl":  # --data-raw '{…}': JSON that says it is a form
                said = {**headers, "content-type": "application/x-www-form-urlencoded"}
                response = self.http.post(
                    path, content=httpx.Request("POST", "http://x", json=fields).content, headers=said
                )
            case _:
                response = self.http.post(path, json=fields, headers=headers)
        if response.status_code == 200 and response.json()["httpStatus"]:
            self.access_token, self.refresh_token = response.json()["access_token"], response.json()["refresh_token"]
        return response
