"""What a payout costs: `PaywizeHook.initiate_payout` beside a bare `requests` loop that does the same AES work.

Run: python benchmarks/payouts.py [--payouts 1000] [--rounds 5]. Both send to one sandbox in a process of its own, in
turns of 50, so that whatever else the machine does falls on both. The journal's share is measured apart: the safe face
(`PaywizePayouts.pay`) less the hook, on SQLite and, where one answers at PAYGATE_TEST_POSTGRES, on PostgreSQL.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_paygate.demo.stage import Stage

TURN = 50
LIMIT = 1.25
POSTGRES = os.environ.get("PAYGATE_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
UNPACED = {"auth": 0, "initiate": 0, "status": 0, "balance": 0}


def fields(name: str) -> dict[str, str]:
    """A payment of one rupee, so that the sandbox's wallet lasts."""
    return {
        "reference": name,
        "amount": "1.00",
        "mode": "IMPS",
        "beneficiary_name": "Asha Rao",
        "beneficiary_account": "000123456789",
        "beneficiary_ifsc": "HDFC0001234",
        "remarks": "vendor",
    }


class Bare:
    """The loop that a careful person writes by hand on `requests`: one session, one token, AES for each body."""

    def __init__(self, connection: dict[str, Any]) -> None:
        import requests
        from Crypto.Cipher import AES
        from Crypto.Util.Padding import pad, unpad

        self._aes, self._pad, self._unpad = AES, pad, unpad
        extra = connection["extra"]
        self._key, self._iv = extra["api_key"].encode(), connection["password"].encode()
        self._wallet, self._url = extra["wallet_id"], connection["host"]
        self._session = requests.Session()
        keys = {"apiKey": extra["api_key"], "secretKey": connection["password"]}
        answer = self._session.post(f"{self._url}/v1/auth/clients/token", json={"payload": self._encrypted(keys)})
        token = self._decrypted(answer.json()["data"])
        self._session.headers["Authorization"] = f"Bearer {token['token']}"

    def pay(self, name: str) -> None:
        wanted = fields(name)
        body = {
            "sender_id": wanted["reference"],
            "wallet_id": self._wallet,
            "amount": wanted["amount"],
            "payment_mode": wanted["mode"],
            "beneficiary_name": wanted["beneficiary_name"],
            "beneficiary_acc_number": wanted["beneficiary_account"],
            "beneficiary_ifsc": wanted["beneficiary_ifsc"],
            "remarks": wanted["remarks"],
        }
        answer = self._session.post(
            f"{self._url}/payout/v1/initiate", json={"payload": self._encrypted(body)}, timeout=(10, 30)
        )
        told = answer.json()
        assert told["resp_code"] == 2000, told
        assert self._decrypted(told["data"])["sender_id"] == name

    def _encrypted(self, body: dict[str, str]) -> str:
        cipher = self._aes.new(self._key, self._aes.MODE_CBC, self._iv)
        return base64.b64encode(cipher.encrypt(self._pad(json.dumps(body).encode(), 16))).decode()

    def _decrypted(self, data: str) -> dict[str, Any]:
        cipher = self._aes.new(self._key, self._aes.MODE_CBC, self._iv)
        told: dict[str, Any] = json.loads(self._unpad(cipher.decrypt(base64.b64decode(data)), 16))
        return told


def timed(pay: Callable[[str], object], count: int) -> float:
    """Seconds for `count` payments."""
    names = [uuid.uuid4().hex for _ in range(count)]
    begun = time.perf_counter()
    for name in names:
        pay(name)
    return time.perf_counter() - begun


def in_turns(ways: dict[str, Callable[[str], object]], payouts: int) -> dict[str, float]:
    """Seconds that each way took for `payouts` of them, sent in turns of 50."""
    spent = dict.fromkeys(ways, 0.0)
    order = list(ways)
    for turn in range(payouts // TURN):
        for way in order if turn % 2 else reversed(order):
            spent[way] += timed(ways[way], TURN)
    return spent


def against_bare(stage: Stage, connection: dict[str, Any], payouts: int, rounds: int) -> bool:
    """Print the ratio and what went over the wire; whether they are within their limits."""
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts import Payout

    hook = PaywizeHook()
    stage.control("counters/reset", {})
    timed(lambda name: hook.initiate_payout(Payout(**fields(name))), payouts)
    counted = stage.control("counters")
    bare = Bare(connection)
    ways: dict[str, Callable[[str], object]] = {
        "bare": bare.pay,
        "hook": lambda name: hook.initiate_payout(Payout(**fields(name))),
    }
    results = [in_turns(ways, payouts) for _ in range(rounds)]
    ratios = [spent["hook"] / spent["bare"] for spent in results]
    ratio = statistics.median(ratios)
    for way in ways:
        each = statistics.median(spent[way] for spent in results) / payouts * 1000
        print(f"{way:24}{each:7.2f} ms a payout (median of {rounds} rounds of {payouts})")
    print(
        f"{'hook / bare':24}{ratio:7.2f}    (median; {min(ratios):.2f} to {max(ratios):.2f}; at most {LIMIT})\n"
        f"{'TCP connections':24}{counted['connections']:7}    (for {payouts} payouts; one or two)\n"
        f"{'token calls':24}{counted['token_calls']:7}    (one)"
    )
    return ratio <= LIMIT and counted["connections"] <= 2 and counted["token_calls"] == 1


def journal_cost(url: str, payouts: int, rounds: int) -> float:
    """Milliseconds a payout that the safe face costs beyond the hook, with the books at `url`."""
    from airflow_provider_paygate.hooks.payouts import PaywizePayouts
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts import Payout
    from airflow_provider_paygate.payouts.entry import Who

    os.environ["AIRFLOW__PAYGATE__DATABASE"] = url
    hook = PaywizeHook()
    safe = PaywizePayouts(hook, Who())
    ways: dict[str, Callable[[str], object]] = {
        "hook": lambda name: hook.initiate_payout(Payout(**fields(name))),
        "safe": lambda name: safe.pay(Payout(**fields(name))),
    }
    in_turns(ways, TURN)  # tables, token
    results = [in_turns(ways, payouts) for _ in range(rounds)]
    return statistics.median((spent["safe"] - spent["hook"]) / payouts * 1000 for spent in results)


def postgres_schema() -> str | None:
    """The URL of an empty schema, or None where no PostgreSQL answers."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    schema = f"paygate_bench_{uuid.uuid4().hex[:8]}"
    try:
        with create_engine(POSTGRES, connect_args={"connect_timeout": 3}).begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except SQLAlchemyError:
        return None
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    return url.render_as_string(hide_password=False)


def drop_schema(url: str) -> None:
    from sqlalchemy import create_engine, text

    schema = url.rpartition("search_path%3D")[2] or url.rpartition("search_path=")[2]
    with create_engine(POSTGRES).begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payouts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paygate-bench-") as folder:
        home = Path(folder)
        with Stage(home, home / "sandbox.log") as stage:
            stage.start_sandbox("--port", "0")
            # No round outlives a token, so none pays for a renewal that another does not.
            stage.control("merchants/docs-v1", {"token_life": 3600, "wallets": {"PAYWIZE12345679": "100000000.00"}})
            connection = stage.connections()["AIRFLOW_CONN_PAYWIZE_DEFAULT"]
            connection["extra"]["rate_limits"] = UNPACED
            os.environ.update(stage.environment)
            os.environ["AIRFLOW_CONN_PAYWIZE_DEFAULT"] = json.dumps(connection)
            os.environ["AIRFLOW__PAYGATE__DATABASE"] = f"sqlite:///{home}/hook.db"
            good = against_bare(stage, connection, args.payouts, args.rounds)
            few = max(TURN, args.payouts // 5)
            cost = journal_cost(f"sqlite:///{home}/journal.db", few, args.rounds)
            print(f"{'journal, SQLite':24}{cost:7.2f} ms a payout (synchronous=FULL)")
            url = postgres_schema()
            if url is None:
                print(f"{'journal, PostgreSQL':24} not measured: none answers at PAYGATE_TEST_POSTGRES")
            else:
                try:
                    print(f"{'journal, PostgreSQL':24}{journal_cost(url, few, args.rounds):7.2f} ms a payout")
                finally:
                    drop_schema(url)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
