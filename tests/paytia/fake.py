"""A gateway made for these tests alone: one-time refresh tokens, faults by operation, and books of what it did.

It is written from specs/paytia.md, shares nothing with the package, and is served over real HTTP from a thread.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

API_KEY = "a" * 64
CLIENT_ID = "c" * 32
CLIENT_SECRET = "secret-of-the-client"
PATHS = {
    "/api/authorize": "authorize",
    "/api/refresh_token": "refresh",
    "/api/payment_service": "payment_service",
    "/api/payment_taken": "payments_taken",
    "/api/manage_cdr_logs": "cdr_logs",
    "/api/view_cdr_log": "cdr",
    "/api/view_api_details_cdr": "cdr_api_details",
    "/api/webhook_request_data": "webhook_log",
}
Answer = tuple[int, Any]


class Fake:
    """One merchant of one gateway. Every attribute may be set by a test."""

    def __init__(self) -> None:
        self.life = 3600.0
        self.enhanced = True
        self.authorize_needs_access = False
        self.rotation_ends_access = False
        self.zone_shift = 0.0
        self.page_cap = 100
        self.ignores: set[str] = set()
        self.access: dict[str, float] = {}
        self.refresh_token: str | None = None
        self.spent: collections.Counter[str] = collections.Counter()
        self.counts: collections.Counter[str] = collections.Counter()
        self.refused = 0
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.payments: list[dict[str, Any]] = []
        self.references: set[str] = set()
        self.cdrs: list[dict[str, Any]] = []
        self.faults: dict[str, list[Callable[[], Answer | None] | Answer | str]] = collections.defaultdict(list)
        self.lock = threading.RLock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                fake.handle(self)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: Any) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    # What tests ask for

    def new_pair(self) -> tuple[str, str]:
        """As the portal makes one: earlier tokens end."""
        with self.lock:
            self.access.clear()
            access, refresh = _token(), _token()
            self.access[access] = time.time() + self.life
            self.refresh_token = refresh
            return access, refresh

    def fail(self, operation: str, *faults: Any) -> None:
        """The next answers of an operation: ``(status, body)``, ``"lose"`` (after doing it), ``"reset"`` (before), ``"ok"``."""
        self.faults[operation].extend(faults)

    def charged(self, reference: str | None = None) -> list[dict[str, Any]]:
        """Money that moved."""
        return [row for row in self.payments if reference in (None, row["reference_number"]) and row["moved"]]

    # Serving

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        operation = PATHS.get(handler.path.split("?")[0])
        if operation is None:
            return _send(handler, 404, "<html><body>Not Found</body></html>")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        try:
            fields = _fields(headers.get("content-type", ""), body)
        except ValueError:
            return _send(handler, 400, "the body cannot be read")
        with self.lock:
            self.counts[operation] += 1
            self.seen.append((operation, headers, fields))
            fault = self.faults[operation].pop(0) if self.faults[operation] else "ok"
            if fault == "reset":
                return _reset(handler)
            if fault not in ("ok", "lose") and not callable(fault):
                return _send(handler, *fault)
            status, answer = self.answer(operation, headers, fields)
            if callable(fault):
                status, answer = fault() or (status, answer)
        if fault == "lose":
            return _reset(handler)
        return _send(handler, status, answer)

    def answer(self, operation: str, headers: dict[str, str], fields: dict[str, Any]) -> Answer:
        if operation in ("authorize", "refresh"):
            return self.issue(operation, headers, fields)
        if not self.allowed(headers):
            self.refused += 1
            return 401, "Unauthorized"
        if operation == "payment_service":
            return self.pay(fields, headers)
        if operation in ("payments_taken", "cdr_logs"):
            return self.page(self.payments if operation == "payments_taken" else self.cdrs, fields)
        found = [row for row in self.cdrs if row.get("cdr_id") == fields.get("cdr_id")]
        return (200, {**_OK, "data": found[0]}) if found else (400, _no("no such call"))

    def allowed(self, headers: dict[str, str]) -> bool:
        if not self.enhanced:
            return headers.get("x-api-key") == API_KEY
        return self.access.get(headers.get("access-token", ""), 0) > time.time()

    def issue(self, operation: str, headers: dict[str, str], fields: dict[str, Any]) -> Answer:
        if headers.get("x-api-key") != API_KEY:
            return 401, "Unauthorized"
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, _no("Invalid client", 401)
        if operation == "refresh":
            token = str(fields.get("refresh_token"))
            self.spent[token] += 1
            if token != self.refresh_token:
                return 401, _no("Invalid refresh token", 401)
        elif self.authorize_needs_access and not self.allowed(headers):
            return 401, _no("ACCESS-TOKEN is missing or expired", 401)
        now = time.time()
        if self.rotation_ends_access:
            self.access.clear()
        access, self.refresh_token = _token(), _token()
        self.access[access] = now + self.life
        shown = datetime.fromtimestamp(now + self.life + self.zone_shift, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return 200, {**_OK, "access_token": access, "refresh_token": self.refresh_token, "expire_time": shown}

    def pay(self, fields: dict[str, Any], headers: dict[str, str]) -> Answer:
        if not headers.get("content-type", "").startswith("multipart/form-data"):
            return 400, "multipart/form-data is required"
        number = str(fields.get("reference_number", ""))
        if number and number in self.references:
            return 208, _no("Duplicate reference", 208)
        money = fields.get("type") in ("store_payment", "reserve_settle") or fields.get("transaction_flag") == "9"
        if "amount" in fields and Decimal(fields["amount"]).as_tuple().exponent != -2:
            return 400, "amount must have two decimals"
        if number:
            self.references.add(number)
        if money:
            self.payments.append(
                {
                    "id": str(1000 + len(self.payments)),
                    "transaction_id": f"txn_{len(self.payments)}",
                    "reference_number": number,
                    "amount": fields["amount"],
                    "currency": fields.get("currency", "GBP"),
                    "status": "completed",
                    "moved": True,
                    "created_at": datetime.now(UTC).isoformat(),
                }
            )
            return 200, {**_OK, "transaction_id": self.payments[-1]["transaction_id"], "reference_number": number}
        if fields.get("transaction_flag") in ("4", "8"):
            return 200, {
                **_OK,
                "reference_id": fields.get("reference_id"),
                "linktopay_url": f"https://pay.example/{number}",
            }
        return 200, dict(_OK)

    def page(self, rows: list[dict[str, Any]], fields: dict[str, Any]) -> Answer:
        fields = {name: value for name, value in fields.items() if name not in self.ignores}
        wanted = [row for row in rows if fields.get("search") in (None, "", row.get("reference_number"))]
        limit = min(int(fields.get("limit", 100)), self.page_cap)
        page = int(fields.get("page", 1))
        return 200, {**_OK, "data": wanted[(page - 1) * limit : page * limit]}


_OK = {"httpStatus": True, "status": {"statusCode": 200, "statusDescription": "Success"}}


def _no(why: str, code: int = 400) -> dict[str, Any]:
    return {"httpStatus": False, "reference_id": "r", "status": {"statusCode": code, "statusDescription": why}}


def _token() -> str:
    """44 characters of base64 with a ``+`` in it, as a real one may have."""
    return base64.b64encode(b"\xfb\xef\xbe" + secrets.token_bytes(29)).decode()


def _fields(kind: str, body: bytes) -> dict[str, Any]:
    if kind.startswith("multipart/form-data"):
        message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        parts: Any = message.get_payload()
        return {part.get_param("name", header="content-disposition"): part.get_payload() for part in parts}
    if kind.startswith("application/json"):
        return dict(json.loads(body))
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _send(handler: BaseHTTPRequestHandler, status: int, answer: Any) -> None:
    raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("content-type", "text/plain" if isinstance(answer, str) else "application/json")
    handler.send_header("content-length", str(len(raw)))
    handler.send_header("x-request-id", "req-123")
    handler.end_headers()
    handler.wfile.write(raw)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running() -> Iterator[Fake]:
    fake = Fake()
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        fake.server.server_close()
        thread.join()
