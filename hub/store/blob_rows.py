"""What the blob store holds, as rows: raw input until it expires, documents for as long as they are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.blobs import BlobFacts
from hub.store.ids import new_id
from hub.store.tables import artifact, blob, document_file

Purpose = Literal["raw", "document"]


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A blob's row. `sha256` and `size` are of the plain content."""

    id: UUID
    purpose: Purpose
    facts: BlobFacts
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """The content of a document."""

    document_id: UUID
    media_type: str
    blob: BlobRow


@dataclass(frozen=True, slots=True)
class DocumentContent:
    """What was stored for a document: the blob's facts, not yet a row."""

    document_id: UUID
    media_type: str
    facts: BlobFacts


@dataclass(frozen=True, slots=True)
class DocumentToFile:
    """A document and the name of its file; `file` and `line` are where the source says so."""

    id: UUID
    file_name: str
    file: str | None
    line: int | None


async def add_blob(
    conn: AsyncConnection,
    *,
    landlord: str,
    purpose: Purpose,
    facts: BlobFacts,
    now: datetime,
    expires_at: datetime | None = None,
) -> UUID:
    """Make a stored blob known. Gives its id."""
    blob_id = new_id()
    await conn.execute(blob.insert().values(_new_blob(landlord, blob_id, purpose, facts, now, expires_at)))
    return blob_id


def _new_blob(
    landlord: str, blob_id: UUID, purpose: Purpose, facts: BlobFacts, now: datetime, expires_at: datetime | None
) -> dict[str, Any]:
    row = {"landlord_id": landlord, "id": blob_id, "purpose": purpose, "created_at": now, "expires_at": expires_at}
    return row | {"path": facts.path, "sha256": facts.sha256, "size": facts.size, "key_id": facts.key_id}


async def get_blob(conn: AsyncConnection, blob_id: UUID) -> BlobRow | None:
    """One blob, None when it is not known (or not this session's)."""
    row = (await conn.execute(select(blob).where(blob.c.id == blob_id))).one_or_none()
    return None if row is None else _blob_row(row)


async def expired_blobs(conn: AsyncConnection, *, now: datetime, limit: int = 500) -> list[BlobRow]:
    """The landlord's blobs past their time, oldest first."""
    rows = await conn.execute(select(blob).where(blob.c.expires_at <= now).order_by(blob.c.expires_at).limit(limit))
    return [_blob_row(row) for row in rows]


async def shorten_raw(conn: AsyncConnection, *, keep: timedelta) -> None:
    """Raw input kept longer than that by now goes earlier; what was promised a shorter time keeps it."""
    too_long = (blob.c.purpose == "raw") & (blob.c.expires_at > blob.c.created_at + keep)
    await conn.execute(update(blob).where(too_long).values(expires_at=blob.c.created_at + keep))


async def unnamed_paths(conn: AsyncConnection, paths: Sequence[str]) -> list[str]:
    """Those of the landlord's stored files that no row names."""
    named = select(blob.c.path).where(blob.c.path == any_(bindparam("paths", list(paths), ARRAY(Text))))
    known = set((await conn.execute(named)).scalars())
    return [path for path in paths if path not in known]


async def forget_blobs(conn: AsyncConnection, blob_ids: Sequence[UUID]) -> None:
    """Remove rows; commit, and only then delete the files: a crash in between leaves a file nobody names, never a
    row without its file."""
    for column in (artifact.c.blob_id, artifact.c.beside_id):
        await conn.execute(artifact.update().where(column.in_(blob_ids)).values({column: None}))
    await conn.execute(delete(blob).where(blob.c.id.in_(blob_ids)))


async def put_document_files(
    conn: AsyncConnection, *, landlord: str, contents: Sequence[DocumentContent], run_id: int, now: datetime
) -> None:
    """Give documents their content, or a new one: the blobs they had before expire now."""
    if not contents:
        return
    ids = [content.document_id for content in contents]
    held = select(document_file.c.blob_id).where(
        document_file.c.landlord_id == landlord, document_file.c.document_id.in_(ids)
    )
    replaced = update(blob).where(blob.c.landlord_id == landlord, blob.c.id.in_(held))
    await conn.execute(replaced.values(expires_at=now))
    stored = [(content, new_id()) for content in contents]
    blobs = [_new_blob(landlord, blob_id, "document", content.facts, now, None) for content, blob_id in stored]
    await conn.execute(blob.insert().values(blobs))
    files = [
        {
            "landlord_id": landlord,
            "document_id": content.document_id,
            "blob_id": blob_id,
            "media_type": content.media_type,
            "changed_run": run_id,
        }
        for content, blob_id in stored
    ]
    statement = upsert(document_file).values(files)
    new = {name: statement.excluded[name] for name in ("blob_id", "media_type", "changed_run")}
    await conn.execute(statement.on_conflict_do_update(index_elements=["landlord_id", "document_id"], set_=new))


_STAGED_DOCUMENTS: Final = text("""
    select d.id, d.file_name, s.file, s.line from stage_document s
    join external_key k on k.landlord_id = :landlord and k.source = :source and k.object_type = 'document'
      and k.external_id = s.external_id
    join document d on d.landlord_id = k.landlord_id and d.id = k.object_id
    left join document_file f on f.landlord_id = d.landlord_id and f.document_id = d.id
    where f.document_id is null or (d.changed_run = :run_id and f.changed_run <> :run_id)
    order by d.id""")


async def documents_to_file(conn: AsyncConnection, *, landlord: str, source: str, run_id: int) -> list[DocumentToFile]:
    """The staged documents this run brought or changed, or that have no file yet, whose file is to be taken from what
    was fetched with them. Only in the transaction that staged and applied them."""
    asked = {"landlord": landlord, "source": source, "run_id": run_id}
    return [DocumentToFile(**row._mapping) for row in await conn.execute(_STAGED_DOCUMENTS, asked)]


async def get_document_file(conn: AsyncConnection, document_id: UUID) -> DocumentFile | None:
    """A document's content; None when it has none yet."""
    joined = document_file.join(
        blob, (blob.c.landlord_id == document_file.c.landlord_id) & (blob.c.id == document_file.c.blob_id)
    )
    statement = select(document_file.c.media_type, blob).select_from(joined)
    row = (await conn.execute(statement.where(document_file.c.document_id == document_id))).one_or_none()
    return None if row is None else DocumentFile(document_id, row.media_type, _blob_row(row))


def _blob_row(row: Any) -> BlobRow:
    facts = BlobFacts(path=row.path, sha256=row.sha256, size=row.size, key_id=row.key_id)
    return BlobRow(row.id, row.purpose, facts, row.created_at, row.expires_at)
