"""Payment-result webhooks (specs/paytia.md §7.1), in the formats of §7.5, perhaps signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_paygate.sandbox import amounts
from airflow_provider_paygate.sandbox.clock import iso_seconds
from airflow_provider_paygate.sandbox.webhooks import Delivery

from .records import FINAL, WAITING

if TYPE_CHECKING:
    from .accounts import Account
    from .book import Book
    from .records import Payment, Step

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def schedule(book: Book, payment: Payment) -> None:
    """Post each step that has not been told yet when its moment comes, unless the plan was changed meanwhile."""
    if not payment.webhook_url and not payment.webhook_url_transaction:
        return

    def tell(index: int, step: Step) -> None:
        if payment.told > index or index >= len(payment.steps) or payment.steps[index] is not step:
            return
        payment.told = index + 1
        book.save_payment(payment)
        account = book.accounts[payment.account]
        raw = _body(account, result(payment, step))
        # `webhook_url_transaction` hears the gateway's stages, `webhook_url` the final state (WH page).
        targets = [payment.webhook_url_transaction] if step.status != WAITING else []
        targets += [payment.webhook_url] if step.status in FINAL else []
        for url in filter(None, targets):
            send(book, account, payment.reference_number or payment.reference_id, step.status, url, raw, JSON_TYPE)

    for index, step in enumerate(payment.steps):
        if index >= payment.told:
            book.shared.postman.schedule(step.at, partial(tell, index, step))


def result(payment: Payment, step: Step) -> dict[str, Any]:
    return {
        "transaction_id": payment.transaction_id,
        "reference_number": payment.reference_number,
        "status": step.status,
        "amount": amounts.text(payment.amount),
        "currency": payment.currency,
        "timestamp": iso_seconds(step.at),
    }


def send(book: Book, account: Account, reference: str, event: str, url: str, raw: bytes, content_type: str) -> None:
    switches = account.webhooks
    headers = {"content-type": content_type, "user-agent": "Paytia-Webhook/1.0"}
    if switches.signature != "none":
        sign = hmac.new(account.webhook_secret.encode(), raw, hashlib.sha256).hexdigest()
        if switches.signature == "bad":
            sign = ("1" if sign[0] == "0" else "0") + sign[1:]
        headers[switches.signature_header] = sign
    for _ in range(2 if switches.duplicate else 1):
        book.shared.postman.send(
            Delivery(
                gateway="paytia",
                merchant=account.name,
                reference=reference,
                event=event,
                url=url,
                body=raw,
                headers=headers,
                retries=list(switches.retries),
                timeout=switches.timeout,
                allow_hosts=list(switches.allow_hosts),
                any_2xx=True,
                state="lost" if switches.lose else "waiting",
            )
        )


def _body(account: Account, event: dict[str, Any]) -> bytes:
    """*Single*, *Multiple*, or a string that holds JSON. No page shows a sample of any (§7.5)."""
    match account.webhooks.format:
        case "multiple":
            return "\n".join(json.dumps({name: value}) for name, value in event.items()).encode()
        case "string":
            return json.dumps(json.dumps(event)).encode()
        case _:
            return json.dumps(event).encode()
