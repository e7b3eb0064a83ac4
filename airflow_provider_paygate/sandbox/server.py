"""Run the sandbox: in a thread for a test (`with running() as sandbox:`), or in the foreground for the command."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn

from . import app, lines
from .control import Controls
from .state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")


@contextlib.contextmanager
def running(port: int = 0, state: str | Path | None = None) -> Iterator[Sandbox]:
    """A sandbox on 127.0.0.1 in a thread of its own; `state` is a state file. Port 0 takes any free port."""
    sandbox = Sandbox("127.0.0.1", port, state)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


class Sandbox:
    """A server and its control plane in Python. Every method that touches the state runs on the server's own thread."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, state: str | Path | None = None) -> None:
        self.state = State(state)
        try:
            self._listening = _listen(host, port)
        except OSError:
            self.state.close()
            raise
        bound = self._listening.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        self.paywize_url = f"{self.url}/paywize"
        self.paytia_url = f"{self.url}/paytia"
        self._controls = Controls(self.state)
        self._server = _Server(self.state)
        self._ready: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._thread: threading.Thread | None = None

    # -- running --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run_in_thread, name="paygate-sandbox", daemon=True)
        self._thread.start()
        self._ready.result(timeout=30)

    def stop(self) -> None:
        """Close every connection, hanging ones too, and end the thread."""
        if self._thread is not None:
            self._on_loop(self._end)
            self._thread.join(timeout=10)
            self._thread = None
        self._listening.close()
        self.state.close()

    def serve(self) -> None:
        """In the foreground until SIGINT or SIGTERM."""
        asyncio.run(self._serve(catch_signals=True))
        self.stop()

    def _run_in_thread(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            if not self._ready.done():
                self._ready.set_exception(failure)
            raise

    async def _serve(self, catch_signals: bool = False) -> None:
        loop = asyncio.get_running_loop()
        if catch_signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._end)
        self._server.on_ready = lambda: self._ready.set_result(loop)
        webhooks = asyncio.create_task(self.state.shared.postman.run())
        try:
            await self._server.serve(sockets=[self._listening])
        finally:
            webhooks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await webhooks

    def _end(self) -> None:
        self._server.should_exit = True
        self.state.connections.close_all()

    def _on_loop(self, act: Callable[[], T]) -> T:
        async def there() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(there(), self._ready.result()).result(timeout=30)

    # -- control plane --------------------------------------------------------------------------------------------

    def connection(self, name: str = "docs-v1") -> dict[str, Any]:
        """The Airflow connection of a Paywize merchant or a Paytia account, as a dict for `AIRFLOW_CONN_…` in JSON."""
        return self._on_loop(lambda: lines.connection(self.state, name, self.url))

    def connection_lines(self, url: str | None = None) -> list[str]:
        """`export AIRFLOW_CONN_…='…'`, one line per merchant and account; `url` where another address leads here."""
        return lines.export_lines(self.state, url or self.url)

    def reset(self) -> None:
        self._on_loop(self._controls.reset)

    def now(self) -> float:
        return self.state.shared.clock.now()

    def clock(self, **wanted: Any) -> dict[str, Any]:
        """`advance=` seconds, `freeze=` true or false, `to=` a moment in ISO 8601."""
        return self._on_loop(lambda: self._controls.clock(wanted))

    def advance(self, seconds: float) -> None:
        self.clock(advance=seconds)

    def freeze(self, frozen: bool = True) -> None:
        self.clock(freeze=frozen)

    def merchant(self, name: str, **settings: Any) -> dict[str, Any]:
        """Alter or add a merchant; without settings, read one. Amounts are decimal text."""
        return self._on_loop(lambda: self._controls.merchant(name, settings or None))

    def fault(self, operation: str, fault: str, **more: Any) -> None:
        """`times`, `after`, `match`, `executes`, `seconds` and so on, as docs/sandbox.md lists them."""
        self._on_loop(lambda: self._controls.fault({"operation": operation, "fault": fault, **more}))

    def clear_faults(self) -> None:
        self._on_loop(self._controls.clear_faults)

    def ledger(self, merchant: str | None = None, sender_id: str | None = None) -> dict[str, Any]:
        return self._on_loop(lambda: self._controls.ledger(merchant, sender_id))

    def counters(self) -> dict[str, Any]:
        return self._on_loop(self._controls.counters)

    def reset_counters(self) -> None:
        self._on_loop(self._controls.reset_counters)

    def payouts(self, merchant: str | None = None) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self._on_loop(lambda: self._controls.payouts(merchant))["payouts"]
        return shown

    def move(self, status: str, utr: str | None = None, **which: str) -> None:
        """Bring a payout or collection, by `transaction_id` or by `merchant` and `sender_id`, into a state now."""
        self._on_loop(lambda: self._controls.move({"status": status, "utr": utr, **which}))

    def account(self, name: str, **settings: Any) -> dict[str, Any]:
        """Alter or add a Paytia account; without settings, read one."""
        return self._on_loop(lambda: self._controls.paytia.account(name, settings or None))

    def generate_tokens(self, name: str) -> dict[str, Any]:
        """What the portal's *Generate Tokens* does; gives the account's new connection."""
        self._on_loop(lambda: self._controls.paytia.generate_tokens(name))
        return self.connection(name)

    def payments(self, account: str | None = None) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self._on_loop(lambda: self._controls.paytia.payments(account))["payments"]
        return shown

    def move_payment(self, status: str, account: str = "key-only", **named: str) -> None:
        """Bring a Paytia payment, by `reference_number`, `reference_id` or `transaction_id`, into a state now."""
        self._on_loop(lambda: self._controls.paytia.move({"status": status, "account": account, **named}))

    def seed_payments(self, account: str, count: int, **more: Any) -> None:
        """Report rows in any number, at once; `start`, `apart`, `prefix`."""
        self._on_loop(lambda: self._controls.paytia.seed({"account": account, "count": count, **more}))

    def telephone(self, account: str, **wanted: Any) -> int:
        """Post the webhooks of a telephone call: `reference_id`, `kind`, `ending`, `url`. Gives how many."""
        return int(self._on_loop(lambda: self._controls.paytia.telephone({"account": account, **wanted}))["posted"])

    def replay_webhooks(self, reference: str) -> int:
        return int(self._on_loop(lambda: self._controls.replay_webhooks({"reference": reference}))["posted"])

    def webhooks(self) -> list[dict[str, Any]]:
        """Deliveries and their attempts, after all that is due by now has been tried."""
        settled = asyncio.run_coroutine_threadsafe(self._controls.settle_webhooks(), self._ready.result())
        deliveries: list[dict[str, Any]] = settled.result(timeout=60)["deliveries"]
        return deliveries


class _Server(uvicorn.Server):
    """uvicorn without its log lines, its signals, and its waiting for clients that hang on a fault."""

    def __init__(self, state: State) -> None:
        self.on_ready: Callable[[], None] = lambda: None
        super().__init__(
            uvicorn.Config(
                app.build(state),
                http=state.connections.protocol(),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    # Only a socket that says it is TCP gets TCP_NODELAY from asyncio; without it each answer waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
