"""Everything one sandbox knows, in memory and perhaps in a state file. Only the server's thread changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connections import Connections
from .faults import Faults
from .paytia import routes as paytia
from .paytia.book import Book as PaytiaBook
from .paywize import routes as paywize
from .paywize.book import Book as PaywizeBook
from .shared import Shared
from .store import Nowhere, Store

if TYPE_CHECKING:
    from pathlib import Path


class State:
    def __init__(self, path: str | Path | None = None) -> None:
        self.connections = Connections()
        self.shared = Shared(Nowhere() if path is None else Store(path))
        self.paywize = PaywizeBook(self.shared)
        self.paytia = PaytiaBook(self.shared)
        self.faults = Faults({"paywize": paywize.OPERATIONS, "paytia": paytia.OPERATIONS})
        self.shared.restore()
        self.paywize.restore(self.shared.store.records())
        self.paytia.restore(self.shared.store.records())

    def reset(self) -> None:
        """A fresh sandbox: default merchants and accounts, full wallets, no payments, no faults, the real time."""
        self.shared.reset()
        self.paywize.reset()
        self.paytia.reset()
        self.faults.clear()

    def close(self) -> None:
        self.shared.store.close()
