"""64 racers, 3-second tokens, 15 seconds: no refused call, no refresh token used twice, one token call per life."""

from __future__ import annotations

import pytest

from tests.paytia.conftest import Connect
from tests.paytia.fake import Fake
from tests.paytia.racers import race

SECONDS, LIFE = 15, 3


@pytest.mark.parametrize("rotation_ends_access", [False, True], ids=["overlap", "strict"])
def test_a_fleet_makes_one_token_call_per_life(
    fake: Fake, link: Connect, any_books: str, rotation_ends_access: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.life = LIFE
    fake.rotation_ends_access = rotation_ends_access
    access, refresh = fake.new_pair()
    link(access_token=access, refresh_token=refresh, timeout=30)
    told = race(SECONDS)
    token_calls = fake.counts["authorize"] + fake.counts["refresh"]
    with capsys.disabled():
        print(f"\n{any_books}: {told['well']} calls, {token_calls} token calls, {fake.refused} refused at the gateway")
    assert told["errors"] == []
    assert told["well"] > 64
    assert set(fake.spent.values()) == {1}, "a refresh token was used twice"
    assert token_calls <= SECONDS / LIFE + 2
    assert fake.refused == 0
