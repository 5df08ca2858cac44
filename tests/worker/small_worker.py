"""A worker process for tests: the real one, with handlers of its own. Its one argument is JSON; it logs to stderr."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from typing import Any

from sqlalchemy import text

from hub.config.logs import configure_logs
from hub.domain.clock import SystemClock
from hub.jobs import Job, JobRuntime, WorkerParts, finish
from hub.store.engine import make_engine, role_url
from hub.store.roles import Role
from hub.worker.bell import make_bell
from hub.worker.run import run_scheduler, run_worker


async def remember(job: Job, runtime: JobRuntime, connector: str) -> None:
    """A row that can be there once only."""
    async with runtime.transaction(job.landlord) as conn:
        row = {"landlord": job.landlord, "connector": connector, "key": job.payload["key"], "id": str(job.id)}
        await conn.execute(text("insert into connector_state values (:landlord, :connector, :key, :id)"), row)
        if connector == "effect":
            await finish(conn, job)


async def note(job: Job, runtime: JobRuntime) -> None:
    await asyncio.sleep(job.payload.get("seconds", 0))
    await remember(job, runtime, "effect")


async def slow_at_first(job: Job, runtime: JobRuntime) -> None:
    """Hangs at its first attempt, and says so."""
    if job.claimed.attempts == 1:
        await remember(job, runtime, "begun")
        await asyncio.sleep(60)
    await remember(job, runtime, "effect")


async def hang_in_thread(job: Job, runtime: JobRuntime) -> None:
    """A plugin's call that cannot be stopped."""
    await remember(job, runtime, "begun")
    await asyncio.to_thread(time.sleep, 60)


async def take_the_worker_along(job: Job, runtime: JobRuntime) -> None:
    """What a crash in a library does."""
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def build(asked: dict[str, Any]) -> WorkerParts:
    dispatch = make_engine(role_url(asked["url"], Role.DISPATCH, None), Role.DISPATCH)
    sync = make_engine(role_url(asked["url"], Role.SYNC, None), Role.SYNC, pool_size=10)
    bell = make_bell(asked.get("broker"))
    runtime = JobRuntime(
        dispatch_engine=dispatch,
        sync_engine=sync,
        clock=SystemClock(),
        handlers={
            "note": note,
            "slow_at_first": slow_at_first,
            "hang_in_thread": hang_in_thread,
            "take_the_worker_along": take_the_worker_along,
        },
        bell=bell,
        lease_seconds=asked.get("lease", 30),
    )

    async def close() -> None:
        await dispatch.dispose()
        await sync.dispose()
        bell.close()

    return WorkerParts(runtime=runtime, slots={"q": 4}, close=close, poll_seconds=asked.get("poll", 0.1))


def main() -> int:
    asked = json.loads(sys.argv[1])
    configure_logs("INFO")
    if asked.get("scheduler"):
        return run_scheduler(lambda: build(asked), health_port=asked.get("health_port"))
    return run_worker(
        lambda: build(asked), queues=["q"], broker_url=asked.get("broker"), health_port=asked.get("health_port")
    )


if __name__ == "__main__":
    sys.exit(main())
