"""Every table of the hub. Canonical tables are derived from the records; the rest is the hub's own book-keeping."""

from hub.store.tables.base import ANYONE, metadata
from hub.store.tables.canonical import STREAM_TABLES, external_key, table_of
from hub.store.tables.files import blob, document_file
from hub.store.tables.landlords import (
    access_token,
    connector_secret,
    connector_state,
    contact_hours,
    contact_point,
    landlord,
    landlord_config,
    landlord_key,
)
from hub.store.tables.telling import alert, told
from hub.store.tables.work import (
    account_gap,
    artifact,
    balance_difference,
    breaker,
    feed_run,
    feed_state,
    hold,
    job,
    quarantine,
    run,
    schedule,
)

__all__ = [
    "ANYONE",
    "STREAM_TABLES",
    "access_token",
    "account_gap",
    "alert",
    "artifact",
    "balance_difference",
    "blob",
    "breaker",
    "connector_secret",
    "connector_state",
    "contact_hours",
    "contact_point",
    "document_file",
    "external_key",
    "feed_run",
    "feed_state",
    "hold",
    "job",
    "landlord",
    "landlord_config",
    "landlord_key",
    "metadata",
    "quarantine",
    "run",
    "schedule",
    "table_of",
    "told",
]
