"""A house for jobs: a database of its own, both engines of a worker, a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from hub.embedded.postgres import EmbeddedPostgres
from hub.jobs import BackOff, Handler, Job, JobRuntime, finish
from hub.jobs.loop import Alarm, poll_and_run
from hub.store import job_rows
from hub.store.engine import make_engine, role_url, scope
from hub.store.handles import Connection
from hub.store.provision import provision
from hub.store.roles import Role
from hub.testing.fakes import FakeClock

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"


class House:
    """Two landlords' jobs. An effect is a row that can be there once only."""

    def __init__(self, url_for: Callable[[Role], str]) -> None:
        self.url_for = url_for
        self.clock = FakeClock()
        self.dispatch_engine = make_engine(url_for(Role.DISPATCH), Role.DISPATCH)
        self.sync_engine = make_engine(url_for(Role.SYNC), Role.SYNC, pool_size=8)

    async def close(self) -> None:
        await self.dispatch_engine.dispose()
        await self.sync_engine.dispose()

    def as_dispatcher(self) -> AbstractAsyncContextManager[Connection]:
        return scope(self.dispatch_engine, None)

    def as_landlord(self, landlord: str = RIVES) -> AbstractAsyncContextManager[Connection]:
        return scope(self.sync_engine, landlord)

    def runtime(self, handlers: dict[str, Handler] | None = None, **parts: Any) -> JobRuntime:
        return JobRuntime(
            dispatch_engine=self.dispatch_engine,
            sync_engine=self.sync_engine,
            clock=self.clock,
            handlers={"note": self.note} | (handlers or {}),
            **({"back_off": BackOff(first=10, factor=2)} | parts),
        )

    async def ask(self, key: str = "1", *, landlord: str = RIVES, queue: str = "q", **more: Any) -> int | None:
        """Enqueue a job of kind "note", which leaves an effect named by its key."""
        more = {"kind": "note", "payload": {"key": key}, "now": self.clock.now()} | more
        async with self.as_landlord(landlord) as conn:
            return await job_rows.enqueue(conn, landlord=landlord, queue=queue, dedup_key=key, **more)

    async def claim(self, slots: int = 10, *, lease_seconds: float = 60) -> list[job_rows.ClaimedJob]:
        return (await self.claim_fully(slots, lease_seconds=lease_seconds)).jobs

    async def claim_fully(self, slots: int = 10, *, lease_seconds: float = 60) -> job_rows.Claim:
        async with self.as_dispatcher() as conn:
            return await job_rows.claim(
                conn, queue="q", slots=slots, lease_seconds=lease_seconds, now=self.clock.now(), woken_by="poll"
            )

    async def note(self, job: Job, runtime: JobRuntime) -> None:
        """A handler: its effect and its end in one transaction."""
        async with runtime.transaction(job.landlord) as conn:
            await self.leave_effect(conn, job)
            await finish(conn, job)

    @staticmethod
    async def leave_effect(conn: Connection, job: Job) -> None:
        statement = text("insert into connector_state values (:landlord, 'effect', :key, :id)")
        await conn.execute(statement, {"landlord": job.landlord, "key": job.payload["key"], "id": str(job.id)})

    async def effects(self, landlord: str = RIVES) -> list[str]:
        async with self.as_landlord(landlord) as conn:
            statement = text("select name from connector_state where connector = 'effect' order by name")
            return list((await conn.execute(statement)).scalars())

    async def jobs(self) -> list[Any]:
        """All jobs as the dispatcher sees them."""
        shown = "landlord_id, id, state, attempts, token, run_at, lease_until, last_error, woken_by, finished_at"
        async with self.as_dispatcher() as conn:
            return list((await conn.execute(text(f"select {shown} from job order by id"))).all())

    async def states(self) -> list[str]:
        return [row.state for row in await self.jobs()]

    async def the_job(self) -> Any:
        (row,) = await self.jobs()
        return row

    async def until(self, done: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
        """Wait for something to come true."""
        async with asyncio.timeout(seconds):
            while not await done():
                await asyncio.sleep(0.02)

    def start(self, runtime: JobRuntime, **how: Any) -> Loop:
        """A worker's loop on queue "q", running."""
        return Loop(runtime, **how)

    @property
    def now(self) -> datetime:
        return self.clock.now()


class Loop:
    """A running `poll_and_run`."""

    def __init__(self, runtime: JobRuntime, *, slots: int = 4, poll_seconds: float = 0.05, **how: Any) -> None:
        self.alarm, self.stop_event = Alarm(), asyncio.Event()
        running = poll_and_run(
            runtime,
            slots={"q": slots},
            poll_seconds=poll_seconds,
            alarms={"q": self.alarm},
            stop=self.stop_event,
            **how,
        )
        self.task = asyncio.create_task(running)

    async def stop(self) -> None:
        self.stop_event.set()
        async with asyncio.timeout(15):
            await self.task


@pytest.fixture(scope="session")
async def jobs_database(pg_server: EmbeddedPostgres) -> Callable[[Role | str], str]:
    """A database for all these tests, which commit: emptied before each, for a tenth of what a clone costs."""
    url = await provision(pg_server.url(), database="hub_jobs")
    return lambda role: role_url(url, Role(role), None)


@pytest.fixture
async def house(jobs_database: Callable[[Role | str], str]) -> AsyncIterator[House]:
    made = House(jobs_database)
    for landlord in (RIVES, TILLEULS):
        async with made.as_landlord(landlord) as conn:
            for table in ("job", "schedule", "connector_state", "breaker", "landlord"):
                await conn.execute(text(f"delete from {table}"))
    yield made
    await made.close()
