"""How a landlord's feeds stand, in a few set-based statements: what gauges and the daily summary say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.balance_rows import count_differences
from hub.store.quarantine_rows import count_quarantine
from hub.store.tables import feed_run, feed_state, hold, job, run


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """Of one landlord, by feed: when the served data was true at the source, open quarantine rows, open holds; and the
    number of dead jobs; `looked`: when the source was last looked at with success, new data there or not; `differing`:
    accounts whose balance is not what their entries add up to."""

    as_of: dict[str, datetime] = field(default_factory=dict)
    looked: dict[str, datetime] = field(default_factory=dict)
    rejects: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    dead_jobs: int = 0
    differing: int = 0


async def feed_facts(conn: AsyncConnection, *, landlord: str) -> FeedFacts:
    """How the landlord's feeds stand now."""
    dated = select(feed_state.c.feed, feed_state.c.as_of).where(
        feed_state.c.landlord_id == landlord, feed_state.c.as_of.is_not(None)
    )
    held = select(hold.c.feed, func.count().label("open")).where(hold.c.landlord_id == landlord, hold.c.state == "open")
    dead = select(func.count()).where(job.c.landlord_id == landlord, job.c.state == "dead")
    return FeedFacts(
        looked=await _looked(conn, landlord),
        as_of={row.feed: row.as_of for row in await conn.execute(dated)},
        rejects=await count_quarantine(conn, landlord=landlord),
        holds={row.feed: row.open for row in await conn.execute(held.group_by(hold.c.feed))},
        dead_jobs=(await conn.execute(dead)).scalar_one(),
        differing=(await count_differences(conn, landlord=landlord)).accounts,
    )


async def _looked(conn: AsyncConnection, landlord: str) -> dict[str, datetime]:
    """When each feed was last applied or found unchanged."""
    mine = (feed_run.c.landlord_id == landlord, feed_run.c.feed == feed_state.c.feed)
    good = select(feed_run.c.finished_at).where(*mine, feed_run.c.state.in_(("applied", "unchanged")))
    last = good.order_by(feed_run.c.run_id.desc()).limit(1).lateral("last")
    statement = select(feed_state.c.feed, last.c.finished_at).join(last, true())
    found = await conn.execute(statement.where(feed_state.c.landlord_id == landlord, last.c.finished_at.is_not(None)))
    return {row.feed: row.finished_at for row in found}


async def count_runs(conn: AsyncConnection, *, landlord: str, since: datetime) -> dict[str, int]:
    """The runs that ended since then, by state."""
    ended = (run.c.landlord_id == landlord, run.c.finished_at >= since)
    statement = select(run.c.state, func.count().label("runs")).where(*ended).group_by(run.c.state)
    return {row.state: row.runs for row in await conn.execute(statement)}
