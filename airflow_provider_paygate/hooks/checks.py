"""Checks before money: is the connection right, and are the books where the whole fleet can see them?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_paygate.connections.fields import is_loopback
from airflow_provider_paygate.exceptions import AuthenticationFailed, InvalidRequest, NotPermitted, PaygateError
from airflow_provider_paygate.gateways.wire import Fault, Flow, Kind

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database
    from airflow_provider_paygate.hooks.paytia import PaytiaHook
    from airflow_provider_paygate.hooks.paywize import PaywizeHook

# Executors whose tasks share this machine's disk.
ONE_MACHINE = ("LocalExecutor", "SequentialExecutor", "DebugExecutor", "InProcessExecutor")


def refuse_books_on_one_machine(database: Database, base_url: str) -> None:
    """Raise InvalidRequest when workers on several machines would each keep their own SQLite journal of real money."""
    from airflow.providers.common.compat.sdk import conf

    if not database.is_sqlite or is_loopback(urlsplit(base_url).hostname or ""):
        return
    setting = conf.get("core", "executor", fallback="LocalExecutor") or "LocalExecutor"
    remote = [name.strip() for name in setting.split(",") if not name.strip().endswith(ONE_MACHINE)]
    if remote:
        raise InvalidRequest(
            f"[paygate] database is SQLite, and {remote[0]} runs tasks on machines that do not share it: each would keep its own "
            "books and pay again. Set AIRFLOW__PAYGATE__DATABASE to a PostgreSQL URL. Nothing was sent.",
            operation="check",
        )


def paywize_checked(hook: PaywizeHook) -> tuple[bool, str]:
    """`test_connection` for Paywize. The token answer proves keys and decryption, the balance the allow-list and the wallet."""
    from airflow_provider_paygate.gateways.paywize.client import Paywize

    step = "Settings"
    try:
        merchant = hook.settings.merchant
        step = "Keys"
        # Fetched for this test alone: a stored token would prove nothing about the keys that were just typed.
        minted = hook.run("auth", Paywize(merchant, _OneToken("")).mint())
        right = f"Paywize at {urlsplit(merchant.base_url).netloc}: keys and encryption {merchant.encryption} are right"
        if not merchant.wallet_id:
            return True, f"{right}; no wallet_id is set, so no wallet was asked for."
        step = "Wallet"
        balance = hook.run("balance", Paywize(merchant, _OneToken(minted.value)).balance(None))
    except NotPermitted as error:
        return False, f"Address: {error}"
    except AuthenticationFailed as error:
        return False, f"{'Encryption' if 'cannot be read' in str(error) else 'Keys'}: {error}"
    except PaygateError as error:
        return False, f"{step}: {error}"
    return True, f"{right}; wallet {merchant.wallet_id} holds {balance.available} {balance.currency}."


def paytia_checked(hook: PaytiaHook) -> tuple[bool, str]:
    """`test_connection` for Paytia: reads one row of the payment history. Never refreshes; authorises only when no pair works."""
    step = "Settings"
    try:
        merchant = hook.settings.merchant
        where = f"Paytia at {urlsplit(merchant.base_url).netloc}"
        tokens = hook.tokens
        step = "Keys"
        if tokens is None:
            return _probed(hook, None, f"{where}: the API key is right")
        stored = hook.run("authorize", tokens.at_hand())
        for token, whose in ((stored, "stored"), (merchant.access_token, "given")):
            if token:
                try:
                    return _probed(hook, token, f"{where}: the API key and the {whose} access token are right")
                except AuthenticationFailed:
                    continue  # it may be old; the next one tells
        made = hook.authorize()
        return _probed(
            hook,
            made.access,
            f"{where}: no stored or given token works, so a new pair was authorised and stored; it is right",
        )
    except NotPermitted as error:
        return False, f"Address or licence: {error}"
    except PaygateError as error:
        return False, f"{step}: {error}"


def _probed(hook: PaytiaHook, token: str | None, right: str) -> tuple[bool, str]:
    from airflow_provider_paygate.gateways.paytia.client import Paytia

    client = Paytia(hook.settings.merchant, None if token is None else _OneToken(token))
    try:
        hook.run("payments_taken", client.probe())
    except InvalidRequest as error:  # it knows who we are and cannot tell more
        return True, f"{right}. The payment history cannot be read: {error}"
    return True, f"{right}."


class _OneToken:
    """A token that is used as it is and never renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> Flow[str]:
        yield from ()
        return self._token

    def instead_of(self, refused: str) -> Flow[str]:
        yield from ()
        raise Fault(Kind.AUTHENTICATION, "the gateway refuses this token")
