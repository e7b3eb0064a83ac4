from __future__ import annotations

from tests.operators.conftest import age, pay, pay_batch

__all__ = ["age", "pay", "pay_batch"]
