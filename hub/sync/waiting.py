"""What a feed waits for before it may be read: its parents, and decisions of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.config import FeedConfig, LandlordConfig
from hub.config.landlord_config import ancestors, parents
from hub.errors import RetryableError
from hub.store.feed_states import get_feed_state
from hub.store.handles import Connection
from hub.store.hold_rows import Hold, supersede_holds, waiting_holds


class WaitingError(RetryableError):
    """A feed whose parents have not arrived."""

    code = "WAITING"


async def never_brought(conn: Connection, config: LandlordConfig, name: str) -> WaitingError | None:
    """Why a feed cannot be read yet: what its rows refer to was never brought. A delta's lines are sent once, and
    would all be refused."""
    feed = config.feed(name)
    needed = parents(feed.stream)
    for one in config.feeds:
        is_parent = one.connector == feed.connector and one.stream in needed
        if is_parent and await get_feed_state(conn, landlord=config.slug, feed=one.name) is None:
            return WaitingError(
                f"its rows refer to {one.stream}, and feed {one.name} was never applied",
                hint=f"`housing-hub sync {config.slug}` brings all feeds in their order",
            )
    return None


async def hold_above(conn: Connection, config: LandlordConfig, name: str) -> Hold | None:
    """A hold that still waits of a feed whose rows this feed's rows may refer to."""
    feed = config.feed(name)
    above = ancestors(feed.stream)
    waiting = await waiting_holds(conn)
    first = (one for one in config.feeds if one.connector == feed.connector and one.stream in above)
    return next((waiting[one.name] for one in first if one.name in waiting), None)


def waiting_for(hold: Hold, landlord: str) -> dict[str, Any]:
    """The report of a feed whose parents are held: nothing of it is read, so that no line of a delta is lost."""
    return {
        "state": "waiting",
        "hold_id": hold.id,
        "error_code": "WAITING_FOR_HOLD",
        "error": f"waiting for hold {hold.id} of {hold.feed}",
        "hint": f"decide it first: `housing-hub holds show {landlord} {hold.id}`",
    }


async def approved_hold(
    conn: Connection, feed: FeedConfig, *, landlord: str, run_id: int, now: datetime
) -> Hold | None:
    """What a person let through and is not applied yet. Read under another mapping it would be something else."""
    hold = (await waiting_holds(conn)).get(feed.name)
    if hold is None or hold.state != "approved":
        return None
    if hold.mapping_version == feed.mapping_version:
        return hold
    reason = "the feed's mapping changed before it was applied"
    await supersede_holds(conn, landlord=landlord, feed=feed.name, run_id=run_id, now=now, reason=reason)
    return None
