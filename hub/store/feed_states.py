"""A feed's checkpoint: how far it is read and applied, written in the transaction that applies its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import feed_state

_NAMES = ("feed", "stream", "source", "mapping_version", "cursor", "generation", "last_good_run", "as_of", "sequence")


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where a feed stands. `generation` counts what was applied; `as_of`: when that was read at the source.
    `sequence`: of the last input, where they are counted."""

    feed: str
    stream: str
    source: str
    mapping_version: str
    cursor: str | None
    generation: int
    last_good_run: int | None
    as_of: datetime | None
    sequence: str | None = None

    def cursor_for(self, mapping_version: str, source: str) -> str | None:
        """Where to go on: from the start under another mapping, or from another ERP, than the cursor was made for."""
        return self.cursor if (self.mapping_version, self.source) == (mapping_version, source) else None


async def get_feed_state(conn: AsyncConnection, *, landlord: str, feed: str) -> FeedState | None:
    """The feed's checkpoint; None before its first good run."""
    statement = select(*(feed_state.c[name] for name in _NAMES))
    row = (
        await conn.execute(statement.where(feed_state.c.landlord_id == landlord, feed_state.c.feed == feed))
    ).one_or_none()
    return None if row is None else FeedState(**row._mapping)


async def date_feed(conn: AsyncConnection, *, landlord: str, feed: str, as_of: datetime) -> None:
    """What is held was found to be true at a later time too."""
    older = (feed_state.c.landlord_id == landlord, feed_state.c.feed == feed, feed_state.c.as_of < as_of)
    await conn.execute(update(feed_state).where(*older).values(as_of=as_of))


async def advance_feed(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str,
    stream: str,
    source: str,
    mapping_version: str,
    cursor: str | None,
    run_id: int,
    as_of: datetime,
    sequence: str | None = None,
) -> int:
    """Move the checkpoint on, in the applying transaction. Gives the new generation."""
    values: dict[str, Any] = {"stream": stream, "source": source, "mapping_version": mapping_version, "cursor": cursor}
    values |= {"last_good_run": run_id, "as_of": as_of, "sequence": sequence}
    statement = upsert(feed_state).values(landlord_id=landlord, feed=feed, generation=1, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["landlord_id", "feed"], set_={**values, "generation": feed_state.c.generation + 1}
    )
    generation: int = (await conn.execute(statement.returning(feed_state.c.generation))).scalar_one()
    return generation


async def put_sequence(conn: AsyncConnection, *, landlord: str, feed: str, sequence: str) -> None:
    """Note the number of an input that brought nothing new."""
    mine = (feed_state.c.landlord_id == landlord, feed_state.c.feed == feed)
    await conn.execute(update(feed_state).where(*mine).values(sequence=sequence))
