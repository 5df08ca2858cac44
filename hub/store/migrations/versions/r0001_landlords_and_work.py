"""Landlords, and the work done for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artifact",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.DateTime(timezone=True), nullable=True),
        sa.Column("group_key", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="claimed | applied | refused | superseded"),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "feed", "sha256", "mapping_version", name=op.f("artifact_pk")),
        comment="Claims: the same content under a new name is applied once, and again when the mapping changed.",
    )
    op.create_index(
        op.f("artifact_landlord_id_feed_name_idx"), "artifact", ["landlord_id", "feed", "name"], unique=False
    )
    op.create_table(
        "connector_secret",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "connector", "field", name=op.f("connector_secret_pk")),
        comment="AES-GCM sealed secrets of connectors; landlord, connector and field are bound in as associated data.",
    )
    op.create_table(
        "connector_state",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "connector", "name", name=op.f("connector_state_pk")),
        comment="A connector's own small memory (`hub.ports.State`).",
    )
    op.create_table(
        "contact_point",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("site_codes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("contact_point_pk")),
        comment="Caretaker, agency, call centre (gardien, agence, CRC); no site code means all sites.",
    )
    op.create_table(
        "feed_state",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_good_run", sa.BigInteger(), nullable=True),
        sa.Column(
            "as_of", sa.DateTime(timezone=True), nullable=True, comment="when the last good data was read at the source"
        ),
        sa.PrimaryKeyConstraint("landlord_id", "feed", name=op.f("feed_state_pk")),
        comment="A feed's checkpoint, written in the transaction that applies its rows.",
    )
    op.create_table(
        "job",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="ready", nullable=False, comment="ready | leased | done | dead"),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default="5", nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("woken_by", sa.Text(), nullable=True, comment="bell | poll: what started the last attempt"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("job_pk")),
    )
    op.create_index(
        "job_due_idx", "job", ["queue", "run_at"], unique=False, postgresql_where=sa.text("state = 'ready'")
    )
    op.create_index(
        "job_finished_idx",
        "job",
        ["landlord_id", "finished_at"],
        unique=False,
        postgresql_where=sa.text("state in ('done', 'dead')"),
    )
    op.create_index("job_lease_idx", "job", ["lease_until"], unique=False, postgresql_where=sa.text("state = 'leased'"))
    op.create_index(
        "job_open_key",
        "job",
        ["landlord_id", "kind", "dedup_key"],
        unique=True,
        postgresql_where=sa.text("state in ('ready', 'leased')"),
    )
    op.create_index(
        "job_order_key",
        "job",
        ["landlord_id", "order_key"],
        unique=True,
        postgresql_where=sa.text("state = 'leased' and order_key is not null"),
    )
    op.create_index(
        "job_turn_idx",
        "job",
        ["landlord_id", "order_key", "id"],
        unique=False,
        postgresql_where=sa.text("state in ('ready', 'leased') and order_key is not null"),
    )
    op.create_table(
        "landlord",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("hosts", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", name=op.f("landlord_pk")),
        comment="The directory of landlords: no secret, no personal data; the API reads it before it knows the landlord.",  # noqa: E501
    )
    op.create_table(
        "landlord_key",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "key_id", name=op.f("landlord_key_pk")),
        comment="The landlord's data keys, wrapped by the installation's master key.",
    )
    op.create_table(
        "quarantine",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), server_default="", nullable=False),
        sa.Column("line", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("field", sa.Text(), server_default="", nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open | superseded"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("quarantine_pk")),
        comment="Rows that could not be read or applied, each with its place and reason; personal values masked.",
    )
    op.create_index(
        op.f("quarantine_landlord_id_feed_state_idx"), "quarantine", ["landlord_id", "feed", "state"], unique=False
    )
    op.create_index(
        "quarantine_open_key",
        "quarantine",
        ["landlord_id", "feed", "file", "line", "field", "code"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "run",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False, comment="schedule | operator"),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feeds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column(
            "state", sa.Text(), server_default="queued", nullable=False, comment="queued | running | done | failed"
        ),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("run_pk")),
    )
    op.create_table(
        "schedule",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="the expression, e.g. daily 04:30; feeds sharing it run as one night",
        ),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("feeds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("next_run", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_slot", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "name", name=op.f("schedule_pk")),
    )
    op.create_index("schedule_due_idx", "schedule", ["next_run"], unique=False)
    op.create_table(
        "contact_hours",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contact_id"],
            ["contact_point.landlord_id", "contact_point.id"],
            name=op.f("contact_hours_landlord_id_contact_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "contact_id", "weekday", "opens", name=op.f("contact_hours_pk")),
        comment="Opening intervals, several a day; weekday 1 is Monday; 00:00–23:59:59.999999 is round the clock.",
    )
    op.create_table(
        "feed_run",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="waiting | reading | applying | applied | unchanged | refused | failed | skipped",
        ),
        sa.Column("read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("missing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="what happened, naming file, line and field; no personal data"
        ),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("files", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "run_id"], ["run.landlord_id", "run.id"], name=op.f("feed_run_landlord_id_run_id_fk")
        ),
        sa.PrimaryKeyConstraint("landlord_id", "run_id", "feed", name=op.f("feed_run_pk")),
    )
    op.create_table(
        "landlord_config",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["landlord_id"], ["landlord.landlord_id"], name=op.f("landlord_config_landlord_id_fk")),
        sa.PrimaryKeyConstraint("landlord_id", "version", name=op.f("landlord_config_pk")),
        comment="Numbered versions of a landlord's file as applied, secrets by reference only; the highest is live.",
    )
