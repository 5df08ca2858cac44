"""What people were told: the problems a landlord's feeds have, and when the last summary went out."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Text, text

from hub.store.tables.base import landlord_table

alert = landlord_table(
    "alert",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("feed", Text, nullable=False),
    Column("problem", Text, nullable=False, comment="held | failed | late | payments"),
    Column("state", Text, nullable=False, server_default="open", comment="open | closed"),
    Column("run_id", BigInteger, comment="the run it was seen in first"),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False, comment="when people were last told of it"),
    Column("closed_at", DateTime(timezone=True)),
    Index("alert_open_key", "landlord_id", "feed", "problem", unique=True, postgresql_where=text("state = 'open'")),
    key=("id",),
    comment="A feed's problem from the night it is seen until it is over: people are told once, then daily.",
)

told = landlord_table(
    "told",
    Column("topic", Text, nullable=False, comment="summary"),
    Column("slot", DateTime(timezone=True), nullable=False),
    key=("topic",),
    comment="The last slot of what is told by the clock, so that it is told once however many workers look.",
)
