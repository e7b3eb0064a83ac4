"""The state file: every change goes to SQLite at once, so that even a killed sandbox wakes up with its books."""

from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key)
)"""
_PUT = (
    "INSERT INTO record (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)


class Store:
    """Records of JSON by kind and key, read back in the order of their first writing."""

    def __init__(self, path: str | Path) -> None:
        # Only the server's own thread writes; the thread that made the server is another one.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # the process may be killed; a power cut is not our subject
        self._db.execute(_SCHEMA)

    def put(self, kind: str, key: str, body: object) -> None:
        """`body` is JSON or a dataclass of such."""
        self._db.execute(_PUT, (kind, key, json.dumps(body, separators=(",", ":"), default=asdict)))

    @contextmanager
    def together(self) -> Iterator[None]:
        """All of it or nothing, should the process die in between."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def records(self) -> Iterator[tuple[str, str, Any]]:
        for kind, key, body in self._db.execute("SELECT kind, key, body FROM record ORDER BY number"):
            yield kind, key, json.loads(body)

    def clear(self) -> None:
        self._db.execute("DELETE FROM record")

    def close(self) -> None:
        self._db.close()


class Nowhere:
    """The store of a sandbox that keeps nothing."""

    def put(self, kind: str, key: str, body: object) -> None: ...

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def records(self) -> Iterator[tuple[str, str, Any]]:
        return iter(())

    def clear(self) -> None: ...

    def close(self) -> None: ...
