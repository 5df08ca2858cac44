"""Refused lines on their way back: what a retry asks of the stage, in the transaction that applies it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import Reject, Stream
from hub.store.shape import shape_of

Place = tuple[str, int]
"""File and line, as the quarantine names them."""


async def drop_settled(conn: AsyncConnection, *, landlord: str, feed: str, stream: Stream) -> set[Place]:
    """Take staged lines out that wait no more: somebody settled them meanwhile. Gives the places of those left."""
    stage = shape_of(stream).stage
    await conn.execute(
        text(
            f"""delete from {stage} s where not exists (
                  select from quarantine q
                  where q.landlord_id = :landlord and q.feed = :feed and q.state in ('open', 'parked')
                    and q.file = coalesce(s.file, '') and q.line = s.line)"""
        ),
        {"landlord": landlord, "feed": feed},
    )
    return _places(await conn.execute(text(f"select coalesce(file, '') as file, line from {stage}")))


async def refuse_older(
    conn: AsyncConnection, *, landlord: str, source: str, stream: Stream, since_run: int, own_run: int | None
) -> list[Reject]:
    """Take staged rows of a delta out whose held row says something else, and was written by the run that first read
    their input, or a later one: which of the two is newer is not told by the line alone. `own_run` does not count: what
    it wrote of the key comes from an earlier line."""
    shape = shape_of(stream)
    found = await conn.execute(
        text(
            f"""with newer as (
                  select s.seq, t.changed_run from {shape.stage} s
                  {shape.joins()} join {shape.table} t on {shape.same_row()}
                  where t.changed_run >= :run and t.changed_run is distinct from cast(:own as bigint)
                    and {shape.differs()})
                delete from {shape.stage} s using newer n where n.seq = s.seq
                returning s.line, s.file, n.changed_run"""
        ),
        {"landlord": landlord, "source": source, "run": since_run, "own": own_run},
    )
    return [_older(row.line, row.file, row.changed_run) for row in found]


def _older(line: int | None, file: str | None, run: int) -> Reject:
    return Reject(
        "NEWER_HELD",
        f"run {run} brought a row of the same key, perhaps a newer one: `housing-hub sync … --reread` reads all in its "
        "order again, or dismiss this line",
        line=line,
        file=file,
    )


def _places(rows: Iterable[Row[Any]]) -> set[Place]:
    return {(row.file, row.line or 0) for row in rows}
