"""Requests that move no money and are made once all the same: a payment link, a released reservation.

The request is written down before it is sent and the answer when it came, so that a task that runs again returns the
same link. A request whose answer was lost is asked for again; the gateway refuses a reference it has seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_paygate.exceptions import ReferenceConflict

if TYPE_CHECKING:
    from airflow_provider_paygate.database import Database


@dataclass(frozen=True)
class Asked:
    """One request.

    :ivar operation: ``link``, ``checkout`` or ``release``.
    :ivar reference: the business's own name for it, or the transaction that is released.
    :ivar content: what makes two requests the same; stored as a digest.
    """

    operation: str
    reference: str
    content: Mapping[str, str | None]

    @property
    def digest(self) -> str:
        """The same for the same content, and telling nothing of it."""
        text = json.dumps([self.operation, self.reference, dict(self.content)], sort_keys=True)
        return hashlib.sha256(b"paygate request\0" + text.encode()).hexdigest()


class MadeOnce:
    """The requests of one account."""

    def __init__(self, database: Database, account_id: str) -> None:
        self._database = database
        self._account_id = account_id

    def answer(self, asked: Asked) -> Mapping[str, str | None] | None:
        """The answer that came before, or None: then it is written down that it is asked for now.

        :raises ReferenceConflict: an answer came to another content under this reference.
        """
        from sqlalchemy import text

        with self._database.begin() as connection:
            place = {**self._place(asked), "content": asked.digest, "now": self._database.now(connection)}
            connection.execute(
                text(
                    "INSERT INTO paygate_requests (account_id, operation, reference, content, asked_at) "
                    "VALUES (:account, :operation, :reference, :content, :now) "
                    "ON CONFLICT (account_id, operation, reference) DO NOTHING"
                ),
                place,
            )
            row = connection.execute(
                text(
                    "SELECT content, answer FROM paygate_requests "
                    "WHERE account_id = :account AND operation = :operation AND reference = :reference"
                ),
                place,
            ).one()
            if row.answer is None:
                connection.execute(
                    text(
                        "UPDATE paygate_requests SET content = :content, asked_at = :now "
                        "WHERE account_id = :account AND operation = :operation AND reference = :reference"
                    ),
                    place,
                )
                return None
        if row.content != asked.digest:
            raise ReferenceConflict(
                f"{asked.reference}: this reference was used before for a {asked.operation} of another amount or content; "
                "nothing was sent. Give this one a reference of its own.",
                operation=asked.operation,
            )
        told: Mapping[str, str | None] = json.loads(row.answer)
        return told

    def answered(self, asked: Asked, answer: Mapping[str, str | None]) -> None:
        """Keep what came, for whoever asks again."""
        from sqlalchemy import text

        with self._database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE paygate_requests SET answer = :answer, answered_at = :now "
                    "WHERE account_id = :account AND operation = :operation AND reference = :reference"
                ),
                {**self._place(asked), "answer": json.dumps(dict(answer)), "now": self._database.now(connection)},
            )

    def _place(self, asked: Asked) -> dict[str, str]:
        return {"account": self._account_id, "operation": asked.operation, "reference": asked.reference}
