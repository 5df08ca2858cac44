"""What runs inside the event loop of a worker or scheduler: the work itself, and what is known of its health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog

from hub.jobs import Alarm, ThreadBell, WorkerParts, poll_and_run
from hub.jobs.health import Health, watch
from hub.jobs.retry import describe
from hub.jobs.scheduler import Beat, keep_ticking
from hub.jobs.traces import exporting
from hub.store.handles import StoreError
from hub.store.provision import require_current_schema
from hub.worker.health import HealthServer

_log: Final = structlog.get_logger(__name__)
GRACE_SECONDS: Final = 6.0
ROUND_SECONDS: Final = 60.0

Built = Callable[[], WorkerParts]
"""Builds the parts, inside the event loop that is to use them."""


async def serve_jobs(
    build: Built,
    *,
    alarms: Mapping[str, Alarm],
    ready: Callable[[], None],
    stop: asyncio.Event,
    health_port: int | None,
) -> None:
    """Do the jobs of every queue until `stop`; `ready` is called once the first claim may happen.

    Raises SetupError when the database is of another version.
    """
    parts = build()
    health = Health()

    async def work() -> None:
        ready()
        async with _beside(_make_rounds(parts)):
            await poll_and_run(
                parts.runtime,
                slots=parts.slots,
                poll_seconds=parts.poll_seconds,
                alarms=alarms,
                stop=stop,
                grace_seconds=GRACE_SECONDS,
                pulses=health.pulses,
            )

    await _serve(parts, work, health, health_port)


async def serve_schedules(build: Built, *, stop: asyncio.Event, health_port: int | None) -> None:
    """Turn due schedules into jobs until `stop`. Raises SetupError when the database is of another version."""
    parts = build()
    health = Health(beat=Beat())
    await _serve(parts, lambda: keep_ticking(parts.runtime, stop=stop, beat=health.beat), health, health_port)


async def _serve(
    parts: WorkerParts, work: Callable[[], Awaitable[None]], health: Health, health_port: int | None
) -> None:
    _count_rings(parts)
    try:
        await _require_schema(parts)
        watching = watch(parts.runtime, parts.slots, health)
        async with HealthServer(health, parts.runtime.metrics, health_port), _beside(watching):
            with exporting("worker" if health.beat is None else "scheduler"):
                await work()
    finally:
        await parts.close()


@asynccontextmanager
async def _beside(endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs something until the block ends."""
    task = asyncio.create_task(endless)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _make_rounds(parts: WorkerParts, *, seconds: float = ROUND_SECONDS) -> None:
    """From time to time, until cancelled; a round that fails or hangs is left to the next."""
    while parts.rounds is not None:
        try:
            async with asyncio.timeout(seconds * 5):
                await parts.rounds()
        except (StoreError, TimeoutError) as error:
            _log.warning("the round was not finished", reason=describe(error))
        await asyncio.sleep(seconds)


def _count_rings(parts: WorkerParts) -> None:
    bell, rings = parts.runtime.bell, parts.runtime.metrics.rings
    if isinstance(bell, ThreadBell):
        bell.report_to(lambda rung: rings.labels(rung).inc())


async def _require_schema(parts: WorkerParts) -> None:
    """A database that does not answer yet is no reason to give up: the loops ask again and again."""
    try:
        await require_current_schema(parts.runtime.dispatch_engine)
    except StoreError as error:
        _log.warning("the database does not answer yet", reason=describe(error))
