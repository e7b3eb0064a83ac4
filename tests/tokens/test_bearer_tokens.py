"""One token call per token life, for however many threads, processes and machines share an account."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_paygate import exceptions as errors
from airflow_provider_paygate.database import database
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind, Task
from airflow_provider_paygate.hooks.paywize import PaywizeHook
from airflow_provider_paygate.sandbox.server import Sandbox
from airflow_provider_paygate.tokens import bearer
from airflow_provider_paygate.tokens.bearer import BearerTokens, leeway_of
from airflow_provider_paygate.tokens.keys import Seal, derived_key, key_id_of
from airflow_provider_paygate.tokens.store import TokenStore
from airflow_provider_paygate.transport import blocking
from airflow_provider_paygate.transport.blocking import Timeouts
from tests.conftest import calls
from tests.processes import Child, at_once, die

KEY = "row"


class Account:
    """An account whose gateway is a counter: `minted` tokens so far, each living `life` seconds."""

    def __init__(self, life: int = 300, secret: str = "secret", call_seconds: float = 1) -> None:
        self.life = life
        self.minted = 0
        self.fails: Exception | None = None
        self.slow = 0.0
        self.wait = 0.0
        self.registered: list[str] = []
        self._counting = threading.Lock()
        self.tokens = BearerTokens(
            TokenStore(database()), KEY, Seal(derived_key(secret, "token", KEY), KEY), self._mint, call_seconds,
            lambda: self.wait, self.registered.append,
        )  # fmt: skip

    def _mint(self, not_after: float) -> Flow[Any]:
        assert not_after > time.monotonic()
        with self._counting:
            self.minted += 1
            number = self.minted
        yield Task(lambda: time.sleep(self.slow))
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(value=f"token-{number}", life=self.life)

    def current(self) -> str:
        return blocking.run(self.tokens.current(), Timeouts(1, 1))

    def instead_of(self, refused: str) -> str:
        return blocking.run(self.tokens.instead_of(refused), Timeouts(1, 1))


def test_a_call_waits_its_turn_and_holds_on_to_the_lease_meanwhile() -> None:
    account = Account(call_seconds=1)
    account.wait = 0.3
    begun = time.monotonic()
    assert account.current() == "token-1"
    assert time.monotonic() - begun >= 0.3
    assert account.minted == 1


def later(seconds: float) -> None:
    """Let the database's clock, and that of this process, seem to have moved on."""
    sql("UPDATE paygate_tokens SET expires_at = expires_at - :by, asked_at = asked_at - :by, "
        "lease_until = lease_until - :by, not_before = not_before - :by", by=seconds)  # fmt: skip
    for held in bearer._held.values():
        held.until -= seconds


def sql(statement: str, **values: Any) -> Any:
    from sqlalchemy import text

    with database().begin() as connection:
        told = connection.execute(text(statement), values)
        return told.fetchall() if told.returns_rows else None


def test_one_call_serves_until_it_is_due(any_books: str) -> None:
    account = Account()
    assert {account.current() for _ in range(5)} == {"token-1"}
    assert Account().current() == "token-1"
    later(269)
    bearer._held.clear()
    assert account.current() == "token-1"
    assert account.minted == 1


@pytest.mark.parametrize(("life", "due"), [(300, 270), (100, 90), (3600, 3570), (10, 9)])
def test_it_is_renewed_ahead_of_its_end(life: int, due: int) -> None:
    account = Account(life)
    account.current()
    later(due - 0.9)
    bearer._held.clear()
    assert account.current() == "token-1"
    later(1)
    bearer._held.clear()
    assert account.current() == "token-2"
    assert life - leeway_of(life) == due


def test_this_process_forgets_it_in_time_too() -> None:
    account = Account()
    account.current()
    for held in bearer._held.values():
        assert 269 < held.until - time.monotonic() <= 270


@pytest.mark.parametrize("skew", [-120, 120])
def test_a_workers_clock_that_is_wrong_changes_nothing(monkeypatch: pytest.MonkeyPatch, skew: float) -> None:
    """Expiry is judged by the database's clock alone, and counted from before the token was asked for."""
    account = Account()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + skew)
    account.current()
    ((expires, now),) = sql("SELECT expires_at, (julianday('now') - 2440587.5) * 86400.0 FROM paygate_tokens")
    assert 298 < expires - now <= 300
    bearer._held.clear()
    assert account.current() == "token-1"


def test_threads_make_one_call_between_them(any_books: str) -> None:
    account = Account()
    account.slow = 0.15
    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(lambda _: account.current(), range(24))) == {"token-1"}
    assert account.minted == 1


def test_threads_that_were_all_refused_make_one_call_between_them(any_books: str) -> None:
    account = Account()
    refused = account.current()
    account.slow = 0.1
    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(lambda _: account.instead_of(refused), range(24))) == {"token-2"}
    assert account.minted == 2


def test_processes_make_one_call_between_them(sandbox: Sandbox, connect: Any, any_books: str) -> None:
    connect()
    sandbox.fault("auth", "slow", seconds=0.3, times=None)
    told = at_once([lambda: str(PaywizeHook().get_balance().available)] * 6)
    assert set(told) == {"100000000.00"}
    assert calls(sandbox, "auth") == 1


def test_after_the_token_died_processes_make_one_call_between_them(
    sandbox: Sandbox, connect: Any, any_books: str
) -> None:
    connect()
    PaywizeHook().get_balance()
    sandbox.advance(301)  # at the gateway only: everybody still believes in the stored one
    sandbox.reset_counters()
    sandbox.fault("auth", "slow", seconds=0.3, times=None)
    told = at_once([lambda: str(PaywizeHook().get_balance().available)] * 5)
    assert set(told) == {"100000000.00"}
    assert calls(sandbox, "auth") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_renewer_that_is_killed_gives_way_when_its_lease_ends(
    sandbox: Sandbox, connect: Any, any_books: str, when: str
) -> None:
    connect(timeout=0.5)

    def act() -> None:
        if when == "before":
            TokenStore.lease = _then_die(TokenStore.lease)  # type: ignore[method-assign]
        else:
            TokenStore.save = lambda *_: die()  # type: ignore[method-assign,assign,return-value]
        PaywizeHook().get_balance()

    assert Child(act).result() == "killed"
    ((owner, until, now),) = sql(f"SELECT lease_owner, lease_until, {_now(any_books)} FROM paygate_tokens")
    assert owner
    # It outlives the call it covers: to connect, to wait, and to read, each with its own time-out.
    assert until - now > 0.5 + 2 * 0.5
    waiting = threading.Thread(target=lambda: (time.sleep(0.2), later(60)))
    waiting.start()
    begun = time.monotonic()
    assert PaywizeHook().get_balance()
    assert time.monotonic() - begun > 0.15
    waiting.join()
    assert calls(sandbox, "auth") == (1 if when == "before" else 2)


def _then_die(original: Callable[..., Any]) -> Callable[..., Any]:
    def lease(*args: Any) -> Any:
        if original(*args) is not None:
            die()

    return lease


def _now(books: str) -> str:
    return (
        "(julianday('now') - 2440587.5) * 86400.0"
        if books == "sqlite"
        else "extract(epoch from clock_timestamp())::float"
    )


def test_whoever_lost_its_lease_stores_nothing() -> None:
    store = TokenStore(database())
    first = store.lease(KEY, store.read(KEY), 5)
    assert first is not None
    assert store.lease(KEY, store.read(KEY), 5) is None
    later(6)
    second = store.lease(KEY, store.read(KEY), 5)
    assert second is not None
    assert store.save(first, "late", 1e12) is False
    assert store.save(second, "good", 1e12) is True
    assert store.read(KEY).ciphertext == "good"
    store.release(first)
    store.release(second)
    assert store.read(KEY).ciphertext == "good"


def test_while_the_old_token_lives_nobody_waits_for_the_new_one() -> None:
    account = Account()
    account.current()
    later(280)
    store = TokenStore(database())
    assert store.lease(KEY, store.read(KEY), 100)
    bearer._held.clear()
    begun = time.monotonic()
    assert account.current() == "token-1"
    assert time.monotonic() - begun < 1
    assert account.minted == 1


def test_a_renewal_that_fails_is_no_failure_while_the_old_token_lives() -> None:
    account = Account()
    account.current()
    later(280)
    bearer._held.clear()
    account.fails = Fault(Kind.NOT_SENT, "down")
    assert account.current() == "token-1"
    later(30)
    bearer._held.clear()
    with pytest.raises(Fault, match="down"):
        account.current()
    account.fails = None
    later(100)
    assert account.current().startswith("token-")


def test_a_call_that_fails_gives_the_lease_back() -> None:
    account = Account()
    account.fails = Fault(Kind.NOT_SENT, "down")
    for _ in range(3):
        with pytest.raises(Fault, match="down"):
            account.current()
    account.fails = None
    begun = time.monotonic()
    assert account.current() == "token-4"
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("damage", [
    "UPDATE paygate_tokens SET ciphertext = 'AAAA'", "UPDATE paygate_tokens SET ciphertext = ''",
    "UPDATE paygate_tokens SET ciphertext = NULL", "UPDATE paygate_tokens SET ciphertext = 'not base64 ✗'",
    "UPDATE paygate_tokens SET expires_at = NULL", "UPDATE paygate_tokens SET asked_at = NULL",
    "DELETE FROM paygate_tokens",
])  # fmt: skip
def test_a_stored_token_that_cannot_be_read_is_no_token(damage: str) -> None:
    account = Account()
    account.current()
    sql(damage)
    bearer._held.clear()
    assert account.current() == "token-2"


def test_a_token_of_another_secret_or_another_row_is_no_token() -> None:
    Account(secret="one").current()
    bearer._held.clear()
    other = Account(secret="two")
    assert other.current() == "token-1"
    assert other.minted == 1
    sealed = Seal(derived_key("s", "p", "a"), "row a").close("text")
    assert Seal(derived_key("s", "p", "a"), "row a").open(sealed) == "text"
    for seal in (Seal(derived_key("s", "p", "a"), "row b"), Seal(derived_key("s", "q", "a"), "row a")):
        assert seal.open(sealed) is None


def test_the_database_holds_no_token_and_no_key() -> None:
    account = Account(secret="a secret worth keeping")
    token = account.current()
    (row,) = sql("SELECT * FROM paygate_tokens")
    assert token not in str(row)
    assert "secret worth" not in str(row)
    assert "secret worth" not in key_id_of(derived_key("a secret worth keeping", "p", "s"))


def test_every_token_is_known_to_the_masker_before_it_is_used() -> None:
    account = Account()
    first = account.current()
    assert account.registered == [first]
    second = account.instead_of(first)
    assert account.registered == [first, second]
    bearer._held.clear()
    other = Account()
    assert other.registered == []
    assert other.current() in other.registered


def test_a_refused_token_is_replaced_by_the_stored_one_when_that_is_another() -> None:
    account = Account()
    old = account.current()
    new = account.instead_of(old)
    assert (old, new, account.minted) == ("token-1", "token-2", 2)
    assert account.instead_of(old) == "token-2"
    assert account.minted == 2


@pytest.mark.parametrize("signal", [401, 200])
@pytest.mark.parametrize("product", ["payout", "collection"])
def test_all_three_signals_renew_once(sandbox: Sandbox, connect: Any, signal: int, product: str) -> None:
    """HTTP 401, code 4001 of payouts, code 4008 of collections."""
    sandbox.merchant("docs-v1", expired_status=signal)
    connect()
    hook = PaywizeHook()
    hook.get_balance()
    sandbox.advance(301)
    sandbox.reset_counters()
    with pytest.raises(errors.NotFound):
        hook.get_payout(reference="x") if product == "payout" else hook.get_collection(reference="x")
    assert (calls(sandbox, "auth"), sandbox.counters()["total"]) == (1, 3)


def test_a_token_belongs_to_host_and_client_not_to_a_connection(sandbox: Sandbox, connect: Any) -> None:
    connect()
    connect(conn_id="second")
    connect(conn_id="third", host=sandbox.paywize_url + "/")
    for conn_id in ("paywize_default", "second", "third"):
        bearer._held.clear()
        PaywizeHook(conn_id).get_balance()
    assert calls(sandbox, "auth") == 1
    connect("v2", conn_id="other")
    PaywizeHook("other").get_balance()
    assert calls(sandbox, "auth") == 2


@pytest.mark.parametrize("life", [1, 2, 5])
def test_short_lives_work_too(sandbox: Sandbox, connect: Any, life: int) -> None:
    sandbox.merchant("docs-v1", token_life=life)
    connect()
    for _ in range(3):
        assert PaywizeHook().get_balance()
        sandbox.advance(life + 0.1)
    assert calls(sandbox, "auth") == 3
