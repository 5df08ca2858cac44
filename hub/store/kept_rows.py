"""Raw input that is kept: what a feed was given, in the order it came, and where its bytes lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.artifact_rows import ArtifactState, Seen
from hub.store.blob_rows import BlobRow, get_blob
from hub.store.tables import artifact


@dataclass(frozen=True, slots=True)
class KeptArtifact:
    """A raw input, whatever mappings it was read under. `ordinal` and `run_id` are of its first claim, `state` and
    `seen` of its latest; `blob_id` is None once its time is over. `beside_id`: the blob of its companions."""

    seen: Seen
    state: ArtifactState
    run_id: int
    ordinal: int
    claimed_at: datetime
    blob_id: UUID | None
    beside_id: UUID | None
    mapping_versions: frozenset[str] = frozenset()


async def kept_artifacts(
    conn: AsyncConnection, *, landlord: str, feed: str, sha256: Sequence[str] | None = None
) -> list[KeptArtifact]:
    """The feed's inputs (those of the given contents), each content once, in the order they first came."""
    wanted = [artifact.c.landlord_id == landlord, artifact.c.feed == feed]
    wanted += [artifact.c.sha256.in_(sha256)] if sha256 is not None else []
    by_content: dict[str, list[Any]] = {}
    for row in await conn.execute(select(artifact).where(*wanted).order_by(artifact.c.ordinal)):
        by_content.setdefault(row.sha256, []).append(row)
    return [_kept(rows) for rows in by_content.values()]


def _kept(rows: Sequence[Any]) -> KeptArtifact:
    first, last = rows[0], next((row for row in rows if row.state == "applied"), rows[-1])
    stored = next((row for row in reversed(rows) if row.blob_id is not None), last)
    seen = Seen(last.feed, last.sha256, last.mapping_version, last.name, last.size, last.modified, last.group_key)
    return KeptArtifact(
        seen,
        last.state,
        first.run_id,
        first.ordinal,
        first.claimed_at,
        stored.blob_id,
        stored.beside_id,
        frozenset(row.mapping_version for row in rows),
    )


async def blobs_of(conn: AsyncConnection, kept: KeptArtifact) -> tuple[BlobRow | None, BlobRow | None]:
    """Where an input's bytes lie, and those of its companions; None for what is not kept (any more)."""
    found = [None if blob_id is None else await get_blob(conn, blob_id) for blob_id in (kept.blob_id, kept.beside_id)]
    return found[0], found[1]


async def claim_kept(
    conn: AsyncConnection, *, landlord: str, seen: Seen, kept: KeptArtifact, run_id: int, now: datetime
) -> None:
    """Claim a kept input for a run under `seen`'s mapping, whatever became of it before."""
    facts = {"name": seen.name, "size": seen.size, "modified": seen.modified, "group_key": seen.group}
    blobs = {"blob_id": kept.blob_id, "beside_id": kept.beside_id}
    key = {"landlord_id": landlord, "feed": seen.feed, "sha256": seen.sha256, "mapping_version": seen.mapping_version}
    statement = upsert(artifact).values(state="claimed", run_id=run_id, claimed_at=now, **key, **facts, **blobs)
    await conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=blobs))
