"""Whether a worker works: judged by the jobs it claims and by those nobody claims, not by its being alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from hub.jobs.loop import Pulse
from hub.jobs.retry import describe
from hub.jobs.runtime import JobRuntime
from hub.jobs.scheduler import Beat
from hub.store import job_rows
from hub.store.breaker_rows import breaker_states
from hub.store.engine import scope
from hub.store.handles import StoreError

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class Health:
    """What a process knows of itself: its queues' loops, its scheduler, and the work that waits.

    `silent_after`: seconds without a successful look at the database; `late_after`: how long a due job may wait while
    this process has a free slot for it.
    """

    pulses: dict[str, Pulse] = field(default_factory=dict)
    beat: Beat | None = None
    waiting: dict[str, timedelta] = field(default_factory=dict)
    silent_after: float = 30.0
    late_after: timedelta = timedelta(seconds=60)

    def troubles(self) -> list[str]:
        """Why this process is not ready; nothing when it is."""
        oldest = time.monotonic() - self.silent_after
        found = [
            f"queue {queue}: no successful claim for {time.monotonic() - pulse.last_claim:.0f} s"
            for queue, pulse in self.pulses.items()
            if not pulse.full and pulse.last_claim < oldest
        ]
        found += [
            f"queue {queue}: the oldest due job waits for {self.waiting[queue].total_seconds():.0f} s"
            for queue, pulse in self.pulses.items()
            if not pulse.full and self.waiting.get(queue, timedelta()) > self.late_after
        ]
        if self.beat is not None and self.beat.last_tick < oldest:
            found.append(f"no look at the schedules for {time.monotonic() - self.beat.last_tick:.0f} s")
        return found


async def watch(runtime: JobRuntime, queues: Mapping[str, int], health: Health, *, seconds: float = 5.0) -> None:
    """Measure from time to time what waits in the queues, until cancelled."""
    while True:
        try:
            async with asyncio.timeout(seconds * 2):
                await measure(runtime, queues, health)
        except (StoreError, TimeoutError) as error:
            _log.warning("cannot see what waits", reason=describe(error))
        await asyncio.sleep(seconds)


async def measure(runtime: JobRuntime, queues: Mapping[str, int], health: Health) -> None:
    """How many due jobs wait in each queue, and for how long the oldest has."""
    now = runtime.clock.now()
    async with scope(runtime.dispatch_engine, None) as conn:
        found = {one.queue: one for one in await job_rows.backlog(conn, queues=list(queues), now=now)}
        breakers = await breaker_states(conn)
    for (landlord, connector), state in breakers.items():
        runtime.metrics.breakers.labels(landlord, connector).set(0 if state == "closed" else 1)
    for queue in queues:
        waiting = found.get(queue)
        age = now - waiting.since if waiting else timedelta()
        health.waiting[queue] = age
        runtime.metrics.waiting.labels(queue).set(waiting.waiting if waiting else 0)
        runtime.metrics.oldest.labels(queue).set(age.total_seconds())
