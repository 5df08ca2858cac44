"""Landlords: who they are, how they are configured, their keys and secrets, their people's tokens, their counters."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Integer, LargeBinary, SmallInteger, Text, Time, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.store.tables.base import ANYONE, landlord_table, refers

landlord = landlord_table(
    "landlord",
    Column("name", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("hosts", ARRAY(Text), nullable=False, server_default="{}"),
    Column(
        "balance",
        Text,
        nullable=False,
        server_default="of_record",
        comment="of_record | summed: which of the two tenants see",
    ),
    Column("keep_jobs_days", Integer, nullable=False, server_default="30", comment="how long done jobs are kept"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    key=(),
    person=ANYONE,
    comment="The directory of landlords: no secret, no personal data; the API reads it before it knows the landlord.",
)

landlord_config = landlord_table(
    "landlord_config",
    Column("version", Integer, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("sha256", Text, nullable=False),
    Column(
        "text",
        Text,
        nullable=False,
        server_default="",
        comment="the landlord's file as written, comments included; empty of versions from before files were kept",
    ),
    Column(
        "origin", Text, nullable=False, server_default="file", comment="file | export | rollback: what was put in force"
    ),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    Column("applied_by", Text, nullable=False, server_default=""),
    Column("note", Text),
    refers([], "landlord", to=()),
    key=("version",),
    comment="Numbered versions of a landlord's file as applied, secrets by reference only; the highest is live.",
)

landlord_key = landlord_table(
    "landlord_key",
    Column("key_id", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    key=("key_id",),
    person=ANYONE,  # the API opens documents: without the master key a wrapped key is worth nothing
    comment="The landlord's data keys, wrapped by the installation's master key.",
)

connector_secret = landlord_table(
    "connector_secret",
    Column("connector", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    key=("connector", "field"),
    comment="AES-GCM sealed secrets of connectors; landlord, connector and field are bound in as associated data.",
)

connector_state = landlord_table(
    "connector_state",
    Column("connector", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    key=("connector", "name"),
    comment="A connector's own small memory (`hub.ports.State`).",
)

access_token = landlord_table(
    "access_token",
    Column("token_hash", LargeBinary, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    refers(["person_id"], "person"),
    key=("token_hash",),
    comment="SHA-256 of bearer tokens (256 random bits) for one person each; read through `tenant_session` only.",
)

contact_point = landlord_table(
    "contact_point",
    Column("id", Uuid, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("email", Text),
    Column("address", Text),
    Column("note", Text),
    Column("site_codes", ARRAY(Text), nullable=False, server_default="{}"),
    key=("id",),
    person=ANYONE,
    comment="Caretaker, agency, call centre (gardien, agence, CRC); no site code means all sites.",
)

contact_hours = landlord_table(
    "contact_hours",
    Column("contact_id", Uuid, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("opens", Time, nullable=False),
    Column("closes", Time, nullable=False),
    refers(["contact_id"], "contact_point"),
    key=("contact_id", "weekday", "opens"),
    person=ANYONE,
    comment="Opening intervals, several a day; weekday 1 is Monday; 00:00–23:59:59.999999 is round the clock.",
)
