"""The scheduler: turns due slots of schedules into jobs. A second one beside it is harmless."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from hub.domain.clock import Clock
from hub.domain.plan import Plan
from hub.errors import HubError
from hub.jobs.bell import Bell
from hub.jobs.metrics import JobMetrics
from hub.jobs.retry import describe
from hub.jobs.runtime import JobRuntime
from hub.jobs.traces import carried, span
from hub.store import schedule_rows
from hub.store.engine import scope
from hub.store.handles import Engine, StoreError
from hub.store.schedule_rows import DueSchedule

RUN_QUEUE: Final = "sync"
RUN_KIND: Final = "sync"
RUN_ORDER_KEY: Final = "sync"
"""A landlord's runs go one after the other, whoever asked for them."""

_AT_ONCE: Final = 100
_TICK_SECONDS: Final = 30.0
_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class Beat:
    """When the scheduler last looked at the schedules (`time.monotonic`)."""

    last_tick: float = field(default_factory=time.monotonic)


async def tick(dispatch_engine: Engine, clock: Clock, bell: Bell) -> int:
    """Ask for the runs of all slots that have come; gives how many slots were dealt with.

    A slot's job and the schedule's next slot are written in one transaction. Slots missed while nothing ran become one
    run; while a schedule's earlier run still waits to begin, a further slot asks for nothing.
    """
    total = 0
    while True:
        async with scope(dispatch_engine, None) as conn:
            now = clock.now()
            due = await schedule_rows.take_due(conn, now=now, limit=_AT_ONCE)
            for one in due:
                with span("schedule tick", landlord=one.landlord, schedule=one.name):
                    await schedule_rows.ask_for_run(
                        conn, one, queue=RUN_QUEUE, kind=RUN_KIND, order_key=RUN_ORDER_KEY, now=now, more=carried()
                    )
                await schedule_rows.move_on(conn, one, next_run=_next_slot(one, now))
        if due:
            bell.ring(RUN_QUEUE)
        total += len(due)
        if len(due) < _AT_ONCE:
            return total


async def keep_ticking(
    runtime: JobRuntime, *, stop: asyncio.Event, seconds: float = 1.0, beat: Beat | None = None
) -> None:
    """Tick until `stop`; a database that does not answer is asked again."""
    while not stop.is_set():
        ticked = await _try_tick(runtime, runtime.metrics)
        if ticked and beat is not None:
            beat.last_tick = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            continue


async def _try_tick(runtime: JobRuntime, metrics: JobMetrics) -> bool:
    try:
        async with asyncio.timeout(_TICK_SECONDS):
            slots = await tick(runtime.dispatch_engine, runtime.clock, runtime.bell)
    except (StoreError, TimeoutError) as error:
        metrics.ticks.labels("failed").inc()
        _log.warning("cannot look at the schedules", reason=describe(error))
        return False
    metrics.ticks.labels("done").inc()
    metrics.slots.inc(slots)
    return True


def _next_slot(due: DueSchedule, now: datetime) -> datetime | None:
    """The first slot after now. None, and never again, for an expression this version cannot read."""
    try:
        return Plan.parse(due.name).next_after(now, due.time_zone, key=due.landlord)
    except (HubError, ValueError) as error:
        _log.error("schedule not understood", landlord=due.landlord, schedule=due.name, reason=describe(error))
        return None
