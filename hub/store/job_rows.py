"""Jobs as rows: asked for in the caller's transaction, claimed in batches, finished only by whoever holds the token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import InvalidAskError, NotFoundError
from hub.store.tables import job

WokenBy = Literal["bell", "poll"]
SUSPECT_AFTER: Final = 2  # attempts


def _passes(job: str) -> str:
    """A job waits while the breaker of every connector it needs is open."""
    return f"""(
    {job}.needs is null or exists (
        select from unnest({job}.needs) as n (name)
        left join breaker b on b.landlord_id = {job}.landlord_id and b.connector = n.name
        where b.state is distinct from 'open' or b.open_until <= :now))"""


def _its_turn(job: str, other: str) -> str:
    """A job with an order key waits for every older open one of its key, also one that waits to be tried again; but not
    for one whose ERPs do not answer."""
    return f"""(
    {job}.order_key is null or not exists (
        select from job {other}
        where {other}.landlord_id = {job}.landlord_id and {other}.order_key = {job}.order_key
          and {other}.id <> {job}.id and {other}.state in ('ready', 'leased')
          and ({other}.state = 'leased' or ({other}.id < {job}.id and {_passes(other)}))))"""


# Jobs that use a connector are counted with the older ones that are about to: so two claims at once agree on who is
# next. While a breaker is not closed, one trial at a time. No more are counted than there is room for: else a queue of
# thousands that wait for an ERP would look at each of its jobs once for each of them.
_CAP: Final = "case c.state when 'closed' then c.max_at_once else 1 end"
_USES_IT: Final = "u.landlord_id = j.landlord_id and u.needs is not null and c.connector = any (u.needs)"
_ROOM: Final = f"""(
    j.needs is null or not exists (
        select from breaker c
        where c.landlord_id = j.landlord_id and c.connector = any (j.needs)
          and (c.state <> 'open' or c.open_until <= :now)
          and {_CAP} <= (
              select count(*) from (
                  select 1 from job u where {_USES_IT} and u.id <> j.id and u.state = 'leased'
                  union all (
                      select 1 from job u
                      where {_USES_IT} and u.id < j.id and u.state = 'ready' and u.run_at <= :now
                        and {_passes("u")} and {_its_turn("u", "p")}
                      order by u.id limit {_CAP})
                  limit {_CAP}) as before)))"""

_MAY_START: Final = f"""{_its_turn("j", "o")} and {_passes("j")} and {_ROOM}"""

_BURY_ABANDONED: Final = text("""
    with abandoned as (
        select landlord_id, id from job
        where queue = :queue and state = 'leased' and lease_until < now() and attempts >= max_attempts
        for update skip locked)
    update job set state = 'dead', lease_until = null, finished_at = :now,
        last_error = format('its worker was lost during the last of %s attempts', job.max_attempts)
    from abandoned a where job.landlord_id = a.landlord_id and job.id = a.id
    returning job.landlord_id, job.id, job.kind""")

# A job whose worker was lost twice may be what kills them: it is claimed alone (ADR 0009).
_CLAIM: Final = text(f"""
    with suspect as (
        select landlord_id, id from job
        where queue = :queue and state = 'leased' and lease_until < now()
          and attempts >= {SUSPECT_AFTER} and attempts < max_attempts
        order by lease_until limit 1 for update skip locked),
    expired as (
        select landlord_id, id from job
        where queue = :queue and state = 'leased' and lease_until < now()
          and attempts < {SUSPECT_AFTER} and attempts < max_attempts and not exists (select from suspect)
        order by lease_until limit :slots for update skip locked),
    due as (
        select landlord_id, id from job j
        where queue = :queue and state = 'ready' and run_at <= :now and {_MAY_START}
          and not exists (select from suspect)
        order by run_at, id limit :slots for update of j skip locked),
    chosen as (
        select *, true as alone from suspect
        union all (select *, false from expired union all select *, false from due limit :slots))
    update job set state = 'leased', token = token + 1, attempts = attempts + 1, woken_by = :woken_by,
        lease_until = now() + make_interval(secs => :lease_seconds)
    from chosen c where job.landlord_id = c.landlord_id and job.id = c.id
    returning job.landlord_id, job.id, job.kind, job.order_key, job.token, job.attempts, job.max_attempts, c.alone""")

_BEAT: Final = text("""
    with mine as (
        select landlord_id, id from job
        where landlord_id = :landlord and id = :id and token = :token and state = 'leased'
        for update skip locked)
    update job set lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    from mine m where job.landlord_id = m.landlord_id and job.id = m.id""")

_OVERDUE: Final = text(f"""
    select queue, count(*) as waiting, min(run_at) as since from job j
    where queue = any(:queues) and state = 'ready' and run_at <= :now and {_MAY_START}
    group by queue""")


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job leased to us: what the dispatcher may see of it. Every later write is guarded by `token`.

    `alone`: it may be what killed its workers, so nothing is to be started beside it.
    """

    landlord: str
    id: int
    queue: str
    kind: str
    order_key: str | None
    token: int
    attempts: int
    max_attempts: int
    woken_by: WokenBy
    alone: bool = False


@dataclass(frozen=True, slots=True)
class BuriedJob:
    """A job just given up because its workers kept dying."""

    landlord: str
    id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim found: the jobs leased, and those given up because their workers kept dying."""

    jobs: list[ClaimedJob]
    buried: list[BuriedJob]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Jobs of a queue that could be started now and are not; `since` is when the oldest became due."""

    queue: str
    waiting: int
    since: datetime


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job nobody tries any more, with its reason."""

    id: int
    queue: str
    kind: str
    dedup_key: str
    attempts: int
    last_error: str | None
    created_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class NextTry:
    """When a job that failed is tried again: the how manieth attempt that will be, of how many."""

    at: datetime
    attempt: int
    attempts: int


async def enqueue(
    conn: AsyncConnection,
    *,
    landlord: str,
    queue: str,
    kind: str,
    dedup_key: str,
    payload: Mapping[str, Any],
    now: datetime,
    order_key: str | None = None,
    run_at: datetime | None = None,
    max_attempts: int = 5,
    needs: Sequence[str] = (),
) -> int | None:
    """Ask for a job in the caller's transaction. None when the same (kind, dedup key) is already open.

    Jobs of one `order_key` run one at a time, oldest first. `needs`: the connectors it calls; it waits while the
    breakers of all of them are open, and for room beside other jobs that use them. Ring the bell after the commit.
    """
    row = {
        "landlord_id": landlord,
        "queue": queue,
        "kind": kind,
        "dedup_key": dedup_key,
        "order_key": order_key,
        "run_at": run_at or now,
        "payload": dict(payload),
        "max_attempts": max_attempts,
        "needs": list(needs) or None,
        "created_at": now,
    }
    statement = (
        upsert(job)
        .values(row)
        .on_conflict_do_nothing(
            index_elements=["landlord_id", "kind", "dedup_key"], index_where=text("state in ('ready', 'leased')")
        )
        .returning(job.c.id)
    )
    job_id: int | None = (await conn.execute(statement)).scalar_one_or_none()
    return job_id


async def claim(
    conn: AsyncConnection, *, queue: str, slots: int, lease_seconds: float, now: datetime, woken_by: WokenBy
) -> Claim:
    """Lease up to `slots` jobs of all landlords, on a connection of `hub_dispatch`.

    Ready and due by business time `now`, or leased to a worker that died (by database time); one that lost its worker
    twice comes by itself. Commit, then run them.
    """
    buried = (await conn.execute(_BURY_ABANDONED, {"queue": queue, "now": now})).all()
    asked = {"queue": queue, "slots": slots, "lease_seconds": lease_seconds, "now": now, "woken_by": woken_by}
    rows = (await conn.execute(_CLAIM, asked)).all()
    jobs = [
        ClaimedJob(
            landlord=row.landlord_id,
            id=row.id,
            queue=queue,
            kind=row.kind,
            order_key=row.order_key,
            token=row.token,
            attempts=row.attempts,
            max_attempts=row.max_attempts,
            woken_by=woken_by,
            alone=row.alone,
        )
        for row in rows
    ]
    given_up = [BuriedJob(row.landlord_id, row.id, row.kind) for row in buried]
    return Claim(jobs=sorted(jobs, key=lambda one: one.id), buried=given_up)


async def backlog(conn: AsyncConnection, *, queues: Sequence[str], now: datetime) -> list[Backlog]:
    """Due jobs nobody has started, per queue, on a connection of `hub_dispatch`."""
    rows = await conn.execute(_OVERDUE, {"queues": list(queues), "now": now})
    return [Backlog(queue=row.queue, waiting=row.waiting, since=row.since) for row in rows]


async def read_payload(conn: AsyncConnection, claimed: ClaimedJob) -> dict[str, Any] | None:
    """What the job is about, on the landlord's own connection. None when the lease is no longer ours."""
    payload: dict[str, Any] | None = (
        await conn.execute(select(job.c.payload).where(*_mine(claimed)))
    ).scalar_one_or_none()
    return payload


async def payload_of_dead(conn: AsyncConnection, buried: BuriedJob) -> dict[str, Any] | None:
    """What a dead job was about, on the landlord's own connection. None when a person had it replayed meanwhile."""
    mine = (job.c.landlord_id == buried.landlord, job.c.id == buried.id, job.c.state == "dead")
    payload: dict[str, Any] | None = (await conn.execute(select(job.c.payload).where(*mine))).scalar_one_or_none()
    return payload


async def finish(conn: AsyncConnection, claimed: ClaimedJob, *, now: datetime) -> bool:
    """Done, in the transaction of its effects. False: the lease went to another, and the effects must not be kept."""
    return await _settle(conn, claimed, state="done", finished_at=now, lease_until=None, last_error=None)


async def try_later(conn: AsyncConnection, claimed: ClaimedJob, *, run_at: datetime, error: str) -> bool:
    """Ready again from `run_at`. False when the lease was lost."""
    return await _settle(conn, claimed, state="ready", run_at=run_at, lease_until=None, last_error=error)


async def bury(conn: AsyncConnection, claimed: ClaimedJob, *, error: str, now: datetime) -> bool:
    """A dead letter with its reason. False when the lease was lost."""
    return await _settle(conn, claimed, state="dead", finished_at=now, lease_until=None, last_error=error)


async def put_off(
    conn: AsyncConnection, claimed: ClaimedJob, *, needs: Sequence[str], payload: Mapping[str, Any], error: str
) -> bool:
    """Ready again once the breaker of one of these connectors lets it pass, the attempt not counted; from now on about
    `payload`. False when the lease was lost."""
    values = {"needs": list(needs), "payload": dict(payload), "last_error": error}
    return await _settle(conn, claimed, state="ready", lease_until=None, attempts=job.c.attempts - 1, **values)


async def give_back(conn: AsyncConnection, claimed: ClaimedJob) -> bool:
    """Ready at once, the attempt not counted: this worker stops. False when the lease was lost."""
    return await _settle(conn, claimed, state="ready", lease_until=None, attempts=job.c.attempts - 1)


async def extend_lease(
    conn: AsyncConnection, claimed: ClaimedJob, *, lease_seconds: float
) -> Literal["held", "settled", "lost"]:
    """Hold on to the job in a transaction that writes for it: until that ends its row is locked, so nobody takes it.

    "settled": the job ended already; "lost": another has it. What the transaction wrote must not be kept then.
    """
    until = text("clock_timestamp() + make_interval(secs => :lease_seconds)").bindparams(lease_seconds=lease_seconds)
    if await _settle(conn, claimed, lease_until=until):
        return "held"
    return "settled" if await _state_under_token(conn, claimed) else "lost"


async def beat_lease(
    conn: AsyncConnection, claimed: ClaimedJob, *, lease_seconds: float
) -> Literal["held", "busy", "settled", "lost"]:
    """Hold on to a job that takes long, without waiting for anyone.

    "busy": a transaction of the job's own holds its row; "settled": the job ended meanwhile; "lost": another has it.
    """
    mine = {"landlord": claimed.landlord, "id": claimed.id, "token": claimed.token}
    if (await conn.execute(_BEAT, mine | {"lease_seconds": lease_seconds})).rowcount == 1:
        return "held"
    state = await _state_under_token(conn, claimed)
    if state == "leased":
        return "busy"
    return "settled" if state else "lost"


async def list_dead(conn: AsyncConnection, *, before: int | None = None, limit: int = 50) -> list[DeadJob]:
    """The landlord's dead letters, newest first; `before` goes on after the last id seen."""
    names = ("id", "queue", "kind", "dedup_key", "attempts", "last_error", "created_at", "finished_at")
    statement = select(*(job.c[name] for name in names)).where(job.c.state == "dead")
    if before is not None:
        statement = statement.where(job.c.id < before)
    rows = await conn.execute(statement.order_by(job.c.id.desc()).limit(limit))
    return [DeadJob(**row._mapping) for row in rows]


async def find_next_try(conn: AsyncConnection, *, kind: str, dedup_key: str) -> NextTry | None:
    """The next attempt at an open job that failed before; None when it has not, or is being done."""
    waits = (job.c.kind == kind, job.c.dedup_key == dedup_key, job.c.state == "ready", job.c.attempts > 0)
    row = (await conn.execute(select(job.c.run_at, job.c.attempts, job.c.max_attempts).where(*waits))).one_or_none()
    return None if row is None else NextTry(row.run_at, row.attempts + 1, row.max_attempts)


async def was_asked(
    conn: AsyncConnection, *, landlord: str, kind: str, dedup_key: str, still_open: bool = False
) -> bool:
    """Whether a job of this key was ever asked for, as long as it is kept; `still_open`: and waits or runs."""
    mine = [job.c.landlord_id == landlord, job.c.kind == kind, job.c.dedup_key == dedup_key]
    mine += [job.c.state.in_(("ready", "leased"))] if still_open else []
    return (await conn.execute(select(job.c.id).where(*mine).limit(1))).first() is not None


async def hurry(conn: AsyncConnection, *, landlord: str, order_key: str, now: datetime) -> None:
    """What waits under this key to be tried again is due at once."""
    waiting = (job.c.landlord_id == landlord, job.c.order_key == order_key, job.c.state == "ready", job.c.run_at > now)
    await conn.execute(update(job).where(*waiting).values(run_at=now))


async def replay(conn: AsyncConnection, job_id: int, *, now: datetime) -> str:
    """Try a dead letter again, its attempts counted anew. Gives the queue to ring.

    NotFoundError when the landlord has no such job; InvalidAskError when it is not dead, or asked for again already.
    """
    state = (await conn.execute(select(job.c.state).where(job.c.id == job_id))).scalar_one_or_none()
    if state is None:
        raise NotFoundError(f"there is no job {job_id}", hint="`housing-hub jobs dead` lists them")
    if state != "dead":
        raise InvalidAskError(f"job {job_id} is {state}, not dead", hint="only dead jobs are replayed")
    twin = job.alias("twin")
    same = (twin.c[name] == job.c[name] for name in ("landlord_id", "kind", "dedup_key"))
    open_twin = select(twin.c.id).where(*same, twin.c.state.in_(("ready", "leased"))).exists()
    statement = (
        update(job)
        .where(job.c.id == job_id, job.c.state == "dead", ~open_twin)
        .values(state="ready", run_at=now, attempts=0, finished_at=None)
        .returning(job.c.queue)
    )
    queue: str | None = (await conn.execute(statement)).scalar_one_or_none()
    if queue is None:
        raise InvalidAskError(f"the work of job {job_id} is asked for again already", hint="wait for the open job")
    return queue


async def purge(conn: AsyncConnection, *, now: datetime, limit: int = 1000) -> int:
    """Remove up to `limit` of the landlord's jobs done longer ago than it keeps them; dead letters stay."""
    statement = text("""
        delete from job where (landlord_id, id) in (
            select j.landlord_id, j.id from job j left join landlord l on l.landlord_id = j.landlord_id
            where j.state = 'done' and j.finished_at < :now - make_interval(days => coalesce(l.keep_jobs_days, 30))
            order by j.finished_at limit :limit for update of j skip locked)""")
    return (await conn.execute(statement, {"now": now, "limit": limit})).rowcount


def _same(claimed: ClaimedJob) -> tuple[Any, ...]:
    return (job.c.landlord_id == claimed.landlord, job.c.id == claimed.id)


def _mine(claimed: ClaimedJob) -> tuple[Any, ...]:
    return (*_same(claimed), job.c.token == claimed.token, job.c.state == "leased")


async def _state_under_token(conn: AsyncConnection, claimed: ClaimedJob) -> str | None:
    state = select(job.c.state).where(*_same(claimed), job.c.token == claimed.token)
    found: str | None = (await conn.execute(state)).scalar_one_or_none()
    return found


async def _settle(conn: AsyncConnection, claimed: ClaimedJob, **values: Any) -> bool:
    """Write to the job if it is still ours."""
    return (await conn.execute(update(job).where(*_mine(claimed)).values(**values))).rowcount == 1
