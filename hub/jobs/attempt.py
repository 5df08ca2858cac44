"""One attempt at a claimed job: its lease is held while the handler runs, its end written only with its token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog

from hub.errors import RetryableError
from hub.jobs.metrics import Outcome
from hub.jobs.retry import describe, judge
from hub.jobs.runtime import Job, JobRuntime, LeaseLostError, finish
from hub.jobs.traces import span
from hub.store import job_rows
from hub.store.engine import scope
from hub.store.handles import Connection, StoreError
from hub.store.job_rows import ClaimedJob

_log: Final = structlog.get_logger(__name__)
_GIVE_BACK_SECONDS: Final = 2.0


async def attempt(claimed: ClaimedJob, runtime: JobRuntime) -> Outcome:
    """Run the job's handler once, and say what came of it. Raises nothing, except when it is cancelled twice.

    Cancelled (the worker stops): the job is given back and the attempt not counted.
    """
    began = time.monotonic()
    log = _log.bind(landlord=claimed.landlord, job=claimed.id, kind=claimed.kind, attempt=claimed.attempts)
    try:
        outcome = await _run(claimed, runtime)
    except asyncio.CancelledError as error:
        stopping = (task := asyncio.current_task()) is not None and task.cancelling() > 0
        # A handler that raises it of itself would be given back, and started again, for ever.
        outcome = await (_give_back(claimed, runtime) if stopping else _settle(error, claimed, runtime, log))
    except Exception as error:  # noqa: BLE001  # a handler may raise anything; what it was is kept with the job
        outcome = await _settle(error, claimed, runtime, log)
    seconds = time.monotonic() - began
    runtime.metrics.ended.labels(claimed.queue, claimed.kind, outcome).inc()
    runtime.metrics.seconds.labels(claimed.queue, claimed.kind).observe(seconds)
    log.info("job ended", outcome=outcome, seconds=round(seconds, 3), woken_by=claimed.woken_by)
    return outcome


async def _run(claimed: ClaimedJob, runtime: JobRuntime) -> Outcome:
    async with runtime.transaction(claimed.landlord) as conn:
        payload = await job_rows.read_payload(conn, claimed)
    if payload is None:
        return "lost"
    handler = runtime.handlers.get(claimed.kind)
    if handler is None:
        # While versions are mixed, a newer process may ask for what only newer workers can do.
        raise RetryableError(f"this version has no handler for {claimed.kind!r}", hint="update all workers")
    job = Job(claimed, payload, runtime.clock)
    with span("job", parent=payload, landlord=claimed.landlord, kind=claimed.kind, attempt=claimed.attempts):
        await _Lease(claimed, runtime).hold(handler(job, runtime))
    if not job.finished:
        async with runtime.transaction(claimed.landlord) as conn:
            await finish(conn, job)
    return "put_off" if job.waits else "done"


class _Lease:
    """Extends a job's lease while its handler runs, and stops the handler once another worker may have the job."""

    def __init__(self, claimed: ClaimedJob, runtime: JobRuntime) -> None:
        self._claimed, self._runtime = claimed, runtime
        self._beat = runtime.lease_seconds / 3
        self._held_until = time.monotonic() + runtime.lease_seconds
        self._lost = False

    async def hold(self, work: Awaitable[None]) -> None:
        """Await the handler. LeaseLostError when it was stopped because the lease was lost."""
        running = asyncio.ensure_future(work)
        keeper = asyncio.create_task(self._keep(running))
        try:
            await running
        except asyncio.CancelledError:
            if self._lost:
                raise LeaseLostError(f"job {self._claimed.id} is another worker's now") from None
            raise
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})

    async def _keep(self, running: asyncio.Future[None]) -> None:
        """Beat until the lease is settled or lost; each second while its row is busy or the database is silent."""
        pause = self._beat
        while not self._lost:
            await asyncio.sleep(pause)
            state = await self._extend()
            if state == "settled":
                return
            pause = self._beat if state == "held" else min(self._beat, 1.0)
            self._lost = state == "lost" or time.monotonic() + pause > self._held_until
        running.cancel()

    async def _extend(self) -> Literal["held", "busy", "settled", "lost", "unknown"]:
        """Extend once, as hub_dispatch: the handlers may hold every connection of the other engine."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(self._beat), scope(self._runtime.dispatch_engine, None) as conn:
                state = await job_rows.beat_lease(conn, self._claimed, lease_seconds=self._runtime.lease_seconds)
        except (StoreError, TimeoutError):
            return "unknown"
        self._held_until = asked + self._runtime.lease_seconds
        return state


async def _settle(
    error: BaseException, claimed: ClaimedJob, runtime: JobRuntime, log: structlog.typing.FilteringBoundLogger
) -> Outcome:
    """Write what an error means for the job."""
    if isinstance(error, LeaseLostError):
        return "lost"
    verdict = judge(error, claimed, runtime.back_off)
    now = runtime.clock.now()
    wait = verdict.wait
    log.warning("job failed", reason=verdict.reason, again_in=None if wait is None else wait.total_seconds())
    if wait is None:
        held = await _write(claimed, runtime, lambda conn: _bury(conn, claimed, runtime, verdict.reason))
        return "dead" if held else "lost"
    run_at = now + wait
    held = await _write(
        claimed, runtime, lambda conn: job_rows.try_later(conn, claimed, run_at=run_at, error=verdict.reason)
    )
    return "retried" if held else "lost"


async def _bury(conn: Connection, claimed: ClaimedJob, runtime: JobRuntime, reason: str) -> bool:
    """Give the job up, and with it what its kind says ends with it."""
    payload = await job_rows.read_payload(conn, claimed)
    if payload is None or not await job_rows.bury(conn, claimed, error=reason, now=runtime.clock.now()):
        return False
    if (told := runtime.on_death.get(claimed.kind)) is not None:
        await told(conn, claimed.landlord, payload)
    return True


async def _give_back(claimed: ClaimedJob, runtime: JobRuntime) -> Outcome:
    try:
        async with asyncio.timeout(_GIVE_BACK_SECONDS):
            held = await _write(claimed, runtime, lambda conn: job_rows.give_back(conn, claimed))
    except TimeoutError:
        held = False
    return "given_back" if held else "lost"


async def _write(claimed: ClaimedJob, runtime: JobRuntime, write: Callable[[Connection], Awaitable[bool]]) -> bool:
    """Write in a transaction of its own. Where the database does not answer, the lease runs out instead."""
    try:
        async with runtime.transaction(claimed.landlord) as conn:
            return await write(conn)
    except StoreError as error:
        _log.warning("job left to its lease", job=claimed.id, kind=claimed.kind, reason=describe(error))
        return False
