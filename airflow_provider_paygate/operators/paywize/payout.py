"""Pay one beneficiary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_paygate.exceptions import OutcomeUnknown, PayoutFailed, StillPending, concerning
from airflow_provider_paygate.operators.context import checked_event, mask_accounts, seconds, truth, who_of

if TYPE_CHECKING:
    from airflow_provider_paygate.gateways.wire import Flow
    from airflow_provider_paygate.hooks.payouts import PaywizePayouts
    from airflow_provider_paygate.payouts.entry import Entry

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

    @concerning("paywize")
    def execute(self, context: Any) -> dict[str, Any]:
        """Send it, unless it was sent before; then wait."""
        from airflow_provider_paygate.payouts.payout import FIELDS, Payout
        from airflow_provider_paygate.payouts.waiting import POLL_SECONDS, WAIT_SECONDS

        payouts = self._payouts(context)
        payouts.begin()
        payout = Payout(**{name: getattr(self, name) for name in FIELDS})
        mask_accounts([payout.beneficiary_account])
        every = seconds(self.poll_interval, "poll_interval", POLL_SECONDS[payout.mode])
        timeout = seconds(self.timeout, "timeout", WAIT_SECONDS)
        submitted = payouts.pay(payout)
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

        wait: Flow[Any] = until(lambda: payouts.followed(entry), is_final, every, deadline)
        payouts.hook.run("status", wait)
        return self._ended(payouts, entry.reference, submitted.already_paid)

    @concerning("paywize")
    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take over from the trigger. What it saw stands in the journal; the event only says that it is time to look."""
        told = checked_event(event)
        return self._ended(self._payouts(context), told["reference"], bool(told.get("already_paid")))

    def _ended(self, payouts: PaywizePayouts, reference: str, already_paid: bool) -> dict[str, Any]:
        entry = payouts.journal.find(reference)
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

    def _payouts(self, context: Any) -> PaywizePayouts:
        from airflow_provider_paygate.hooks.payouts import PaywizePayouts
        from airflow_provider_paygate.hooks.paywize import PaywizeHook

        return PaywizePayouts(PaywizeHook(self.paywize_conn_id), who_of(context))


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
