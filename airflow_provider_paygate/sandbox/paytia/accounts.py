"""The sandbox's Paytia accounts: keys, rights, seeded instruments, and how each reads what the pages leave open."""

from __future__ import annotations

import base64
import hashlib
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_paygate.sandbox import amounts

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = ("api_key", "client_secret", "webhook_secret", "access_token", "refresh_token")
PHONE_FLAGS = ["0", "1", "2", "3", "5", "7"]
# §7.1: one minute, five, thirty, then hourly up to a day after the first try.
RETRIES = [60.0, 300.0, 1800.0, *[3600.0] * 23]

# What `transaction_id`, a bank token or a subscription reference may name (§5.2, §5.4). A reserve and a
# subscription have a state; the others only an outcome.
INSTRUMENTS: dict[str, dict[str, Any]] = {
    "pm_ok": {"kind": "card", "outcome": "completed"},
    "cus_ok": {"kind": "card", "outcome": "completed"},
    "pm_declined": {"kind": "card", "outcome": "failed"},
    "cus_declined": {"kind": "card", "outcome": "failed"},
    "pm_slow": {"kind": "card", "outcome": "pending"},
    "pm_slow_declined": {"kind": "card", "outcome": "pending", "then": "failed"},
    "pi_reserved": {"kind": "reserve", "amount": "100.00", "state": "held"},
    "pi_reserved_too": {"kind": "reserve", "amount": "250.00", "state": "held"},
    "pi_expired": {"kind": "reserve", "amount": "100.00", "state": "expired"},
    "sub_active": {"kind": "subscription", "state": "active"},
    "sub_sched_active": {"kind": "subscription", "state": "active"},
    "sub_cancelled": {"kind": "subscription", "state": "cancelled"},
    "bank_ok": {"kind": "bank", "outcome": "completed"},
    "bank_declined": {"kind": "bank", "outcome": "failed"},
    "bank_slow": {"kind": "bank", "outcome": "pending"},
}


@dataclass
class Webhooks:
    """How this account's webhooks leave (§7); the switches make them arrive wrongly, twice or never."""

    format: str = "single"  # "multiple": a line per field; "string": JSON inside a JSON string (§7.5)
    signature: str = "none"  # "good", "bad"
    signature_header: str = "X-Paytia-Signature"
    duplicate: bool = False
    lose: bool = False
    retries: list[float] = field(default_factory=lambda: list(RETRIES))
    timeout: float = 30.0
    allow_hosts: list[str] = field(default_factory=list)  # beyond this machine


@dataclass
class Account:
    """What §9 lists as contradictory and §4.4 as unknown is a setting here; docs/sandbox.md describes each."""

    name: str
    api_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)  # the pair that the portal shows; where a client starts
    refresh_token: str = field(repr=False)
    webhook_secret: str = field(default="sandbox-paytia-webhook-secret", repr=False)
    enhanced: bool = False
    needs_both_headers: bool = True
    allowed_ips: list[str] | None = None
    token_life: float = 3600.0
    zone: str = "UTC"
    expire_skew: float = 0.0
    rotation: str = "strict"  # "grace": a used refresh token works on for `grace` seconds
    grace: float = 60.0
    reuse_revokes: bool = False
    old_access_dies: bool = False
    authorize_rotates: bool = True
    authorize_needs_access_token: bool = False
    authorize_encodings: list[str] = field(default_factory=lambda: ["form", "json", "multipart"])
    gateway: str = "stripe"
    currency: str = "GBP"
    agents: dict[str, list[str]] = field(default_factory=lambda: {"100": list(PHONE_FLAGS), "101": ["0"]})
    instruments: dict[str, dict[str, Any]] = field(default_factory=lambda: deepcopy(INSTRUMENTS))
    customers: list[str] = field(default_factory=lambda: ["existing-customer"])
    urlencoded: bool = False
    dedupe: list[str] = field(default_factory=lambda: ["reference_number"])
    declined_used_up: bool = True
    charge_answer: str = "word"  # "envelope": the house's status object
    error_shape: str = "documented"
    always_200: bool = False
    emailed_link_returned: bool = False
    link_outcome: str = "completed"
    link_after: float = 5.0
    charge_after: float = 5.0
    licensed: bool = True
    report_shape: str = "data"
    row_names: str = "snake"
    status_words: str = "webhook"
    rows_without_ids: bool = False
    page_overlap: int = 0
    past_the_end: str = "empty"
    order: str = "newest"
    ignored_filters: list[str] = field(default_factory=list)
    request_id_header: str | None = "X-Request-Id"
    webhooks: Webhooks = field(default_factory=Webhooks)

    def change(self, settings: Mapping[str, Any]) -> None:
        """Set what is named; dictionaries are merged, and an instrument or agent set to None is taken away."""
        for name, value in settings.items():
            if name == "name" or name not in _NAMES:
                raise ValueError(f"an account has no setting {name!r}; it has {', '.join(sorted(_NAMES - {'name'}))}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(map(str, _CHOICES[name]))}")
            if name in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise ValueError(f"{name} is a number")
        for name, value in settings.items():
            if name == "webhooks":
                _change_webhooks(self.webhooks, value)
            elif name in ("instruments", "agents"):
                merged = {**getattr(self, name), **value}
                setattr(self, name, {key: item for key, item in merged.items() if item is not None})
            else:
                setattr(self, name, value)
        _check_instruments(self.instruments)
        _check_zone(self.zone)

    def settings(self) -> dict[str, Any]:
        """Everything but the secrets."""
        shown = {item.name: deepcopy(getattr(self, item.name)) for item in fields(self) if item.name not in SECRETS}
        shown["webhooks"] = dict(vars(self.webhooks))
        return shown

    def saved(self) -> dict[str, Any]:
        return {**self.settings(), **{name: getattr(self, name) for name in SECRETS}}


def made(name: str, settings: Mapping[str, Any]) -> Account:
    """An account with these settings; keys and the portal's pair are made from the name unless given."""
    word = "".join(letter for letter in name.upper() if letter.isalnum())
    account = Account(
        name=name,
        api_key=("PAYGATESANDBOX" + word).ljust(64, "0")[:64],
        client_id=hashlib.sha256(f"paytia client {name}".encode()).hexdigest()[:32],
        client_secret=f"sandbox-client-secret-{name}".ljust(40, "0"),
        access_token=_portal_token(f"access {name}"),
        refresh_token=_portal_token(f"refresh {name}"),
    )
    account.change({key: value for key, value in settings.items() if key != "name"})
    return account


def restored(saved: Mapping[str, Any]) -> Account:
    """The account that gave `saved`: what had been taken away from it stays away."""
    account = made(saved["name"], {})
    account.instruments, account.agents = {}, {}
    account.change({name: value for name, value in saved.items() if name != "name"})
    return account


def defaults() -> list[Account]:
    """The accounts of a fresh sandbox (docs/sandbox.md lists them). The first is `paytia_default`."""
    return [
        made("key-only", {}),
        made("enhanced", {"enhanced": True}),
        made("portal", {"enhanced": True, "authorize_needs_access_token": True, "authorize_encodings": ["json"]}),
        made("short", {"enhanced": True, "token_life": 3.0}),
        made("braintree", {"gateway": "braintree"}),
        made("worldpay", {"gateway": "worldpay", "webhooks": {"format": "multiple", "signature": "good"}}),
    ]


def connection(account: Account, base: str) -> dict[str, Any]:
    """The Airflow connection of an account, for AIRFLOW_CONN_… as JSON. The one place where keys are given out."""
    made: dict[str, Any] = {"conn_type": "paytia", "host": base}
    extra: dict[str, Any] = {"api_key": account.api_key, "auth_mode": "enhanced" if account.enhanced else "key"}
    if account.enhanced:
        made |= {"login": account.client_id, "password": account.client_secret}
        extra |= {"access_token": account.access_token, "refresh_token": account.refresh_token}
        if "form" not in account.authorize_encodings and account.authorize_encodings:
            extra["authorize_encoding"] = account.authorize_encodings[0]
        if not account.needs_both_headers:
            extra["send_both_headers"] = False
    if account.webhooks.signature != "none":
        extra |= {
            "webhook_secret": account.webhook_secret,
            "webhook_signature": "required",
            "webhook_signature_header": account.webhooks.signature_header,
        }
    return {**made, "extra": extra}


def _portal_token(word: str) -> str:
    """44 characters of Base64 as in REP's sample, with the `+` that a careless form encoding turns into a space."""
    for number in range(1000):
        text = base64.b64encode(hashlib.sha256(f"{word} {number}".encode()).digest()).decode()
        if "+" in text:
            return text
    raise AssertionError(word)


def _change_webhooks(webhooks: Webhooks, settings: Mapping[str, Any]) -> None:
    known = set(vars(webhooks))
    if strange := set(settings) - known:
        raise ValueError(f"webhooks have no {', '.join(sorted(strange))}; they have {', '.join(sorted(known))}")
    for name, value in settings.items():
        if name in _WEBHOOK_CHOICES and value not in _WEBHOOK_CHOICES[name]:
            raise ValueError(f"{name} is one of {', '.join(_WEBHOOK_CHOICES[name])}")
        setattr(webhooks, name, value)


def _check_instruments(instruments: Mapping[str, Mapping[str, Any]]) -> None:
    for name, one in instruments.items():
        if one.get("kind") not in ("card", "reserve", "subscription", "bank"):
            raise ValueError(f"instrument {name}: kind is one of card, reserve, subscription, bank")
        if one["kind"] == "reserve" and not amounts.minor(one.get("amount")):
            raise ValueError(f"instrument {name}: a reserve has an amount, like '100.00'")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"zone is a name like UTC or Europe/London, not {zone!r}") from None


_NAMES = frozenset(item.name for item in fields(Account))
_NUMBERS = ("token_life", "expire_skew", "grace", "link_after", "charge_after", "page_overlap")
_WEBHOOK_CHOICES = {"format": ("single", "multiple", "string"), "signature": ("none", "good", "bad")}
_CHOICES: dict[str, tuple[object, ...]] = {
    "rotation": ("strict", "grace"),
    "gateway": ("stripe", "braintree", "worldpay", "ryft"),
    "charge_answer": ("word", "envelope"),
    "error_shape": ("documented", "text", "envelope"),
    "link_outcome": ("completed", "failed", "cancelled", "timeout", "unpaid"),
    "report_shape": ("data", "data.data", "results", "result", "records", "list"),
    "row_names": ("snake", "portal"),
    "status_words": ("webhook", "log"),
    "past_the_end": ("empty", "repeat"),
    "order": ("newest", "oldest"),
}
