"""Work: jobs and schedules (seen by the dispatcher of all landlords, without payload), runs, claims and quarantine."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.store.tables.base import landlord_table, refers

job = landlord_table(
    "job",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("dedup_key", Text, nullable=False),
    Column("order_key", Text),
    Column("state", Text, nullable=False, server_default="ready", comment="ready | leased | done | dead"),
    Column("run_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    Column("token", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False, server_default="5"),
    Column("payload", JSONB, nullable=False, server_default="{}"),
    Column("last_error", Text),
    Column("woken_by", Text, comment="bell | poll: what started the last attempt"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Index(
        "job_open_key",
        "landlord_id",
        "kind",
        "dedup_key",
        unique=True,
        postgresql_where=text("state in ('ready', 'leased')"),
    ),
    Index(
        "job_order_key",
        "landlord_id",
        "order_key",
        unique=True,
        postgresql_where=text("state = 'leased' and order_key is not null"),
    ),
    Index(
        "job_turn_idx",
        "landlord_id",
        "order_key",
        "id",
        postgresql_where=text("state in ('ready', 'leased') and order_key is not null"),
    ),
    Index("job_due_idx", "queue", "run_at", postgresql_where=text("state = 'ready'")),
    Index("job_finished_idx", "landlord_id", "finished_at", postgresql_where=text("state in ('done', 'dead')")),
    Index("job_lease_idx", "lease_until", postgresql_where=text("state = 'leased'")),
    key=("id",),
)

schedule = landlord_table(
    "schedule",
    Column("name", Text, nullable=False, comment="the expression, e.g. daily 04:30; feeds sharing it run as one night"),
    Column("time_zone", Text, nullable=False),
    Column("feeds", ARRAY(Text), nullable=False),
    Column("next_run", DateTime(timezone=True)),
    Column("last_slot", DateTime(timezone=True)),
    Index("schedule_due_idx", "next_run"),
    key=("name",),
)

run = landlord_table(
    "run",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("asked_by", Text, nullable=False, comment="schedule | operator"),
    Column("slot", DateTime(timezone=True)),
    Column("feeds", ARRAY(Text), nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="queued", comment="queued | running | done | failed"),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    key=("id",),
)

feed_run = landlord_table(
    "feed_run",
    Column("run_id", BigInteger, nullable=False),
    Column("feed", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column(
        "state",
        Text,
        nullable=False,
        comment="waiting | reading | applying | applied | unchanged | refused | failed | skipped",
    ),
    Column("read", BigInteger, nullable=False, server_default="0"),
    Column("added", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("unchanged", BigInteger, nullable=False, server_default="0"),
    Column("missing", BigInteger, nullable=False, server_default="0"),
    Column("returned", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("error_code", Text),
    Column("error", Text, comment="what happened, naming file, line and field; no personal data"),
    Column("hint", Text),
    Column("files", ARRAY(Text), nullable=False, server_default="{}"),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    refers(["run_id"], "run"),
    key=("run_id", "feed"),
)

feed_state = landlord_table(
    "feed_state",
    Column("feed", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),
    Column("cursor", Text),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("last_good_run", BigInteger),
    Column("as_of", DateTime(timezone=True), comment="when the last good data was read at the source"),
    key=("feed",),
    person="anyone",
    comment="A feed's checkpoint, written in the transaction that applies its rows.",
)

artifact = landlord_table(
    "artifact",
    Column("feed", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", DateTime(timezone=True)),
    Column("group_key", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, comment="claimed | applied | refused | superseded"),
    Column("run_id", BigInteger, nullable=False),
    Column("blob_id", Uuid),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Index(None, "landlord_id", "feed", "name"),
    key=("feed", "sha256", "mapping_version"),
    comment="Claims: the same content under a new name is applied once, and again when the mapping changed.",
)

quarantine = landlord_table(
    "quarantine",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("feed", Text, nullable=False),
    Column("file", Text, nullable=False, server_default=""),
    Column("line", BigInteger, nullable=False, server_default="0"),
    Column("field", Text, nullable=False, server_default=""),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("excerpt", Text),
    Column("state", Text, nullable=False, server_default="open", comment="open | superseded"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index(
        "quarantine_open_key",
        "landlord_id",
        "feed",
        "file",
        "line",
        "field",
        "code",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "landlord_id", "feed", "state"),
    key=("id",),
    comment="Rows that could not be read or applied, each with its place and reason; personal values masked.",
)
