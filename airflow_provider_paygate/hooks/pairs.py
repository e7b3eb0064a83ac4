"""The token pair behind a Paytia connection: whose row it is, what seals it, and where a person makes a new one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_paygate.database import database
from airflow_provider_paygate.hooks.checks import refuse_books_on_one_machine
from airflow_provider_paygate.hooks.gateway import mask_token
from airflow_provider_paygate.tokens.keys import Seal, derived_key
from airflow_provider_paygate.tokens.pair import PairTokens
from airflow_provider_paygate.tokens.renewal import Pair
from airflow_provider_paygate.tokens.store import TokenStore

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.paytia.client import Paytia
    from airflow_provider_paygate.hooks.settings import PaytiaSettings

PORTAL = "https://paytiadirect.paytia.com/merchant/thirdpartyaccess"
WHERE_TO_CLICK = (
    f"Check API key, client id, client secret and this machine's address; then open {PORTAL} (Account Security, API Secret "
    "Key, Generate Tokens) and paste the new pair into access_token and refresh_token of the connection."
)


def shared_pair(settings: PaytiaSettings, issuer: Paytia, call_seconds: float) -> PairTokens:
    """The pair of the connection's host and client id. Not of its connection id: the Test button's random one finds it too.

    :raises InvalidRequest: the books are where several machines would each use up the others' refresh tokens.
    """
    merchant = settings.merchant
    books = database()
    refuse_books_on_one_machine(books, merchant.base_url)
    token_key = hashlib.sha256(f"paygate token\0paytia\0{settings.host}\0{merchant.client_id}".encode()).hexdigest()
    seal = Seal(derived_key(merchant.client_secret or "", "token at rest", token_key), token_key)
    return PairTokens(
        TokenStore(books),
        token_key,
        seal,
        issuer,
        call_seconds,
        mask_token,
        Pair(merchant.access_token, merchant.refresh_token),
        WHERE_TO_CLICK,
    )
