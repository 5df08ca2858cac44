"""What a night tells the breakers, and hears from them: an ERP that does not answer is left alone for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from hub.config import LandlordConfig
from hub.domain.breaker import Breaker, refusal
from hub.errors import (
    BreakerOpenError,
    DeadlineError,
    InputRefusedError,
    MisconfiguredError,
    RateLimitedError,
    UnreachableError,
)
from hub.jobs import Job
from hub.store.breaker_rows import change_breaker
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.schedule_rows import has_waiting_run
from hub.sync.from_files import UnfinishedError
from hub.sync.parts import SyncParts

_NO_ANSWER: Final = (UnreachableError, DeadlineError, RateLimitedError)
_ANSWER: Final = (MisconfiguredError, InputRefusedError, UnfinishedError)


async def pass_breaker(parts: SyncParts, config: LandlordConfig, connector: str) -> None:
    """Before a connector is opened. Raises BreakerOpenError; once the pause is over this call is the trial."""
    now = parts.clock.now()
    async with scope(parts.engine, config.slug) as conn:
        held = await change_breaker(
            conn, landlord=config.slug, connector=connector, change=lambda one: one.tried(now), now=now
        )
    if held.holds(now):
        raise refusal(held, config.slug, connector)


async def note_end(parts: SyncParts, landlord: str, connector: str, error: Exception | None) -> bool:
    """After a feed ended, with its error if it had one. True when the connector is left alone from now on."""
    if isinstance(error, BreakerOpenError):
        return True
    now = parts.clock.now()

    def change(held: Breaker) -> Breaker:
        if isinstance(error, _NO_ANSWER):
            return held.failed(error.code, now, at_least=_asked_for(error))
        # Our own trouble (a full disk, a plugin's bug) says nothing about the far side.
        return held.answered() if error is None or isinstance(error, _ANSWER) else held

    async with scope(parts.engine, landlord) as conn:
        return (await change_breaker(conn, landlord=landlord, connector=connector, change=change, now=now)).holds(now)


async def is_waited_for(conn: Connection, job: Job, needs: Sequence[str]) -> bool:
    """Whether an older run of the same schedule waits for these connectors already. While one ERP is away the others'
    nights go on, and one run is enough to wait for it."""
    claimed, schedule = job.claimed, job.payload.get("schedule")
    return schedule is not None and await has_waiting_run(
        conn,
        landlord=claimed.landlord,
        schedule=schedule,
        queue=claimed.queue,
        kind=claimed.kind,
        needs=needs,
        before=claimed.id,
    )


def _asked_for(error: Exception) -> timedelta:
    return timedelta(seconds=error.retry_after if isinstance(error, RateLimitedError) else 0)
