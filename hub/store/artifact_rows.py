"""Claims on raw input: the same content is applied once under one mapping, whatever its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.modes import Mode
from hub.store.tables import artifact

# A content met under another name is known by that one from now on, and so are its refused rows.
_RENAME: Final = text("""
    update quarantine q set file = :name
    where q.landlord_id = :landlord and q.feed = :feed and q.artifact = :sha256 and q.state in ('open', 'parked')
      and q.file <> :name and q.file in (
        select a.name from artifact a
        where a.landlord_id = :landlord and a.feed = :feed and a.sha256 = :sha256)
      and not exists (
        select from quarantine o
        where o.landlord_id = q.landlord_id and o.feed = q.feed and o.file = :name and o.state in ('open', 'parked')
          and (o.line, o.field, o.code) = (q.line, q.field, q.code))""")

ArtifactState = Literal["claimed", "applied", "held", "refused", "superseded"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A raw input as it was seen at the source. `group`: what belongs to one snapshot."""

    feed: str
    sha256: str
    mapping_version: str
    name: str
    size: int
    modified: datetime | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactClaim:
    """What a claim found. `state` "claimed" is ours to read (`fresh` False: taken up again after a crash or a retry);
    "applied" was dealt with before, by `run_id`. `name`: what the input is called in the hub."""

    state: ArtifactState
    fresh: bool
    run_id: int
    blob_id: UUID | None
    name: str


async def claim_artifact(
    conn: AsyncConnection, *, landlord: str, seen: Seen, run_id: int, now: datetime, blob_id: UUID | None = None
) -> ArtifactClaim:
    """Claim a content for a run. One that is not applied now (never was, was refused, or a later snapshot came after
    it) passes to this run; its stored blob is kept."""
    mine = {"landlord_id": landlord, "feed": seen.feed, "sha256": seen.sha256, "mapping_version": seen.mapping_version}
    facts = {"name": seen.name, "size": seen.size, "modified": seen.modified, "group_key": seen.group}
    statement = upsert(artifact).values(
        state="claimed", run_id=run_id, blob_id=blob_id, claimed_at=now, **mine, **facts
    )
    added = await conn.execute(statement.on_conflict_do_nothing().returning(artifact.c.sha256))
    if added.scalar_one_or_none() is not None:
        return ArtifactClaim("claimed", True, run_id, blob_id, seen.name)
    open_again = update(artifact).where(*_is(landlord, seen), artifact.c.state != "applied")
    await conn.execute(open_again.values(state="claimed", run_id=run_id, **facts))
    row = (await conn.execute(select(artifact).where(*_is(landlord, seen)))).one()
    return ArtifactClaim(row.state, False, row.run_id, row.blob_id, row.name)


async def mark_artifact(
    conn: AsyncConnection,
    *,
    landlord: str,
    seen: Seen,
    state: ArtifactState,
    blob_id: UUID | None = None,
    beside_id: UUID | None = None,
) -> None:
    """Say what became of a claim, in the transaction that applied or refused it. A blob that is None stays as it is;
    `beside_id` is the one of the companions."""
    blobs = {"blob_id": blob_id, "beside_id": beside_id}
    values: dict[str, Any] = {"state": state} | {name: one for name, one in blobs.items() if one is not None}
    await conn.execute(update(artifact).where(*_is(landlord, seen)).values(values))


async def supersede_artifacts(
    conn: AsyncConnection, *, landlord: str, feed: str, kept: Sequence[Seen], mode: Mode
) -> None:
    """What is applied now takes the place of others, which may be applied again: of all that was before a snapshot,
    of the same content under another mapping in a delta."""
    own = [(seen.sha256, seen.mapping_version) for seen in kept]
    statement = update(artifact).where(
        artifact.c.landlord_id == landlord,
        artifact.c.feed == feed,
        artifact.c.state == "applied",
        tuple_(artifact.c.sha256, artifact.c.mapping_version).not_in(own),
    )
    if mode == "delta":
        statement = statement.where(artifact.c.sha256.in_([seen.sha256 for seen in kept]))
    await conn.execute(statement.values(state="superseded"))


async def refuse_artifacts(
    conn: AsyncConnection, *, landlord: str, feed: str, mapping_version: str, sha256s: Sequence[str]
) -> None:
    """A person rejected these contents: what was held of them is refused."""
    statement = update(artifact).where(
        artifact.c.landlord_id == landlord,
        artifact.c.feed == feed,
        artifact.c.mapping_version == mapping_version,
        artifact.c.sha256.in_(sha256s),
        artifact.c.state == "held",
    )
    await conn.execute(statement.values(state="refused"))


async def see_again(conn: AsyncConnection, *, landlord: str, seen: Seen) -> None:
    """An applied content was met under another name or time: by that it is known from now on."""
    asked = {"landlord": landlord, "feed": seen.feed, "sha256": seen.sha256, "name": seen.name}
    await conn.execute(_RENAME, asked)
    facts = {"name": seen.name, "size": seen.size, "modified": seen.modified, "group_key": seen.group}
    differs = or_(*(artifact.c[name].is_distinct_from(value) for name, value in facts.items()))
    await conn.execute(update(artifact).where(*_is(landlord, seen), differs).values(facts))


async def find_applied(
    conn: AsyncConnection, *, landlord: str, feed: str, mapping_version: str, name: str, size: int, modified: datetime
) -> bool:
    """Whether a file of this name, size and time is applied under this mapping: then it need not be fetched."""
    same = {"landlord_id": landlord, "feed": feed, "mapping_version": mapping_version, "name": name, "size": size}
    statement = select(artifact.c.sha256).where(
        *(artifact.c[column] == value for column, value in same.items()),
        artifact.c.modified == modified,
        artifact.c.state == "applied",
    )
    return (await conn.execute(statement.limit(1))).first() is not None


async def was_applied(
    conn: AsyncConnection, *, landlord: str, feed: str, name: str, size: int, modified: datetime
) -> bool:
    """Whether a file of this name, size and time was ever applied, under whatever mapping."""
    same = {"landlord_id": landlord, "feed": feed, "name": name, "size": size, "modified": modified}
    ended = artifact.c.state.in_(("applied", "superseded"))
    statement = select(artifact.c.sha256).where(ended, *(artifact.c[column] == value for column, value in same.items()))
    return (await conn.execute(statement.limit(1))).first() is not None


def _is(landlord: str, seen: Seen) -> tuple[Any, ...]:
    key = {"feed": seen.feed, "sha256": seen.sha256, "mapping_version": seen.mapping_version}
    return (artifact.c.landlord_id == landlord, *(artifact.c[name] == value for name, value in key.items()))
