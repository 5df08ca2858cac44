"""Runs and what each feed did in them: the report a person reads in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import feed_run, run

AskedBy = Literal["schedule", "operator"]
RunState = Literal["queued", "running", "done", "held", "failed"]
FeedRunState = Literal["waiting", "reading", "applying", "applied", "unchanged", "held", "refused", "failed", "skipped"]

_RUN = ("id", "asked_by", "slot", "feeds", "config_version", "state", "queued_at", "started_at", "finished_at")
_COUNTS = ("read", "added", "changed", "unchanged", "missing", "returned", "quarantined")
_FEED_RUN = (
    "feed",
    "stream",
    "state",
    *_COUNTS,
    "error_code",
    "error",
    "hint",
    "hold_id",
    "note",
    "files",
    "started_at",
    "finished_at",
)


@dataclass(frozen=True, slots=True)
class FeedRun:
    """What one feed did in a run. `error` and `hint` name file, line and field, and hold no personal data. `hold_id`:
    what keeps its data back (its own, or a parent's); `note`: what else a person should know."""

    feed: str
    stream: str
    state: FeedRunState
    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    returned: int = 0
    quarantined: int = 0
    error_code: str | None = None
    error: str | None = None
    hint: str | None = None
    hold_id: int | None = None
    note: str | None = None
    files: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of some feeds of a landlord. `slot` is the schedule's, None when a person asked."""

    id: int
    asked_by: AskedBy
    slot: datetime | None
    feeds: tuple[str, ...]
    config_version: int
    state: RunState
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    feed_runs: tuple[FeedRun, ...] = field(default=())


async def create_run(
    conn: AsyncConnection,
    *,
    landlord: str,
    asked_by: AskedBy,
    feeds: Sequence[str],
    config_version: int,
    now: datetime,
    slot: datetime | None = None,
) -> int:
    """A queued run. Gives its id."""
    row: dict[str, Any] = {"landlord_id": landlord, "asked_by": asked_by, "slot": slot, "feeds": list(feeds)}
    row |= {"config_version": config_version, "queued_at": now}
    run_id: int = (await conn.execute(insert(run).values(row).returning(run.c.id))).scalar_one()
    return run_id


async def find_run_of_slot(conn: AsyncConnection, *, slot: datetime, feeds: Sequence[str]) -> Run | None:
    """The run a schedule's slot already has: a job taken up again after a crash goes on with it."""
    mine = (run.c.asked_by == "schedule", run.c.slot == slot, run.c.feeds == list(feeds))
    row = (await conn.execute(_runs().where(*mine).order_by(run.c.id.desc()).limit(1))).one_or_none()
    return None if row is None else _run(row)


async def start_run(conn: AsyncConnection, run_id: int, *, now: datetime) -> None:
    """Running; a run begun before a crash keeps its first start."""
    waiting = (run.c.id == run_id, run.c.started_at.is_(None))
    await conn.execute(update(run).where(*waiting).values(state="running", started_at=now))


async def finish_run(
    conn: AsyncConnection, run_id: int, *, state: Literal["done", "held", "failed"], now: datetime
) -> None:
    """Ended, with the time it took."""
    await conn.execute(update(run).where(run.c.id == run_id).values(state=state, finished_at=now))


async def end_abandoned_runs(conn: AsyncConnection, run_id: int, *, now: datetime) -> None:
    """A landlord's runs go one after the other: one that still runs when another begins lost its worker for good."""
    left = (run.c.state == "running", run.c.id != run_id)
    await conn.execute(update(run).where(*left).values(state="failed", finished_at=now))


async def end_dead_run(
    conn: AsyncConnection, *, landlord: str, run_id: int | None, slot: datetime | None, now: datetime
) -> None:
    """The run of a job that was given up, by its id, or the one of a schedule's slot, has failed."""
    mine = run.c.id == run_id if run_id is not None else and_(run.c.asked_by == "schedule", run.c.slot == slot)
    left = (run.c.landlord_id == landlord, mine, run.c.state.in_(("queued", "running")))
    await conn.execute(update(run).where(*left).values(state="failed", finished_at=now))


async def put_feed_run(conn: AsyncConnection, *, landlord: str, run_id: int, report: FeedRun) -> None:
    """What a feed did so far; a later report of the same feed replaces the earlier."""
    values = {name: getattr(report, name) for name in _FEED_RUN if name != "feed"} | {"files": list(report.files)}
    statement = upsert(feed_run).values(landlord_id=landlord, run_id=run_id, feed=report.feed, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["landlord_id", "run_id", "feed"], set_=values))


async def unfinished_run(conn: AsyncConnection) -> int | None:
    """The landlord's oldest run that has not ended: queued, running, or waiting for its ERP."""
    found = await conn.execute(select(run.c.id).where(run.c.finished_at.is_(None)).order_by(run.c.id).limit(1))
    return found.scalar_one_or_none()


async def list_runs(conn: AsyncConnection, *, before: int | None = None, limit: int = 20) -> list[Run]:
    """The landlord's runs, newest first, each with its feeds' reports; `before` goes on after the last id seen."""
    statement = _runs().order_by(run.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(run.c.id < before)
    rows = (await conn.execute(statement)).all()
    reports = await _reports(conn, [row.id for row in rows])
    return [_run(row, reports[row.id]) for row in rows]


async def get_run(conn: AsyncConnection, run_id: int) -> Run | None:
    """One run with its feeds' reports, in the order of the run's feeds."""
    row = (await conn.execute(_runs().where(run.c.id == run_id))).one_or_none()
    return None if row is None else _run(row, (await _reports(conn, [run_id]))[run_id])


def _runs() -> Select[Any]:
    return select(*(run.c[name] for name in _RUN))


async def _reports(conn: AsyncConnection, run_ids: Sequence[int]) -> dict[int, list[FeedRun]]:
    found: dict[int, list[FeedRun]] = {run_id: [] for run_id in run_ids}
    columns = (feed_run.c[name] for name in ("run_id", *_FEED_RUN))
    for row in await conn.execute(select(*columns).where(feed_run.c.run_id.in_(run_ids))):
        values = {name: getattr(row, name) for name in _FEED_RUN} | {"files": tuple(row.files)}
        found[row.run_id].append(FeedRun(**values))
    return found


def _run(row: Any, reports: Sequence[FeedRun] = ()) -> Run:
    feeds = tuple(row.feeds)
    order = {feed: place for place, feed in enumerate(feeds)}
    ordered = sorted(reports, key=lambda report: (order.get(report.feed, len(order)), report.feed))
    values = {name: getattr(row, name) for name in _RUN} | {"feeds": feeds}
    return Run(**values, feed_runs=tuple(ordered))
