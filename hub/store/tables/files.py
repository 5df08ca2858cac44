"""Files in the blob store: what they are and whose; the bytes lie elsewhere, encrypted per landlord."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Text, Uuid

from hub.store.tables.base import landlord_table, refers, unique

blob = landlord_table(
    "blob",
    Column("id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    unique("path"),
    key=("id",),
    person="exists (select from document_file f where f.landlord_id = blob.landlord_id and f.blob_id = blob.id)",
    comment="`sha256` and `size` are of the plain content; raw input expires, documents do not.",
)

document_file = landlord_table(
    "document_file",
    Column("document_id", Uuid, nullable=False),
    Column("blob_id", Uuid, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("changed_run", BigInteger, nullable=False),
    refers(["document_id"], "document"),
    refers(["blob_id"], "blob"),
    Index(None, "landlord_id", "blob_id"),
    key=("document_id",),
    person="exists (select from document d where d.landlord_id = document_file.landlord_id and d.id = document_id)",
    comment="The content of a document.",
)
