"""Schedules as rows: a landlord's are kept in step with its file; the scheduler takes the due ones of all landlords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import schedule

_TAKE_DUE: Final = text("""
    select landlord_id, name, time_zone, next_run, connectors from schedule where next_run <= :now
    order by next_run limit :limit for update skip locked""")

# While an earlier slot's run has not begun, a further one would only do the same again. One that waits for some of its
# ERPs to answer does not stand for the others.
_ASK_FOR_RUN: Final = text("""
    insert into job (landlord_id, queue, kind, dedup_key, order_key, needs, run_at, payload, created_at)
    select :landlord, :queue, :kind, :dedup_key, :order_key, nullif(cast(:needs as text[]), '{}'), :now, :payload, :now
    where not exists (
        select from job where landlord_id = :landlord and queue = :queue and kind = :kind and state = 'ready'
          and starts_with(dedup_key, :prefix) and coalesce(needs, '{}') @> cast(:needs as text[]))
    on conflict do nothing returning id""").bindparams(bindparam("payload", type_=JSONB))

_WAITS: Final = text("""
    select from job where landlord_id = :landlord and queue = :queue and kind = :kind and state = 'ready'
      and id < :before and starts_with(dedup_key, :prefix) and needs @> cast(:needs as text[]) limit 1""")


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One plan of a landlord and the feeds that share it; `next_run` None: only when a person asks. `connectors`: whom
    its runs call."""

    name: str
    time_zone: str
    feeds: tuple[str, ...]
    next_run: datetime | None
    last_slot: datetime | None = None
    connectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule whose slot has come."""

    landlord: str
    name: str
    time_zone: str
    slot: datetime
    connectors: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """What the dedup keys of all its runs begin with."""
        return f"{self.name}@"

    @property
    def dedup_key(self) -> str:
        """One run a slot, however many schedulers tick."""
        return f"{self.prefix}{self.slot.isoformat()}"


async def list_schedules(conn: AsyncConnection) -> list[ScheduleRow]:
    """The landlord's schedules by name."""
    names = ("name", "time_zone", "feeds", "next_run", "last_slot", "connectors")
    rows = await conn.execute(select(*(schedule.c[name] for name in names)).order_by(schedule.c.name))
    return [
        ScheduleRow(row.name, row.time_zone, tuple(row.feeds), row.next_run, row.last_slot, tuple(row.connectors))
        for row in rows
    ]


async def put_schedules(conn: AsyncConnection, *, landlord: str, wanted: Sequence[ScheduleRow]) -> bool:
    """Keep the rows in step with the landlord's file; True when something changed.

    An expression that stays keeps its next slot (unless the time zone moved); one that vanished is removed.
    """
    held = {row.name: row for row in await list_schedules(conn)}
    changed = [row for row in wanted if not _same(held.get(row.name), row)]
    vanished = held.keys() - {row.name for row in wanted}
    for row in changed:
        await _put(conn, landlord, row, held.get(row.name))
    if vanished:
        await conn.execute(delete(schedule).where(schedule.c.landlord_id == landlord, schedule.c.name.in_(vanished)))
    return bool(changed or vanished)


async def take_due(conn: AsyncConnection, *, now: datetime, limit: int) -> list[DueSchedule]:
    """Lock due schedules of all landlords, on a connection of `hub_dispatch`; others' locked ones are passed over."""
    rows = await conn.execute(_TAKE_DUE, {"now": now, "limit": limit})
    return [DueSchedule(row.landlord_id, row.name, row.time_zone, row.next_run, tuple(row.connectors)) for row in rows]


async def move_on(conn: AsyncConnection, due: DueSchedule, *, next_run: datetime | None) -> None:
    """The slot is dealt with; the next one, in the same transaction."""
    statement = update(schedule).where(schedule.c.landlord_id == due.landlord, schedule.c.name == due.name)
    await conn.execute(statement.values(next_run=next_run, last_slot=due.slot))


async def ask_for_run(
    conn: AsyncConnection,
    due: DueSchedule,
    *,
    queue: str,
    kind: str,
    order_key: str,
    now: datetime,
    more: Mapping[str, str] | None = None,
) -> int | None:
    """The job of a slot, `more` in its payload. None when an earlier slot of the schedule still waits to begin."""
    asked: dict[str, Any] = {
        "landlord": due.landlord,
        "queue": queue,
        "kind": kind,
        "dedup_key": due.dedup_key,
        "prefix": due.prefix,
        "order_key": order_key,
        "needs": list(due.connectors),
        "now": now,
        "payload": {"schedule": due.name, "slot": due.slot.isoformat(), **(more or {})},
    }
    return (await conn.execute(_ASK_FOR_RUN, asked)).scalar_one_or_none()


async def has_waiting_run(
    conn: AsyncConnection, *, landlord: str, schedule: str, queue: str, kind: str, needs: Sequence[str], before: int
) -> bool:
    """Whether an older run of the schedule than job `before` waits for these connectors already."""
    asked = {"landlord": landlord, "prefix": f"{schedule}@", "queue": queue, "kind": kind, "needs": list(needs)}
    return (await conn.execute(_WAITS, asked | {"before": before})).first() is not None


def _same(held: ScheduleRow | None, wanted: ScheduleRow) -> bool:
    if held is None:
        return False
    return (held.time_zone, held.feeds, held.connectors) == (wanted.time_zone, wanted.feeds, wanted.connectors)


async def _put(conn: AsyncConnection, landlord: str, row: ScheduleRow, held: ScheduleRow | None) -> None:
    keeps_slot = held is not None and held.time_zone == row.time_zone
    values: dict[str, Any] = {"time_zone": row.time_zone, "feeds": list(row.feeds), "connectors": list(row.connectors)}
    values |= {} if keeps_slot else {"next_run": row.next_run}
    statement = upsert(schedule).values(landlord_id=landlord, name=row.name, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["landlord_id", "name"], set_=values))
