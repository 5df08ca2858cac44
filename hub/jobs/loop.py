"""The loop of a worker: woken by the bell or by the clock, it claims what is due and runs it, so many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from hub.jobs.attempt import attempt
from hub.jobs.retry import describe
from hub.jobs.runtime import JobRuntime
from hub.store import job_rows
from hub.store.engine import scope
from hub.store.handles import StoreError
from hub.store.job_rows import BuriedJob, ClaimedJob, WokenBy

_log: Final = structlog.get_logger(__name__)
_CLAIM_SECONDS: Final = 30.0
_ALONE_SECONDS: Final = 4.0
_PURGE_EVERY: Final = timedelta(hours=1)


class Alarm:
    """Wakes the loop of one queue. Only for its event loop's own thread."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._by: WokenBy = "bell"

    def set(self, by: WokenBy = "bell") -> None:
        """Wake it; `by` is what the jobs it then starts are said to be woken by."""
        self._by = by
        self._event.set()

    async def wait(self, seconds: float) -> WokenBy:
        """Until the bell rings, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return "poll"
        self._event.clear()
        return self._by


@dataclass(slots=True)
class Pulse:
    """How a queue's loop does: judged by its claims, not by its being alive. Times are of `time.monotonic`."""

    slots: int
    busy: int = 0
    alone: int = 0
    alone_until: float = 0.0
    last_claim: float = field(default_factory=time.monotonic)

    @property
    def full(self) -> bool:
        """Whether every slot has a job, or one that is still to be alone; it does not look for more then."""
        return self.busy >= self.slots or self.seconds_alone > 0

    @property
    def seconds_alone(self) -> float:
        """How much longer nothing is started beside a job that may be what killed its workers: what has lived so long
        is a long job that was unlucky, and must not keep other landlords waiting."""
        return max(0.0, self.alone_until - time.monotonic()) if self.alone else 0.0

    def leave_alone(self) -> None:
        """A job begins that may be what killed its workers."""
        self.alone += 1
        self.alone_until = time.monotonic() + _ALONE_SECONDS


class QueueLoop:
    """Claims and runs the jobs of one queue, at most `slots` at a time."""

    def __init__(self, runtime: JobRuntime, queue: str, *, slots: int, alarm: Alarm | None = None) -> None:
        self._runtime, self._queue, self._alarm = runtime, queue, alarm or Alarm()
        self.pulse = Pulse(slots)
        self._running: set[asyncio.Task[None]] = set()
        self._purged: dict[str, datetime] = {}
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def _stopping(self) -> bool:
        return self._stopped.done()

    async def run(self, *, poll_seconds: float, stop: asyncio.Event, grace_seconds: float) -> None:
        """Until `stop`; then finish what runs, and give back what is not done within the grace."""
        stopper = asyncio.create_task(self._stop_when(stop))
        woken_by: WokenBy = "poll"
        try:
            while not self._stopping:
                await self.claim_and_run(woken_by)
                if not self._stopping:
                    woken_by = await self._alarm.wait(poll_seconds)
        finally:
            stopper.cancel()
            await self._wind_up(grace_seconds)

    async def claim_and_run(self, woken_by: WokenBy) -> int:
        """Claim and start jobs until nothing is due, waiting for a slot where all are taken. Gives how many started."""
        started = 0
        while not self._stopping:
            free = self.pulse.slots - len(self._running)
            if free <= 0 or (alone := self.pulse.seconds_alone):
                ended = {*self._running, self._stopped}
                await asyncio.wait(ended, timeout=alone if free > 0 else None, return_when=asyncio.FIRST_COMPLETED)
                continue
            jobs = await self._claim(free, woken_by)
            for claimed in jobs:
                self._start(claimed)
            started += len(jobs)
            if len(jobs) < free and not any(claimed.alone for claimed in jobs):
                break
        return started

    async def idle(self) -> None:
        """Until every job that runs has ended."""
        while self._running:
            await asyncio.wait(self._running)

    async def _claim(self, slots: int, woken_by: WokenBy) -> list[ClaimedJob]:
        """One claim. A database that does not answer is asked again at the next poll."""
        metrics = self._runtime.metrics
        try:
            async with asyncio.timeout(_CLAIM_SECONDS):
                found = await self._look(slots, woken_by)
        except (StoreError, TimeoutError) as error:
            metrics.claims.labels(self._queue, "failed").inc()
            _log.warning("cannot look for jobs", queue=self._queue, reason=describe(error))
            return []
        self.pulse.last_claim = time.monotonic()
        metrics.claims.labels(self._queue, "found" if found.jobs else "empty").inc()
        for buried in found.buried:
            metrics.ended.labels(self._queue, buried.kind, "dead").inc()
            await self._tell_death(buried)
        return found.jobs

    async def _tell_death(self, buried: BuriedJob) -> None:
        """What else ends with a job whose workers kept dying. Not done where the database does not answer just now."""
        if (told := self._runtime.on_death.get(buried.kind)) is None:
            return
        try:
            async with self._runtime.transaction(buried.landlord) as conn:
                if (payload := await job_rows.payload_of_dead(conn, buried)) is not None:
                    await told(conn, buried.landlord, payload)
        except StoreError as error:
            _log.warning("nobody was told of a dead job", job=buried.id, kind=buried.kind, reason=describe(error))

    async def _look(self, slots: int, woken_by: WokenBy) -> job_rows.Claim:
        runtime = self._runtime
        async with scope(runtime.dispatch_engine, None) as conn:
            return await job_rows.claim(
                conn,
                queue=self._queue,
                slots=slots,
                lease_seconds=runtime.lease_seconds,
                now=runtime.clock.now(),
                woken_by=woken_by,
            )

    def _start(self, claimed: ClaimedJob) -> None:
        self._runtime.metrics.started.labels(self._queue, claimed.woken_by).inc()
        task = asyncio.create_task(self._work(claimed))
        self._running.add(task)
        if claimed.alone:
            self.pulse.leave_alone()
        task.add_done_callback(self._running.discard)
        self._count_running(1)

    async def _work(self, claimed: ClaimedJob) -> None:
        try:
            await attempt(claimed, self._runtime)
            await self._purge(claimed.landlord)
        finally:
            self._count_running(-1)
            self.pulse.alone -= claimed.alone
            if claimed.order_key is not None:
                self._alarm.set(claimed.woken_by)  # the next of its key may go now

    def _count_running(self, change: int) -> None:
        self.pulse.busy += change
        self._runtime.metrics.running.labels(self._queue).set(self.pulse.busy)

    async def _purge(self, landlord: str) -> None:
        """Remove the landlord's jobs done long ago, from time to time."""
        now = self._runtime.clock.now()
        if self._stopping or now - self._purged.get(landlord, now - _PURGE_EVERY) < _PURGE_EVERY:
            return
        self._purged[landlord] = now
        try:
            async with self._runtime.transaction(landlord) as conn:
                await job_rows.purge(conn, now=now)
        except StoreError as error:
            _log.warning("old jobs not removed", landlord=landlord, reason=describe(error))

    async def _stop_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopped.set_result(None)
        self._alarm.set()

    async def _wind_up(self, grace_seconds: float) -> None:
        if not self._stopping:
            self._stopped.set_result(None)
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        for task in self._running:
            task.cancel()
        await self.idle()


async def poll_and_run(
    runtime: JobRuntime,
    *,
    slots: Mapping[str, int],
    poll_seconds: float,
    alarms: Mapping[str, Alarm],
    stop: asyncio.Event,
    grace_seconds: float = 6.0,
    pulses: dict[str, Pulse] | None = None,
) -> None:
    """Run the jobs of all queues in `slots` until `stop`. `pulses` is filled with how each queue's loop does."""
    loops = {queue: QueueLoop(runtime, queue, slots=most, alarm=alarms.get(queue)) for queue, most in slots.items()}
    if pulses is not None:
        pulses.update({queue: loop.pulse for queue, loop in loops.items()})
    async with asyncio.TaskGroup() as group:
        for loop in loops.values():
            group.create_task(loop.run(poll_seconds=poll_seconds, stop=stop, grace_seconds=grace_seconds))


async def drain(runtime: JobRuntime, *, queue: str, slots: int = 4) -> int:
    """Run what is due now in the foreground, to its end, and what becomes due by that. Gives how many jobs started."""
    loop = QueueLoop(runtime, queue, slots=slots)
    total = 0
    while started := await loop.claim_and_run("poll"):
        total += started
        await loop.idle()
    return total
