"""docs/sandbox.md names every setting, fault, remark and call that there is."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_paygate.sandbox import control, faults
from airflow_provider_paygate.sandbox.paytia import accounts, hosted, telephony
from airflow_provider_paygate.sandbox.paywize import collections, lifecycle, merchants
from airflow_provider_paygate.sandbox.state import State

GUIDE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_every_setting_of_a_merchant_is_described() -> None:
    settings = merchants.made("any", {}).saved()
    webhooks = settings["webhooks"]
    assert [name for name in {**settings, **webhooks} if name != "name" and f"`{name}`" not in GUIDE] == []


def test_every_setting_and_instrument_of_an_account_is_described() -> None:
    settings = accounts.made("any", {}).saved()
    names = [*settings, *settings["webhooks"], *settings["instruments"]]
    assert [name for name in names if name != "name" and f"`{name}`" not in GUIDE] == []


def test_every_fault_and_every_deciding_remark_is_described() -> None:
    names = [*faults.NAMES, *lifecycle.REMARKS, *collections.FATES, *hosted.FATES, *telephony.ENDINGS, *telephony.KINDS]
    assert [name for name in names if f"`{name}`" not in GUIDE] == []


def test_every_call_of_the_control_plane_is_described() -> None:
    paths = {route.path.removeprefix("/_sandbox/") for route in control.routes(control.Controls(State()))}
    assert [path for path in paths if path not in GUIDE] == []


def test_every_default_merchant_and_account_is_described() -> None:
    names = [one.name for one in (*merchants.defaults(), *accounts.defaults())]
    assert [name for name in names if f"| `{name}` |" not in GUIDE] == []


def test_every_operation_that_a_fault_can_hit_is_described() -> None:
    assert [name for name in State().faults.operations if f"`{name}`" not in GUIDE] == []
