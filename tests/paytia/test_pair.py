"""The rotating pair: what is sent, in which order, and what survives each lost answer, death and paste."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import Any

import pytest
from sqlalchemy import text

from airflow_provider_paygate.exceptions import AuthenticationFailed, NotSent, TokenLost
from airflow_provider_paygate.hooks.pairs import PORTAL
from airflow_provider_paygate.hooks.paytia import PaytiaHook
from airflow_provider_paygate.tokens import pair
from airflow_provider_paygate.tokens.store import TokenStore
from tests.conftest import forget_process
from tests.paytia.conftest import Connect
from tests.paytia.fake import CLIENT_ID, Fake


@pytest.fixture(autouse=True)
def new_process(any_books: str) -> None:
    forget_pair()


def forget_pair() -> None:
    """As a new worker would begin."""
    forget_process()
    pair._held.clear()
    pair._handled.clear()


def started(fake: Fake, link: Connect, **extra: Any) -> PaytiaHook:
    """A hook whose pair came from the portal."""
    access, refresh = fake.new_pair()
    return link(access_token=access, refresh_token=refresh, **extra)


def called(fake: Fake) -> list[str]:
    """The token calls, in order; authorize with an access token is ``authorize+``."""
    return [
        "authorize+" if operation == "authorize" and "access-token" in headers else operation
        for operation, headers, _ in fake.seen
        if operation in ("authorize", "refresh")
    ]


def row(hook: PaytiaHook) -> Any:
    assert hook.tokens is not None
    return hook.tokens._store.read(hook.tokens._key)


def test_client_id_and_secret_suffice(fake: Fake, link: Connect) -> None:
    hook = link()
    assert list(hook.payments_taken()) == []
    assert called(fake) == ["authorize"]


def test_a_pasted_pair_starts_the_chain_and_is_renewed_before_it_is_used(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    list(hook.payments_taken())
    list(hook.payments_taken())
    assert called(fake) == ["refresh"]
    assert fake.refused == 0


def test_half_a_pair_will_do(fake: Fake, link: Connect) -> None:
    access, refresh = fake.new_pair()
    list(link("one", refresh_token=refresh).payments_taken())
    assert called(fake) == ["refresh"]
    forget_pair()
    access, _ = fake.new_pair()
    fake.authorize_needs_access = True
    hook = link("two", access_token=access)
    list(hook.payments_taken())
    assert called(fake)[1:] == ["authorize+"]


def test_a_plus_in_a_token_arrives_as_one(fake: Fake, link: Connect) -> None:
    _, refresh = fake.new_pair()
    assert "+" in refresh
    for encoding in ("form", "json", "multipart"):
        link(refresh_token=fake.refresh_token, authorize_encoding=encoding).refresh()
    sent = [fields["refresh_token"] for operation, _, fields in fake.seen if operation == "refresh"]
    assert sent[0] == refresh
    assert len(sent) == len(set(sent)) == 3


def test_it_is_renewed_ahead_of_its_end(fake: Fake, link: Connect) -> None:
    fake.life = 2
    hook = started(fake, link)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        list(hook.payments_taken())
    assert fake.refused == 0
    assert set(fake.spent.values()) == {1}
    assert 3 <= len(called(fake)) <= 5


@pytest.mark.parametrize("shift", [-7200, 3600, 7200, 19800])
def test_an_expire_time_of_another_zone_is_not_believed(fake: Fake, link: Connect, shift: float) -> None:
    fake.zone_shift = shift
    hook = link()
    hook.authorize()
    seen = row(hook)
    assert seen.expires_at - seen.asked_at <= 3600


HOLDING = """
import sys
from airflow_provider_paygate.hooks.paytia import PaytiaHook
from airflow_provider_paygate.tokens.pair import PairTokens

def current(self, taken=PairTokens.current):
    token = yield from taken(self)
    held.update(sys.modules)
    return token

held, PairTokens.current = set(), current
list(PaytiaHook().payments_taken())
print([name for name in sys.modules if name.split(".")[0] in ("requests", "urllib3", "http") and name not in held])
"""


def test_nothing_slow_is_loaded_between_taking_a_token_and_sending_it(fake: Fake, link: Connect) -> None:
    list(link().payments_taken())  # another process has fetched it
    done = subprocess.run([sys.executable, "-c", HOLDING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("asked", ["current", "instead_of"])
def test_a_token_that_became_due_while_the_database_was_slow_is_not_used(
    fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    hook = link()
    hook.authorize()
    assert hook.tokens is not None
    old = row(hook)
    forget_pair()
    late = 0.0
    clock, read = time.monotonic, TokenStore.read

    def slow(store: TokenStore, key: str) -> Any:
        nonlocal late
        seen = read(store, key)
        if seen.version == old.version:
            late += 3590
        return seen

    monkeypatch.setattr(TokenStore, "read", slow)
    monkeypatch.setattr(pair.time, "monotonic", lambda: clock() + late)  # type: ignore[attr-defined]
    flow = link().tokens.current() if asked == "current" else link().tokens.instead_of("another")
    assert link().run("authorize", flow) in fake.access
    assert called(fake) == ["authorize", "refresh"]


def test_a_token_in_its_last_second_is_not_used_for_want_of_patience(
    fake: Fake, link: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "PATIENCE_SECONDS", 0.0)
    hook = link()
    hook.authorize()
    forget_pair()
    assert hook.tokens is not None
    store = hook.tokens._store

    def ends_in(seconds: float, leased: bool) -> None:
        with store.database.begin() as connection:
            now = store.database.now(connection)
            connection.execute(
                text("UPDATE paygate_tokens SET expires_at = :end, asked_at = :end - 3600, lease_until = :lease"),
                {"end": now + seconds, "lease": now + 0.3 if leased else None},
            )

    ends_in(100, leased=True)
    list(link().payments_taken())
    assert called(fake) == ["authorize"], "it lives, and the new one is on its way"
    forget_pair()
    ends_in(0.9, leased=True)
    list(link().payments_taken())
    assert called(fake) == ["authorize", "refresh"], "waited for the lease to end, and renewed it"


def test_a_refused_token_is_renewed_once_and_the_call_goes_through(fake: Fake, link: Connect) -> None:
    hook = link()
    list(hook.payments_taken())
    fake.access.clear()
    assert list(hook.payments_taken()) == []
    assert called(fake) == ["authorize", "refresh"]


def test_it_was_recorded_before_it_left_and_stored_before_it_was_used(fake: Fake, link: Connect) -> None:
    hook = link()
    list(hook.payments_taken())
    seen = []

    def look() -> None:
        seen.append(row(hook).uses)

    fake.fail("refresh", look)
    hook.refresh()
    assert seen == [1]
    forget_pair()
    list(link().payments_taken())
    assert called(fake) == ["authorize", "refresh"], "a new worker found the new pair"
    assert row(hook).uses == 0


def test_a_lost_answer_is_mended_by_authorize_with_the_live_access_token(fake: Fake, link: Connect) -> None:
    fake.authorize_needs_access = True
    hook = started(fake, link)
    fake.fail("refresh", "lose")
    assert list(hook.payments_taken()) == []
    assert called(fake) == ["refresh", "authorize+"]
    assert max(fake.spent.values()) == 1


def test_then_the_old_refresh_token_goes_once_more(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    fake.fail("refresh", "reset")
    fake.fail("authorize", (500, "oops"))
    assert list(hook.payments_taken()) == []
    assert called(fake) == ["refresh", "authorize+", "refresh"]


def test_then_a_person_must_make_a_new_pair(fake: Fake, link: Connect) -> None:
    fake.authorize_needs_access = True
    fake.rotation_ends_access = True
    hook = started(fake, link)
    fake.fail("refresh", "lose")
    with pytest.raises(TokenLost, match=re.escape(PORTAL)) as lost:
        list(hook.payments_taken())
    assert called(fake) == ["refresh", "authorize+", "refresh", "authorize"]
    assert lost.value.http_status == 401
    for token in fake.spent:
        assert token not in str(lost.value)
    with pytest.raises(TokenLost):
        list(hook.payments_taken())
    assert max(fake.spent.values()) == 2, "never a third time"


def test_a_new_pair_that_is_pasted_then_heals_it(fake: Fake, link: Connect) -> None:
    test_then_a_person_must_make_a_new_pair(fake, link)
    hook = started(fake, link)
    assert list(hook.payments_taken()) == []


def test_a_worker_that_died_between_sending_and_storing_leaves_a_mark(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    assert hook.tokens is not None

    def dies() -> None:
        raise KeyboardInterrupt

    # Everything up to the store; then it is gone.
    hook.tokens._store.save = lambda *_: dies()  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        list(hook.payments_taken())
    assert row(hook).uses == 1
    release(hook)
    forget_pair()
    assert list(link().payments_taken()) == []
    assert called(fake) == ["refresh", "authorize+"]
    assert max(fake.spent.values()) == 1


def release(hook: PaytiaHook) -> None:
    """Let the dead worker's lease run out."""
    assert hook.tokens is not None
    with hook.tokens._store.database.begin() as connection:
        connection.execute(text("UPDATE paygate_tokens SET lease_until = 0"))


def test_a_refresh_that_never_left_is_not_counted(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    fake.fail("refresh", (429, "slow down"))
    with pytest.raises(NotSent):
        hook.refresh()
    assert row(hook).uses == 0
    hook.refresh()
    assert called(fake) == ["refresh", "refresh"]


def test_an_outage_ahead_of_the_end_is_waited_out_with_the_old_token(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    fake.fail("refresh", (503, "down"))
    fake.fail("authorize", (503, "down"), (503, "down"))
    fake.fail("refresh", (503, "down"))
    assert list(hook.payments_taken()) == []
    count = len(called(fake))
    assert list(hook.payments_taken()) == []
    assert len(called(fake)) == count, "it rests before it tries again"


def test_wrong_keys_are_not_a_lost_token(fake: Fake, link: Connect) -> None:
    hook = link(password="another-secret")
    with pytest.raises(AuthenticationFailed, match="client secret") as wrong:
        list(hook.payments_taken())
    assert not isinstance(wrong.value, TokenLost)


def test_a_pasted_pair_is_adopted_once_ever(fake: Fake, link: Connect) -> None:
    first = started(fake, link, conn_id="one")
    list(first.payments_taken())
    second = started(fake, link, conn_id="two")  # a person made a new pair and pasted it into another connection
    list(second.payments_taken())
    before = len(called(fake))
    for _ in range(3):
        forget_pair()
        list(PaytiaHook("one").payments_taken())
        forget_pair()
        list(PaytiaHook("two").payments_taken())
    assert len(called(fake)) == before, "the two connections share one pair and do not take turns"
    assert fake.refused == 0


def test_an_old_pair_that_is_pasted_does_not_end_a_living_one(fake: Fake, link: Connect) -> None:
    stale = fake.new_pair()
    hook = link("one")
    list(hook.payments_taken())
    del fake.access[stale[0]]
    fake.authorize_needs_access = True
    old = link("two", access_token=stale[0], refresh_token=stale[1])
    assert list(old.payments_taken()) == []
    forget_pair()
    assert list(PaytiaHook("one").payments_taken()) == []


def test_rows_belong_to_host_and_client_id(fake: Fake, link: Connect) -> None:
    list(link("one").payments_taken())
    forget_pair()
    list(link("a_random_id").payments_taken())
    assert called(fake) == ["authorize"]
    assert link("one").settings.merchant.client_id == CLIENT_ID


def test_test_connection_never_refreshes(fake: Fake, link: Connect) -> None:
    hook = started(fake, link)
    ok, message = hook.test_connection()
    assert ok
    assert "given access token" in message
    assert called(fake) == []
    list(hook.payments_taken())
    ok, message = hook.test_connection()
    assert ok
    assert "stored access token" in message
    fake.access.clear()
    ok, message = hook.test_connection()
    assert ok
    assert "authorised" in message
    assert called(fake) == ["refresh", "authorize+"]


def test_nothing_is_stored_in_the_clear(fake: Fake, link: Connect, books: Any, any_books: str) -> None:
    if any_books != "sqlite":
        return
    hook = started(fake, link)
    list(hook.payments_taken())
    raw = b"".join(path.read_bytes() for path in books.parent.glob("paygate.db*"))
    for token in (*fake.access, *fake.spent, fake.refresh_token or ""):
        assert token.encode() not in raw
        assert json.dumps(token).encode() not in raw
