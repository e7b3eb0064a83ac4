"""docs/sandbox.md names every setting, fault, remark and call that there is."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_paygate.sandbox import control, faults
from airflow_provider_paygate.sandbox.paywize import collections, lifecycle, merchants
from airflow_provider_paygate.sandbox.state import State

GUIDE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_every_setting_of_a_merchant_is_described() -> None:
    settings = merchants.made("any", {}).saved()
    webhooks = settings["webhooks"]
    assert [name for name in {**settings, **webhooks} if name != "name" and f"`{name}`" not in GUIDE] == []


def test_every_fault_and_every_deciding_remark_is_described() -> None:
    names = [*faults.NAMES, *lifecycle.REMARKS, *collections.FATES]
    assert [name for name in names if f"`{name}`" not in GUIDE] == []


def test_every_call_of_the_control_plane_is_described() -> None:
    paths = {route.path.removeprefix("/_sandbox/") for route in control.routes(control.Controls(State()))}
    assert [path for path in paths if path not in GUIDE] == []


def test_every_default_merchant_is_described() -> None:
    assert [merchant.name for merchant in merchants.defaults() if f"| `{merchant.name}` |" not in GUIDE] == []
