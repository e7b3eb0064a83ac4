"""Money that moves at most once: the payout, its life cycle, the journal, and how one is submitted safely."""

from __future__ import annotations

from airflow_provider_paygate.payouts.payout import Payout

__all__ = ["Payout"]
