"""The tables. Times are seconds since 1970 by the database's clock; money is minor units (paise, pence)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from airflow_provider_paygate.reconciliation.memory import tables as reconciliation_tables

metadata = MetaData()

# SQLite counts rows by itself only for a column declared exactly INTEGER PRIMARY KEY.
RowId = BigInteger().with_variant(Integer(), "sqlite")

tokens = Table(
    "paygate_tokens",
    metadata,
    Column("token_key", String(64), primary_key=True),  # digest of gateway, host and client id
    Column("ciphertext", Text),
    Column("asked_at", Float(53)),
    Column("expires_at", Float(53)),
    Column("version", Integer, nullable=False, default=0),
    Column("lease_owner", String(64)),
    Column("lease_until", Float(53)),
    # Rotating pairs only:
    Column("uses", Integer, nullable=False, default=0, server_default="0"),  # how often its refresh token may have left
    Column("not_before", Float(53)),  # after a failed renewal, while the old token lives
    Column("aside", Text),  # the pair that a pasted one displaced, until that one has proven itself
    Column("aside_expires_at", Float(53)),
)

pasted_pairs = Table(
    "paygate_pasted_pairs",
    metadata,
    Column("token_key", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("adopted_at", Float(53), nullable=False),
)

account_names = Table(
    "paygate_account_names",
    metadata,
    Column("name", String(64), primary_key=True),  # digest of gateway and host, with an API key or a connection id
    Column("account_id", String(64), nullable=False),
    Column("created_at", Float(53), nullable=False),
)

payouts = Table(
    "paygate_payouts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account_id", String(64), nullable=False),
    Column("reference", String(200), nullable=False),
    Column("sender_id", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("account_last_four", String(8), nullable=False),
    Column("ifsc", String(11), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("wallet_id", String(64)),
    Column("replaces", String(200)),
    Column("replaced_by", String(200)),
    Column("transaction_id", String(255)),
    Column("utr", String(255)),
    Column("status", String(255)),
    Column("code", String(255)),
    Column("message", Text),
    Column("version", Integer, nullable=False, default=0),  # grows with every move: a write must know the last one
    Column("tries", Integer, nullable=False, default=0),
    Column("resends", Integer, nullable=False, default=0),
    Column("absences", Integer, nullable=False, default=0),
    Column("lease_owner", String(64)),
    Column("deadline_at", Float(53)),  # when the last try must have ended
    Column("created_at", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
    Column("final_at", Float(53)),
    Column("reserved_day", String(10)),  # the day whose ceiling it counts towards
    Column("conn_id", String(250)),
    Column("dag_id", String(250)),
    Column("run_id", String(250)),
    Column("task_id", String(250)),
    Column("map_index", Integer),
    UniqueConstraint("account_id", "reference", name="paygate_payouts_reference"),
    UniqueConstraint("account_id", "sender_id", name="paygate_payouts_sender_id"),
    Index("paygate_payouts_state", "account_id", "state"),
)

payout_events = Table(
    "paygate_payout_events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("payout_id", RowId, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("event", String(40), nullable=False),
    Column("state", String(12), nullable=False),  # the state it led to
    Column("by", String(1024)),
    Column("detail", Text),
    Index("paygate_payout_events_payout", "payout_id"),
)

day_totals = Table(
    "paygate_day_totals",
    metadata,
    Column("account_id", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("reserved_minor", BigInteger, nullable=False),
)

rates = Table(
    "paygate_rates",
    metadata,
    Column("account_id", String(64), primary_key=True),
    Column("operation", String(30), primary_key=True),
    Column("sends", Text, nullable=False),  # JSON: the times of the last minute's requests, reserved ones included
    Column("not_before", Float(53), nullable=False),  # the gateway asked for patience until then
)

batches = Table(
    "paygate_batches",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account_id", String(64), nullable=False),
    Column("batch_id", String(250), nullable=False),
    Column("run", String(800)),  # the task's dag and run; another one counts what it finds paid as already paid
    Column("reading", Integer, nullable=False),  # how often the source has been read whole
    Column("created_at", Float(53), nullable=False),
    UniqueConstraint("account_id", "batch_id", name="paygate_batches_batch_id"),
)

batch_rows = Table(
    "paygate_batch_rows",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("batch", RowId, nullable=False),
    Column("line", Integer, nullable=False),
    Column("reading", Integer, nullable=False),  # the reading that saw it
    Column("reference", String(200)),
    Column("wallet_id", String(64)),
    Column("content", String(64)),  # keyed digest of the whole row: a second reading must find the same
    Column("amount_minor", BigInteger),
    Column("problem", Text),  # why it is not sent
    Column("payout_id", RowId),
    Column("already_paid", Integer, nullable=False),
    UniqueConstraint("batch", "reading", "line", name="paygate_batch_rows_line"),
    Index("paygate_batch_rows_reference", "batch", "reference", "reading"),
    Index("paygate_batch_rows_payout", "batch", "payout_id"),
)

# What moved no money and is made once all the same: payment links, released reservations.
requests = Table(
    "paygate_requests",
    metadata,
    Column("account_id", String(64), primary_key=True),
    Column("operation", String(20), primary_key=True),
    Column("reference", String(200), primary_key=True),
    Column("content", String(64), nullable=False),  # digest of what was asked for
    Column("answer", Text),  # JSON; NULL when none came
    Column("asked_at", Float(53), nullable=False),
    Column("answered_at", Float(53)),
)

task_tries = Table(
    "paygate_task_tries",
    metadata,
    Column("task", String(64), primary_key=True),  # digest of dag, run, task and map index
    Column("since_try", Integer, nullable=False),  # the first try that these books have seen
    Column("at", Float(53), nullable=False),
)

# What reconciliations remember between runs of one name.
breaks, reconciliations = reconciliation_tables(metadata)
