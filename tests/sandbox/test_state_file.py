"""With a state file a sandbox that was stopped, or killed, goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx

from airflow_provider_paygate.sandbox.server import running
from tests.sandbox.merchant import Merchant

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Receiver


def test_books_tokens_settings_and_the_clock_survive(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    with running(state=file) as sandbox:
        sandbox.merchant("mine", encryption="v2", wallets={"W1": "500.00"}, auth_styles=["plain-camel"])
        sandbox.advance(1000)
        before = Merchant(sandbox)
        before.pay("INV-1")
        before.pay("INV-2", remarks="FAIL")
        before.collect("C-1")
        Merchant(sandbox, "mine").pay("INV-1", wallet_id="W1", amount="200.00")
        sandbox.advance(30)
        assert before.balance() == "99999000.00"
        sandbox.freeze()
        token, now, ledger = before.token, sandbox.now(), sandbox.ledger()
    with running(state=file) as sandbox:
        assert sandbox.now() == now
        assert sandbox.ledger() == ledger
        after = Merchant(sandbox)
        after._token = token
        assert (after.state("INV-1"), after.state("INV-2")) == ("SUCCESS", "REFUNDED")
        assert after.balance() == "99999000.00"
        assert after.pay("INV-1").code == 4002
        assert after.collection("C-1").data["status"] == "SUCCESS"
        assert after.collect("C-1").code == 4012
        mine = Merchant(sandbox, "mine")
        assert mine.balance("W1") == "300.00"
        assert after.pay("INV-3").data["transaction_id"] not in {line["transaction_id"] for line in ledger["lines"]}
        sandbox.reset()
    with running(state=file) as sandbox:
        assert (sandbox.ledger()["lines"], Merchant(sandbox).balance()) == ([], "100000000.00")


def test_a_webhook_that_was_due_meanwhile_is_posted_once(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "sandbox.db"
    with running(state=file) as sandbox:
        sandbox.freeze()
        Merchant(sandbox).pay("INV-1", callback_url=receiver.url)
        sandbox.advance(1)
        assert [delivery["event"] for delivery in sandbox.webhooks()] == ["PROCESSING"]
    with running(state=file) as sandbox:
        sandbox.advance(10)
        assert [delivery["event"] for delivery in sandbox.webhooks()] == ["SUCCESS"]
    assert len(receiver.arrived) == 2


def test_a_killed_sandbox_still_refuses_what_it_executed(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    script = (
        "import sys; from airflow_provider_paygate.sandbox.server import Sandbox;"
        f"s = Sandbox(state={str(file)!r}); print(s.url, flush=True); s.serve()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    connections = httpx.get(f"{url}/_sandbox/connections").json()
    client = Merchant(_Elsewhere(url, connections["AIRFLOW_CONN_PAYWIZE_DEFAULT"]))  # type: ignore[arg-type]
    assert client.pay("INV-1").code == 2000
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with running(state=file) as sandbox:
        assert sandbox.ledger()["totals"] == {
            "count": 1,
            "amount": "1000.00",
            "sender_ids": 1,
            "refunded": "0.00",
        }
        assert Merchant(sandbox).pay("INV-1").code == 4002
        assert Merchant(sandbox).balance() == "99999000.00"


class _Elsewhere:
    """A sandbox in another process, as far as the test client needs it."""

    def __init__(self, url: str, connection: dict[str, object]) -> None:
        self.paywize_url = f"{url}/paywize"
        self._connection = connection

    def connection(self, _name: str) -> dict[str, object]:
        return self._connection
