"""Paywize operators: pay, read a wallet, ask for money, call anything else."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_paygate.exceptions import DuplicateReference, OutcomeUnknown, PayoutFailed, StillPending
from airflow_provider_paygate.operators.context import checked_event, mask_accounts, seconds, truth, who_of

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.wire import Flow
    from airflow_provider_paygate.hooks.paywize import PaywizeHook
    from airflow_provider_paygate.payouts.journal import Entry

# Airflow's own clock for a deferred task runs a little longer than the trigger's, which says more when it ends.
DEFER_SLACK_SECONDS = 120


class PaywizePayoutOperator(BaseOperator):
    """Pay one beneficiary, at most once, and wait until the payment is final.

    The reference is the identity of the payment: run it again, clear it, backfill it, and the money still moves once.

    :param reference: the business's own name for the payment.
    :param amount: rupees as a decimal string, an int or a Decimal.
    :param mode: ``IMPS``, ``NEFT`` or ``RTGS``.
    :param beneficiary_name: up to 40 characters.
    :param beneficiary_account: the account number as text.
    :param beneficiary_ifsc: 11 characters.
    :param remarks: up to 20 characters.
    :param wallet_id: where the money comes from; the connection's when left out.
    :param callback_url: where Paywize posts news; the connection's when left out.
    :param replaces: the reference of a finally failed payment that this one stands in for.
    :param paywize_conn_id: the connection.
    :param wait_for_completion: False returns as soon as the gateway has accepted it.
    :param deferrable: wait in the triggerer; ``[operators] default_deferrable`` when left out.
    :param poll_interval: seconds between looks; 15 for IMPS, 300 for NEFT and RTGS.
    :param timeout: seconds to wait before `StillPending`; four hours.
    :returns: ``{"reference", "sender_id", "transaction_id", "status", "utr", "amount", "already_paid"}``.
    """

    template_fields: Sequence[str] = (
        "reference",
        "amount",
        "mode",
        "beneficiary_name",
        "beneficiary_account",
        "beneficiary_ifsc",
        "remarks",
        "wallet_id",
        "callback_url",
        "replaces",
        "paywize_conn_id",
        "wait_for_completion",
        "poll_interval",
        "timeout",
    )
    ui_color = "#dff3e4"

    def __init__(
        self,
        *,
        reference: str,
        amount: Any,
        mode: str,
        beneficiary_name: str,
        beneficiary_account: str,
        beneficiary_ifsc: str,
        remarks: str = "payout",
        wallet_id: str | None = None,
        callback_url: str | None = None,
        replaces: str | None = None,
        paywize_conn_id: str = "paywize_default",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: Any = None,
        timeout: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.amount = amount
        self.mode = mode
        self.beneficiary_name = beneficiary_name
        self.beneficiary_account = beneficiary_account
        self.beneficiary_ifsc = beneficiary_ifsc
        self.remarks = remarks
        self.wallet_id = wallet_id
        self.callback_url = callback_url
        self.replaces = replaces
        self.paywize_conn_id = paywize_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        # The one place that plain and mapped tasks both pass before Airflow stores what was rendered.
        super()._do_render_template_fields(*args, **kwargs)
        mask_accounts([self.beneficiary_account])

    def execute(self, context: Any) -> dict[str, Any]:
        """Send it, unless it was sent before; then wait."""
        from airflow_provider_paygate.payouts.payout import FIELDS, Payout
        from airflow_provider_paygate.payouts.waiting import POLL_SECONDS, WAIT_SECONDS

        payout = Payout(**{name: getattr(self, name) for name in FIELDS})
        mask_accounts([payout.beneficiary_account])
        every = seconds(self.poll_interval, "poll_interval", POLL_SECONDS[payout.mode])
        timeout = seconds(self.timeout, "timeout", WAIT_SECONDS)
        hook = self._hook()
        submitted = hook.pay(payout, who_of(context))
        entry = submitted.entry
        self.log.info(
            "%s: %s %s to %s is %s (%s)",
            entry.reference,
            entry.amount,
            entry.currency,
            entry.account_last_four,
            entry.state.value,
            "sent now" if submitted.sent else "sent before, not sent again",
        )
        if entry.is_final or not truth(self.wait_for_completion):
            return _result(entry, submitted.already_paid)
        deadline = time.time() + timeout
        if self.deferrable:
            from airflow_provider_paygate.triggers.paywize import PaywizePayoutTrigger

            trigger = PaywizePayoutTrigger(
                paywize_conn_id=self.paywize_conn_id,
                reference=entry.reference,
                poll_interval=every,
                deadline=deadline,
                already_paid=submitted.already_paid,
            )
            self.defer(
                trigger=trigger,
                method_name="execute_complete",
                timeout=timedelta(seconds=timeout + DEFER_SLACK_SECONDS),
            )
        from airflow_provider_paygate.payouts.waiting import is_final, until

        who = who_of(context)
        wait: Flow[Any] = until(lambda: hook.followed(entry, who), is_final, every, deadline)
        hook.run("status", wait)
        return self._ended(hook, entry.reference, submitted.already_paid)

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take over from the trigger. What it saw stands in the journal; the event only says that it is time to look."""
        told = checked_event(event)
        return self._ended(self._hook(), told["reference"], bool(told.get("already_paid")))

    def _ended(self, hook: PaywizeHook, reference: str, already_paid: bool) -> dict[str, Any]:
        entry = hook.journal.find(reference)
        if entry is None:
            raise OutcomeUnknown(
                f"{reference}: the journal has lost this payment while it was waited for; a retry looks it up"
            )
        if not entry.is_final:
            raise StillPending(
                f"{reference}: {entry.amount} {entry.currency} is {entry.status or entry.state.value} and not final in time. "
                "A retry goes on waiting and sends nothing."
            )
        return _result(entry, already_paid)

    def _hook(self) -> PaywizeHook:
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizeHook(self.paywize_conn_id)


class PaywizeBalanceOperator(BaseOperator):
    """Read what a wallet holds.

    :param wallet_id: the connection's when left out.
    :param paywize_conn_id: the connection.
    :returns: ``{"wallet_id", "available", "currency"}``, the amount as a decimal string.
    """

    template_fields: Sequence[str] = ("wallet_id", "paywize_conn_id")

    def __init__(
        self, *, wallet_id: str | None = None, paywize_conn_id: str = "paywize_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.wallet_id = wallet_id
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Ask once."""
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        balance = PaywizeHook(self.paywize_conn_id).get_balance(self.wallet_id)
        return {"wallet_id": balance.wallet_id, "available": str(balance.available), "currency": balance.currency}


class PaywizeCollectionOperator(BaseOperator):
    """Ask for money by UPI: makes a payment link that a payer opens.

    Run again under the same reference it makes no second link: it returns where the first one stands. The gateway
    tells a link only once, so `payment_url` and `intent_url` are None then.

    :param reference: the business's own name for the collection.
    :param amount: rupees as a decimal string, an int or a Decimal.
    :param vpa: the merchant's registered UPI address.
    :param channel: ``FINO`` or ``NSDL``.
    :param callback_url: where Paywize posts news; the connection's when left out.
    :param remarks: up to 20 letters and digits.
    :param paywize_conn_id: the connection.
    :returns: ``{"reference", "sender_id", "transaction_id", "status", "amount", "payment_url", "intent_url"}``.
    """

    template_fields: Sequence[str] = (
        "reference",
        "amount",
        "vpa",
        "channel",
        "callback_url",
        "remarks",
        "paywize_conn_id",
    )

    def __init__(
        self,
        *,
        reference: str,
        amount: Any,
        vpa: str,
        channel: str,
        callback_url: str | None = None,
        remarks: str | None = None,
        paywize_conn_id: str = "paywize_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.amount = amount
        self.vpa = vpa
        self.channel = channel
        self.callback_url = callback_url
        self.remarks = remarks
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the link, or find the collection that stands under the reference already."""
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        hook = PaywizeHook(self.paywize_conn_id)
        wanted = {
            "reference": self.reference,
            "amount": self.amount,
            "vpa": self.vpa,
            "channel": self.channel,
            "callback_url": self.callback_url,
            "remarks": self.remarks,
        }
        try:
            collection = hook.initiate_collection(**wanted)
        except (DuplicateReference, OutcomeUnknown) as error:
            collection = self._found(hook, error)
        return {
            "reference": collection.reference,
            "sender_id": collection.sender_id,
            "transaction_id": collection.transaction_id,
            "status": collection.status,
            "amount": str(collection.amount),
            "payment_url": collection.payment_url,
            "intent_url": collection.intent_url,
        }

    def _found(self, hook: PaywizeHook, error: DuplicateReference | OutcomeUnknown) -> Any:
        from airflow_provider_paygate.exceptions import NotFound, ReferenceConflict
        from airflow_provider_paygate.gateways.paywize.payout import checked_amount

        try:
            collection = hook.get_collection(reference=self.reference)
        except NotFound:
            raise error from None
        if collection.amount is not None and collection.amount != checked_amount(self.amount):
            raise ReferenceConflict(
                f"{self.reference}: the gateway has a collection of another amount under this reference; "
                "another collection needs another reference.",
                gateway="paywize",
                operation="collection_status",
            ) from error
        self.log.warning("%s: a link was made before; the gateway does not tell it again", self.reference)
        return collection


class PaywizeRequestOperator(BaseOperator):
    """Any authorised call, connected banking's among them. Money moved this way is in no journal: see the hook's `call`.

    :param method: ``GET`` or ``POST``.
    :param path: begins with a slash; added to the connection's host.
    :param data: sent encrypted.
    :param params: the query string. Params of the DAG that have these names are taken for DAG params.
    :param paywize_conn_id: the connection.
    :returns: the decrypted data, amounts as decimal strings, account numbers as their last four digits.
    """

    template_fields: Sequence[str] = ("method", "path", "data", "query", "paywize_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data": "json", "query": "json"}

    def __init__(
        self,
        *,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        paywize_conn_id: str = "paywize_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.path = path
        self.data = data
        # Airflow has a meaning of its own for `params`: it hands us the DAG's as well, and keeps the attribute.
        dag = self.get_dag()
        self.query = {name: params[name] for name in params or {} if dag is None or name not in dag.params}  # type: ignore[index]
        self.paywize_conn_id = paywize_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Call once."""
        from airflow_provider_paygate.gateways.facts import redacted
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        answer = PaywizeHook(self.paywize_conn_id).call(self.method, self.path, self.data, self.query)
        # It becomes an XCom, which Airflow stores in the clear.
        told: dict[str, Any] = plain(redacted(answer))
        return told


def plain(value: Any) -> Any:
    """`value` as an XCom holds it on every Airflow: a Decimal becomes its text."""
    from decimal import Decimal

    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value


def _result(entry: Entry, already_paid: bool) -> dict[str, Any]:
    """What the task returns, or PayoutFailed when the payment is finally not paid."""
    from airflow_provider_paygate.payouts.lifecycle import State

    if entry.state in {State.FAILED, State.REFUNDED}:
        raise PayoutFailed(
            f"{entry.reference}: {entry.amount} {entry.currency} to {entry.account_last_four} ended {entry.state.value.upper()}"
            f"{f' ({entry.message})' if entry.message else ''}; the payee has not been paid. To pay after all, give a new "
            f"reference with replaces={entry.reference!r}.",
            gateway="paywize",
            operation="status",
            code=entry.code,
        )
    return {
        "reference": entry.reference,
        "sender_id": entry.sender_id,
        "transaction_id": entry.transaction_id,
        "status": entry.status,
        "utr": entry.utr,
        "amount": str(entry.amount),
        "already_paid": already_paid,
    }
