"""Problems of feeds, and of payments as a whole, as rows: open until they are over, so that people are told once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import alert, told

Problem = Literal["held", "failed", "late", "payments"]
PAYMENTS_FEED: Final = "Payments"
"""Where a feed's name stands for the landlord's payments as a whole: no feed can be called so (names are small)."""

_RETURNED: Final = (alert.c.id, alert.c.feed, alert.c.problem, alert.c.run_id, alert.c.opened_at)


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem of a feed. `run_id`: the run it was seen in first."""

    id: int
    feed: str
    problem: Problem
    run_id: int | None
    opened_at: datetime


async def open_alert(
    conn: AsyncConnection, *, landlord: str, feed: str, problem: Problem, run_id: int | None, now: datetime
) -> Alert | None:
    """The problem, if it is new; None while it is known already."""
    row = {"landlord_id": landlord, "feed": feed, "problem": problem, "run_id": run_id, "opened_at": now}
    statement = upsert(alert).values(**row, told_at=now)
    statement = statement.on_conflict_do_nothing(
        index_elements=["landlord_id", "feed", "problem"], index_where=text("state = 'open'")
    )
    return next(iter(_alerts(await conn.execute(statement.returning(*_RETURNED)))), None)


async def close_alerts(
    conn: AsyncConnection, *, landlord: str, feed: str, problems: Collection[Problem], now: datetime
) -> list[Alert]:
    """Those of the problems that were open and are over."""
    mine = (alert.c.landlord_id == landlord, alert.c.feed == feed, alert.c.state == "open")
    statement = update(alert).where(*mine, alert.c.problem.in_(problems)).values(state="closed", closed_at=now)
    return _alerts(await conn.execute(statement.returning(*_RETURNED)))


async def list_open_alerts(conn: AsyncConnection, *, landlord: str) -> list[Alert]:
    """The landlord's open problems, oldest first."""
    mine = (alert.c.landlord_id == landlord, alert.c.state == "open")
    return _alerts(await conn.execute(select(*_RETURNED).where(*mine).order_by(alert.c.id)))


async def take_reminders(conn: AsyncConnection, *, landlord: str, before: datetime, now: datetime) -> list[Alert]:
    """The open problems people were last told of before then; they count as told now, for one caller only."""
    mine = (alert.c.landlord_id == landlord, alert.c.state == "open", alert.c.told_at <= before)
    return _alerts(await conn.execute(update(alert).where(*mine).values(told_at=now).returning(*_RETURNED)))


async def get_alerts(conn: AsyncConnection, *, landlord: str, ids: Collection[int]) -> list[Alert]:
    """Problems by their numbers, open or over."""
    mine = (alert.c.landlord_id == landlord, alert.c.id.in_(ids))
    return _alerts(await conn.execute(select(*_RETURNED).where(*mine).order_by(alert.c.id)))


async def take_slot(conn: AsyncConnection, *, landlord: str, topic: str, slot: datetime) -> bool:
    """Whether it falls to this caller to tell a topic for a slot. The first slot ever seen is only noted: who turns a
    summary on at noon is not told at once of the morning."""
    statement = upsert(told).values(landlord_id=landlord, topic=topic, slot=slot)
    known = await conn.execute(
        statement.on_conflict_do_update(
            index_elements=["landlord_id", "topic"], set_={"slot": slot}, where=told.c.slot < slot
        ).returning(text("xmax <> 0"))
    )
    return bool(known.scalar_one_or_none())


def _alerts(rows: Any) -> list[Alert]:
    return [Alert(**row._mapping) for row in rows]
