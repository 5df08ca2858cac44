"""Holds, lines that come back, versions of the landlord's file, breakers and what people were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LANDLORD = "landlord_id = (select nullif(current_setting('app.landlord', true), ''))"


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, comment="held | failed | late"),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open | closed"),
        sa.Column("run_id", sa.BigInteger(), nullable=True, comment="the run it was seen in first"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False, comment="when people were last told of it"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("alert_pk")),
        comment="A feed's problem from the night it is seen until it is over: people are told once, then daily.",
    )
    op.create_index(
        "alert_open_key",
        "alert",
        ["landlord_id", "feed", "problem"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "breaker",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("max_at_once", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), server_default="closed", nullable=False, comment="closed | open | half_open"),
        sa.Column(
            "failures", sa.Integer(), server_default="0", nullable=False, comment="one after the other, until now"
        ),
        sa.Column(
            "trips", sa.Integer(), server_default="0", nullable=False, comment="times opened since it was last closed"
        ),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True, comment="when this outage began"),
        sa.Column("last_error_code", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "connector", name=op.f("breaker_pk")),
        comment="Whether a connector's ERP may be called, and by how many jobs at once: the claim looks here.",
    )
    op.create_table(
        "told",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False, comment="summary"),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "topic", name=op.f("told_pk")),
        comment="The last slot of what is told by the clock, so that it is told once however many workers look.",
    )
    op.create_table(
        "account_gap",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("quarantine_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "quarantine_id"],
            ["quarantine.landlord_id", "quarantine.id"],
            name=op.f("account_gap_landlord_id_quarantine_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "account_id", "quarantine_id", name=op.f("account_gap_pk")),
        comment="Accounts with rows in quarantine: what a tenant may know of it, and nothing more.",
    )
    op.create_index(
        op.f("account_gap_landlord_id_quarantine_id_idx"), "account_gap", ["landlord_id", "quarantine_id"], unique=False
    )
    op.create_table(
        "hold",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column(
            "artifacts", postgresql.ARRAY(sa.Text()), nullable=False, comment="sha256 of each raw input, in order"
        ),
        sa.Column("files", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="rule, figure, limit and sentence of each",
        ),
        sa.Column(
            "diff",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="counts and a few references; no personal data",
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.Column("superseded_by_run", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "run_id"], ["run.landlord_id", "run.id"], name=op.f("hold_landlord_id_run_id_fk")
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("hold_pk")),
        comment="Data that waits for a person: open | approved (to be applied) | applied | rejected | superseded.",
    )
    op.create_index(
        op.f("hold_landlord_id_superseded_by_run_idx"), "hold", ["landlord_id", "superseded_by_run"], unique=False
    )
    op.create_index(
        "hold_open_key",
        "hold",
        ["landlord_id", "feed"],
        unique=True,
        postgresql_where=sa.text("state in ('open', 'approved')"),
    )
    op.add_column(
        "artifact",
        sa.Column("beside_id", sa.Uuid(), nullable=True, comment="blob of the companions fetched along with it"),
    )
    op.add_column(
        "artifact",
        sa.Column(
            "ordinal",
            sa.BigInteger(),
            sa.Identity(always=False),
            nullable=False,
            comment="the order in which inputs were first claimed",
        ),
    )
    op.alter_column(
        "artifact",
        "state",
        existing_type=sa.TEXT(),
        comment="claimed | applied | held | refused | superseded",
        existing_comment="claimed | applied | refused | superseded",
        existing_nullable=False,
    )
    op.add_column("contract", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "feed_run",
        sa.Column("hold_id", sa.BigInteger(), nullable=True, comment="what keeps the data of this feed back"),
    )
    op.add_column("feed_run", sa.Column("note", sa.Text(), nullable=True, comment="what else a person should know"))
    op.alter_column(
        "feed_run",
        "state",
        existing_type=sa.TEXT(),
        comment="waiting | reading | applying | applied | unchanged | held | refused | failed | skipped",
        existing_comment="waiting | reading | applying | applied | unchanged | refused | failed | skipped",
        existing_nullable=False,
    )
    op.add_column(
        "job",
        sa.Column(
            "needs",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="connectors; claimed while the breaker of one of them lets it pass",
        ),
    )
    op.create_index(
        "job_needs_idx",
        "job",
        ["landlord_id", "id"],
        unique=False,
        postgresql_where=sa.text("state in ('ready', 'leased') and needs is not null"),
    )
    op.add_column(
        "landlord_config",
        sa.Column(
            "text",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the landlord's file as written, comments included; empty of versions from before files were kept",
        ),
    )
    op.add_column(
        "landlord_config",
        sa.Column(
            "origin",
            sa.Text(),
            server_default="file",
            nullable=False,
            comment="file | export | rollback: what was put in force",
        ),
    )
    op.add_column("landlord_config", sa.Column("applied_by", sa.Text(), server_default="", nullable=False))
    op.add_column("landlord_config", sa.Column("note", sa.Text(), nullable=True))
    op.add_column(
        "quarantine",
        sa.Column(
            "artifact",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="sha256 of the raw input the row stands in",
        ),
    )
    op.add_column(
        "quarantine",
        sa.Column(
            "about", sa.Text(), nullable=True, comment="external id of the account, contract or notice the row concerns"
        ),
    )
    op.add_column("quarantine", sa.Column("about_type", sa.Text(), nullable=True))
    op.add_column(
        "quarantine",
        sa.Column(
            "needs_type",
            sa.Text(),
            nullable=True,
            comment="what a parked row waits for: the object of this kind named by its excerpt",
        ),
    )
    op.add_column("quarantine", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("quarantine", sa.Column("settled_by", sa.Text(), nullable=True, comment="who dismissed it"))
    op.add_column(
        "quarantine", sa.Column("settled_run", sa.BigInteger(), nullable=True, comment="the run that applied it")
    )
    op.add_column("quarantine", sa.Column("reason", sa.Text(), nullable=True, comment="why it was dismissed"))
    op.alter_column(
        "quarantine",
        "state",
        existing_type=sa.TEXT(),
        comment="open | parked | applied | dismissed | superseded",
        existing_comment="open | superseded",
        existing_nullable=False,
        existing_server_default=sa.text("'open'::text"),
    )
    op.alter_column(
        "run",
        "state",
        existing_type=sa.TEXT(),
        comment="queued | running | done | held | failed",
        existing_comment="queued | running | done | failed",
        existing_nullable=False,
        existing_server_default=sa.text("'queued'::text"),
    )
    op.add_column("schedule", sa.Column("connectors", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.alter_column(
        "schedule",
        "name",
        existing_type=sa.TEXT(),
        comment="the plan, e.g. daily 04:30; feeds sharing it run as one night",
        existing_comment="the expression, e.g. daily 04:30; feeds sharing it run as one night",
        existing_nullable=False,
    )
    for table in ("account_gap", "alert", "breaker", "hold", "told"):
        _guard(table)
    op.execute(
        f"create policy session on account_gap for select to hub_api using ({_LANDLORD} and (account_id = any "
        "(array(select ac.account_id from account_contract ac))))"
    )
    op.execute("grant select on account_gap to hub_api")
    op.execute("create policy dispatch on breaker for select to hub_dispatch using (true)")
    op.execute("grant select on breaker to hub_dispatch")
    op.execute("grant select (needs) on job to hub_dispatch")
    op.drop_index("quarantine_open_key", "quarantine")
    op.create_index(
        "quarantine_open_key",
        "quarantine",
        ["landlord_id", "feed", "file", "line", "field", "code"],
        unique=True,
        postgresql_where=sa.text("state in ('open', 'parked')"),
    )


def _guard(table: str) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy landlord on {table} to hub_owner, hub_sync using ({_LANDLORD}) with check ({_LANDLORD})")
    op.execute(f"grant select, insert, update, delete on {table} to hub_sync")
