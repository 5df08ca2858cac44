"""What a handler is given: its job, and the parts the process was built from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from hub.domain.clock import Clock
from hub.errors import HubError
from hub.jobs.bell import Bell, NoBell
from hub.jobs.metrics import JobMetrics
from hub.jobs.retry import BackOff
from hub.store import job_rows
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.job_rows import ClaimedJob


class LeaseLostError(HubError):
    """Another worker has the job now: nothing of this attempt may be kept. Raised to roll its transaction back."""

    code = "LEASE_LOST"


@dataclass(slots=True)
class Job:
    """A job being run. `finished`: the handler finished it itself, in the transaction of its effects; `waits`: it is
    put off until an ERP answers again."""

    claimed: ClaimedJob
    payload: Mapping[str, Any]
    clock: Clock
    finished: bool = False
    waits: bool = False

    @property
    def landlord(self) -> str:
        return self.claimed.landlord

    @property
    def id(self) -> int:
        return self.claimed.id

    @property
    def is_last_attempt(self) -> bool:
        """Whether a further error makes it a dead letter."""
        return self.claimed.attempts >= self.claimed.max_attempts


@dataclass(frozen=True, slots=True)
class JobRuntime:
    """The parts that run jobs, all of them given by bootstrap.

    `dispatch_engine` is of the role hub_dispatch; `sync_engine` of hub_sync, with a connection for each slot and one
    more. A lease is extended while its handler runs, so `lease_seconds` is how long the job of a killed worker waits.
    `on_death`: by kind, what else ends with a job that is given up.
    """

    dispatch_engine: Engine
    sync_engine: Engine
    clock: Clock
    handlers: Mapping[str, Handler]
    bell: Bell = field(default_factory=NoBell)
    metrics: JobMetrics = field(default_factory=JobMetrics)
    lease_seconds: float = 60.0
    back_off: BackOff = field(default_factory=BackOff)
    on_death: Mapping[str, OnDeath] = field(default_factory=dict)

    def transaction(self, landlord: str) -> AbstractAsyncContextManager[Connection]:
        """A transaction of the landlord, as hub_sync."""
        return scope(self.sync_engine, landlord)


Handler = Callable[[Job, JobRuntime], Awaitable[None]]
"""Does the work of one kind of job.

It may be called again for the same job: effects meant to happen once keep a unique row of their own, or are committed
together with `finish`. The class of the `hub.errors` it raises says what comes next; `asyncio.CancelledError` passes.
"""


OnDeath = Callable[[Connection, str, Mapping[str, Any]], Awaitable[None]]
"""Told of a job that is given up, by its landlord and payload, in a transaction of that landlord."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker or scheduler process is built from. `slots`: jobs at a time, by queue. `rounds`: what a worker does
    each minute besides, in a transaction of its own for each landlord.

    Made inside the event loop that uses it; `close` disposes of the engines in that same loop.
    """

    runtime: JobRuntime
    slots: Mapping[str, int]
    close: Callable[[], Awaitable[None]]
    poll_seconds: float = 1.0
    rounds: Callable[[], Awaitable[None]] | None = None


async def finish(conn: Connection, job: Job) -> None:
    """Done: call it last in the transaction of the job's effects, so that both are kept or neither.

    Raises LeaseLostError, which rolls that transaction back, when another worker has the job by now.
    """
    if not await job_rows.finish(conn, job.claimed, now=job.clock.now()):
        raise LeaseLostError(f"job {job.id} is another worker's now")
    job.finished = True


async def put_off(conn: Connection, job: Job, *, needs: Sequence[str], payload: Mapping[str, Any], reason: str) -> None:
    """Not done: it waits, without a slot and without an attempt counted, until one of these connectors may be called,
    and is then about `payload`. Call it like `finish`; raises LeaseLostError likewise."""
    if not await job_rows.put_off(conn, job.claimed, needs=needs, payload=payload, error=reason):
        raise LeaseLostError(f"job {job.id} is another worker's now")
    job.finished = job.waits = True
