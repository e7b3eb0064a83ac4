"""The sandbox's merchants: keys, wallets, limits, and which of the contradicting documents each one follows."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts

from .cipher import V1, V2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODES = ("IMPS", "NEFT", "RTGS")
SECRETS = ("api_key", "secret_key", "webhook_secret")

# Seconds from acceptance to PROCESSING, and to the bank's answer. The real ones are minutes to hours (§1.4).
DURATIONS = {"IMPS": [1.0, 3.0], "NEFT": [5.0, 20.0], "RTGS": [5.0, 30.0]}
# §1.9: the page tables; for the token the stricter of the two printed figures.
RATES = {
    "auth": 10,
    "initiate": 100,
    "status": 200,
    "balance": 500,
    "collection_initiate": 100,
    "collection_status": 200,
}


@dataclass
class Webhooks:
    """How this merchant's webhooks leave (§4); the switches make them arrive wrongly, twice, late or never."""

    outer: str = "data"  # or "payload", as one live integrator received them
    signature: str = "good"  # "bad", "none"
    duplicate: bool = False
    reorder: bool = False
    lose: bool = False
    retries: list[float] = field(default_factory=lambda: [1.0, 2.0, 4.0])
    timeout: float = 30.0
    allow_hosts: list[str] = field(default_factory=list)  # beyond this machine


@dataclass
class Merchant:
    """Amounts are paise. What §7 of the specification leaves open is a setting here."""

    name: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption: str = "v1"
    webhook_secret: str | None = field(default=None, repr=False)
    wallets: dict[str, int] = field(default_factory=dict)
    vpas: dict[str, list[str]] = field(default_factory=lambda: {"merchant@paywize": ["FINO", "NSDL"]})
    bank_accounts: dict[str, str | None] = field(default_factory=lambda: {"SHIVALIK": "XXXX1234"})
    allowed_ips: list[str] | None = None
    auth_styles: list[str] = field(default_factory=lambda: ["encrypted"])
    token_text: str = "json"
    token_life: int = 300
    expired_status: int = 401
    path_profile: str | None = None  # serve this family of paths only
    envelope: str = "documented"  # or "camel", "snake" for every product
    always_200: bool = False
    rtgs: bool = True
    commercials: list[str] = field(default_factory=lambda: list(MODES))
    collections_active: bool = True
    settlement_account: bool = True
    minimum: int = 100
    transaction_limit: int | None = None
    daily_limit: int | None = None
    sender_id_limit: int = 38
    remarks_limit: int = 20
    dedupe: bool = True
    refused_ids_used_up: bool = False
    outcome: str = "SUCCESS"
    failure_rate: float = 0.0
    durations: dict[str, list[float]] = field(default_factory=lambda: deepcopy(DURATIONS))
    pending_after: float = 60.0
    refund_after: float = 10.0
    collection_outcome: str = "SUCCESS"
    collection_after: float = 5.0
    status_spelling: str = "upper"
    enforce_rates: bool = False
    rates: dict[str, int] = field(default_factory=lambda: dict(RATES))
    retry_after: int | None = None
    webhooks: Webhooks = field(default_factory=Webhooks)

    @cached_property
    def cipher(self) -> V1 | V2:
        return V1(self.api_key, self.secret_key) if self.encryption == "v1" else V2(self.secret_key)

    def change(self, settings: Mapping[str, Any]) -> None:
        """Set what is named; dictionaries are merged, and a wallet, VPA or rate set to None is taken away."""
        for name, value in settings.items():
            if name == "name" or name not in _NAMES:
                raise ValueError(f"a merchant has no setting {name!r}; it has {', '.join(sorted(_NAMES - {'name'}))}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(map(str, _CHOICES[name]))}")
        for name, value in settings.items():
            if name == "webhooks":
                _change_webhooks(self.webhooks, value)
            elif name in _MERGED:
                merged = {**getattr(self, name), **{key: _READ.get(name, _same)(item) for key, item in value.items()}}
                kept = {key: item for key, item in merged.items() if item is not None or name == "bank_accounts"}
                setattr(self, name, kept)
            else:
                setattr(self, name, _READ.get(name, _same)(value))
        self.__dict__.pop("cipher", None)
        self.cipher  # noqa: B018 - refuses keys of the wrong length now, not at the first call

    def settings(self) -> dict[str, Any]:
        """Everything but the secrets, amounts as decimal text."""
        shown: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "wallets":
                value = {wallet: amounts.text(balance) for wallet, balance in value.items()}
            elif item.name == "webhooks":
                value = dict(vars(value))
            elif item.name in _MONEY and value is not None:
                value = amounts.text(value)
            if item.name not in SECRETS:
                shown[item.name] = value
        return shown

    def saved(self) -> dict[str, Any]:
        return {**self.settings(), **{name: getattr(self, name) for name in SECRETS}}


def made(name: str, settings: Mapping[str, Any]) -> Merchant:
    """A merchant with these settings; keys that are not given are made from the name."""
    word = "".join(letter for letter in name.upper() if letter.isalnum())
    merchant = Merchant(
        name=name,
        api_key=("PAYGATESANDBOX" + word).ljust(32, "0")[:32],
        secret_key=("SANDBOX" + word).ljust(16, "0")[:16],
    )
    merchant.change({key: value for key, value in settings.items() if key != "name"})
    if not merchant.wallets:
        merchant.wallets = {"PAYWIZE12345679": 10_000_000_00}
    return merchant


def defaults() -> list[Merchant]:
    """The merchants of a fresh sandbox (docs/sandbox.md lists them)."""
    funds = {"PAYWIZE12345679": "100000000.00", "8109039352": "50000.00"}
    return [
        made("docs-v1", {"wallets": funds}),
        made("live-v2", {"wallets": funds, "encryption": "v2", "auth_styles": ["plain-snake"], "token_text": "raw"}),
        made("v2", {"wallets": funds, "encryption": "v2", "auth_styles": ["plain-camel"]}),
        made(
            "limits",
            {
                "wallets": {"PAYWIZE12345679": "100000.00", "PAYWIZEEMPTY0001": "50.00"},
                "minimum": "100.00",
                "transaction_limit": "10000.00",
                "daily_limit": "25000.00",
                "rtgs": False,
                "commercials": ["NEFT", "RTGS"],
                "webhook_secret": "sandbox-webhook-secret",
            },
        ),
    ]


def connection(merchant: Merchant, base: str) -> dict[str, Any]:
    """The Airflow connection of a merchant, for AIRFLOW_CONN_… as JSON. The one place where keys are given out."""
    extra: dict[str, Any] = {
        "api_key": merchant.api_key,
        "wallet_id": next(iter(merchant.wallets), None),
        "encryption": merchant.encryption,
        "path_profile": merchant.path_profile or ("live" if merchant.auth_styles == ["plain-snake"] else "docs"),
        "auth_style": merchant.auth_styles[0],
    }
    if merchant.webhook_secret:
        extra["webhook_secret"] = merchant.webhook_secret
    return {"conn_type": "paywize", "host": base, "password": merchant.secret_key, "extra": extra}


def _money(value: object) -> int | None:
    if value is None:
        return None
    paise = amounts.minor(value)
    if paise is None:
        raise ValueError(f"{value!r} is no amount: give rupees as text, like '1000.00'")
    return paise


def _same(value: Any) -> Any:
    return value


def _change_webhooks(webhooks: Webhooks, settings: Mapping[str, Any]) -> None:
    known = set(vars(webhooks))
    if strange := set(settings) - known:
        raise ValueError(f"webhooks have no {', '.join(sorted(strange))}; they have {', '.join(sorted(known))}")
    for name, value in settings.items():
        setattr(webhooks, name, value)


_NAMES = frozenset(item.name for item in fields(Merchant))
_MERGED = {"wallets", "vpas", "bank_accounts", "durations", "rates"}
_MONEY = {"minimum", "transaction_limit", "daily_limit"}
_READ: dict[str, Callable[[Any], Any]] = dict.fromkeys(("wallets", *_MONEY), _money)
_CHOICES: dict[str, tuple[object, ...]] = {
    "encryption": ("v1", "v2"),
    "token_text": ("json", "raw"),
    "expired_status": (401, 200),
    "path_profile": (None, "docs", "docs-api", "live"),
    "envelope": ("documented", "camel", "snake"),
    "outcome": ("SUCCESS", "FAILED", "PENDING"),
    "collection_outcome": ("SUCCESS", "FAILED", "PENDING", "INITIATED"),
    "status_spelling": ("upper", "mixed"),
}
