"""Which days an input of a window is complete for."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from hub.config import FeedConfig
from hub.domain.modes import Days
from hub.errors import InputRefusedError
from hub.store.handles import Connection
from hub.store.reach import staged_days


def day_of(group: str, as_of: datetime, zone: ZoneInfo) -> date:
    """The day an input is of: the date in its name where it has one, else the one it was true at."""
    try:
        return datetime.fromisoformat(group).date()
    except ValueError:
        return as_of.astimezone(zone).date()


def told_days(feed: FeedConfig, group: str, as_of: datetime, zone: ZoneInfo) -> Days | None:
    """The days the landlord's file says an input covers; None of other modes, and where its rows tell."""
    return feed.covers.covers().of(day_of(group, as_of, zone)) if feed.covers is not None else None


async def days_of(feed: FeedConfig, conn: Connection, told: Days | None, *, partial: bool = False) -> Days | None:
    """The days what is staged is complete for; None of other modes. `partial`: just some of its lines are staged.

    Raises InputRefusedError for a window that tells nothing: without rows nobody knows which days it is silent on.
    """
    if feed.mode != "window" or told is not None or partial:
        return told
    found = await staged_days(conn, feed.stream)
    if found is None:
        raise InputRefusedError(
            "the file has no row, and its rows are to say which days it is complete for: nothing was changed",
            hint="ask for the file again, or write covers = { days = … }",
        )
    return found
