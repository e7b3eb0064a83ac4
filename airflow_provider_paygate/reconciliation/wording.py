"""What a break says to the person who works on it: how urgent, on what evidence, what to do. No account numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from airflow_provider_paygate.reconciliation.findings import Finding
from airflow_provider_paygate.reconciliation.money import plain


def severity_of(break_class: str, finding: Finding) -> str:
    """`high`: money may be lost or paid twice. `medium`: money is elsewhere than booked. `low`: the books are
    inexact. `info`: wait."""
    if break_class == "timing":
        return "info"
    if break_class == "fee":
        return "low"
    if break_class == "missing_at_gateway":
        return "high" if finding.ledger_status in (None, "SUCCESS") else "low"
    if break_class == "missing_in_ledger":
        return "high" if finding.gateway_status in (None, "SUCCESS") else "medium"
    if break_class == "status_mismatch":
        return "high" if "SUCCESS" in (finding.ledger_status, finding.gateway_status) else "low"
    if break_class in ("reversal", "amount_mismatch"):
        return "medium"
    return "high"


def evidence_for(break_class: str, finding: Finding) -> str:
    """Where the facts come from, shortest first. A line that only the bank has begins with `statement`."""
    if finding.on_statement_only:
        return _statement_evidence(finding)
    parts = [_facts(break_class, finding)]
    if finding.matched_by not in (None, "reference", "settlement_id"):
        other = f", at the gateway {finding.gateway_reference}" if finding.gateway_reference else ""
        parts.append(f"matched by {finding.matched_by}{other}")
    if finding.ambiguous:
        parts.append(f"ambiguous: {finding.ambiguous} fits more than one row, so none was taken")
    if finding.statement_rows and break_class != "amount_mismatch":
        parts.append("on the bank statement")
    return "; ".join(parts)


def action_for(break_class: str, finding: Finding) -> str:
    """One imperative sentence."""
    if finding.on_statement_only and finding.settlement_id is None:
        return "Find out what this bank line paid and book it"
    return _ACTIONS[break_class](finding)


def _statement_evidence(finding: Finding) -> str:
    parts = ["statement"]
    if finding.settlement_id is not None:
        parts.append(f"settlement of {finding.matched_by}")
    if finding.statement_utr:
        parts.append(f"utr {finding.statement_utr}")
    if finding.statement_rows > 1:
        parts.append(f"{finding.statement_rows} lines")
    return "; ".join(parts)


def _facts(break_class: str, finding: Finding) -> str:
    ledger, gateway = finding.ledger_status or "no status", finding.gateway_status or "no status"
    if break_class == "duplicate":
        return f"{finding.rows('ledger')} in the ledger, {finding.rows('gateway')} at the gateway"
    if finding.settlement_id is not None:
        rows = f"{finding.rows('ledger')} ledger to {finding.rows('gateway')} gateway"
        return f"settlement {finding.settlement_id}: {rows} rows{_fee(finding)}"
    if finding.ledger_amount is None:
        return f"gateway {gateway}, not in the ledger"
    if finding.gateway_amount is None:
        return f"ledger {ledger}, not at the gateway"
    if break_class == "currency_mismatch":
        return f"ledger {finding.ledger_currency}, gateway {finding.gateway_currency}"
    if break_class == "amount_mismatch" and finding.ledger_amount == finding.gateway_amount:
        return f"statement {plain(finding.statement_amount or Decimal(0))}, ledger and gateway {plain(finding.ledger_amount)}"
    if break_class in ("fee", "amount_mismatch"):
        return f"both sides have it{_fee(finding)}"
    return f"ledger {ledger}, gateway {gateway}"


def _fee(finding: Finding) -> str:
    return f", fee {plain(finding.fee)}" if finding.fee else ""


def _duplicate(finding: Finding) -> str:
    if finding.rows("gateway") > 1:
        return "Check whether the gateway paid more than once; recover the surplus"
    return "Remove the repeated booking from the ledger"


def _unknown(finding: Finding) -> str:
    if finding.gateway_amount is None:
        return "Ask the gateway for the status by reference; do not pay again before the answer is certain"
    return f"Resolve the ledger entry from the gateway's answer {finding.gateway_status or 'at the gateway'}"


def _timing(finding: Finding) -> str:
    where = "ledger" if finding.late_side == "ledger" else "gateway"
    return f"Wait for the {where} until the due date"


def _missing_at_gateway(finding: Finding) -> str:
    if finding.ledger_status in (None, "SUCCESS"):
        return (
            "Ask the gateway for the payment by reference; if it never arrived, correct the booking before paying again"
        )
    return "Close the ledger entry: the gateway has no such payment"


_ACTIONS: dict[str, Callable[[Finding], str]] = {
    "duplicate": _duplicate,
    "unknown_outcome": _unknown,
    "timing": _timing,
    "missing_at_gateway": _missing_at_gateway,
    "missing_in_ledger": lambda _: "Find out who ordered this payment and book it, or dispute it with the gateway",
    "currency_mismatch": lambda _: "Correct the currency on the side that has it wrong, then compare the amounts again",
    "reversal": lambda _: "Book the return of the money; pay again only under a new reference",
    "fee": lambda _: "Book the fee",
    "amount_mismatch": lambda finding: (
        "Find the payments of this settlement that are missing or surplus"
        if finding.settlement_id
        else "Compare with the payment order; correct the ledger or claim the difference"
    ),
    "status_mismatch": lambda _: "Ask the gateway for the final status and correct the side that is wrong",
}
