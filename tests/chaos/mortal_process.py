"""A worker or scheduler as the harness runs it: the real one, in a hurry, and with a mistake built in where asked.

`HUB_CHAOS` is JSON: `lease` and `first_wait` in seconds (none: the product's); `folder`, through which a worker can be
told to freeze; `clock`, the file of a clock that runs faster; and `mistake`, one of MISTAKES. No switch of the product
is used: what differs is put in its place here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fast_clock import FastClock
from payment_mistakes import PAYMENT_MISTAKES, build_in
from sqlalchemy import text

from hub import bootstrap
from hub.cli import app
from hub.jobs import BackOff, Job, JobRuntime, WorkerParts, finish
from hub.store import job_rows
from hub.sync import apply, feed
from hub.sync.parts import FeedTask, Reading
from hub.worker import __main__ as worker

MISTAKES = ("checkpoint", "fencing", *PAYMENT_MISTAKES)
FREEZE, FROZEN, THAWED = "freeze", "frozen", "thawed"
CURED = "cured"

Apply = Callable[[FeedTask, Reading], Awaitable[None]]


def checkpoint_first(do: Apply) -> Apply:
    """The mistake one transaction is there to prevent: the checkpoint is moved, then the rows are written."""

    async def apply_reading(task: FeedTask, reading: Reading) -> None:
        async with task.transaction() as conn:
            await apply._settle_claims(task, reading, conn)
            await apply._move_checkpoint(task, reading, conn)
        await do(task, reading)

    return apply_reading


def without_fence() -> None:
    """The mistake tokens are there to prevent: whoever once had a job goes on writing for it."""

    job_rows._mine = job_rows._same
    job_rows.beat_lease = job_rows.extend_lease  # type: ignore[assignment]  # it asks for no token now


def freezing(do: Apply, folder: Path) -> Apply:
    """Stands still with a reading in hand, as a machine that is paused does, where `freeze` names landlord and feed."""

    async def apply_reading(task: FeedTask, reading: Reading) -> None:
        if not _told_to_freeze(task, folder):
            await do(task, reading)
            return
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            await do(task, reading)
        finally:
            (folder / THAWED).touch()

    return apply_reading


def _told_to_freeze(task: FeedTask, folder: Path) -> bool:
    """The first worker to get there takes the order; it leaves its number."""
    order = folder / FREEZE
    with suppress(FileNotFoundError):
        if order.read_text() == f"{task.landlord} {task.feed.name}":
            mine = folder / f"{FROZEN}.{os.getpid()}"
            order.rename(mine)
            mine.rename(folder / FROZEN)
            (folder / FROZEN).write_text(str(os.getpid()))
            return True
    return False


async def note(job: Job, runtime: JobRuntime) -> None:
    """Work with an effect that can be there once only."""
    async with runtime.transaction(job.landlord) as conn:
        row = {"landlord": job.landlord, "key": job.payload["key"], "id": str(job.id)}
        await conn.execute(text("insert into connector_state values (:landlord, 'noted', :key, :id)"), row)
        await finish(conn, job)


async def poison(job: Job, runtime: JobRuntime, *, folder: Path) -> None:
    """Work that goes wrong every time, in its own way, until it is cured."""
    if not (folder / CURED).exists():
        if job.payload["how"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("what an unexpected error says is kept from the reason")
    await note(job, runtime)


def with_more_work(real: Callable[..., WorkerParts], asked: dict[str, Any]) -> Callable[..., WorkerParts]:
    """The worker's parts with work of the harness's own beside the real kinds, and quicker second attempts."""
    more = {"note": note, "poison": partial(poison, folder=Path(asked["folder"]))}
    finally_built = build_in(asked.get("mistake"))

    def build(*given: Any, **named: Any) -> WorkerParts:
        parts = finally_built(real(*given, **named))
        waits = parts.runtime.back_off
        if asked["first_wait"] is not None:
            waits = BackOff(first=asked["first_wait"], factor=2, longest=5)
        return replace(
            parts, runtime=replace(parts.runtime, handlers={**parts.runtime.handlers, **more}, back_off=waits)
        )

    return build


def set_clock(asked: dict[str, Any]) -> None:
    """Everything this process builds goes by the trial's clock, if it has one."""
    if "clock" not in asked:
        return
    clock = FastClock(Path(asked["clock"]))
    bootstrap.build_api = partial(bootstrap.build_api, clock=clock)
    worker.build_worker = partial(worker.build_worker, clock=clock)


def main_of_api() -> int:
    set_clock(json.loads(os.environ["HUB_CHAOS"]))
    app.main()
    return 0


def main() -> int:
    asked = json.loads(os.environ["HUB_CHAOS"])
    bootstrap.LEASE_SECONDS = asked["lease"]
    set_clock(asked)
    worker.build_worker = with_more_work(worker.build_worker, asked)
    do: Apply = apply.apply_reading
    if asked.get("mistake") == "checkpoint":
        do = checkpoint_first(do)
    if asked.get("mistake") == "fencing":
        without_fence()
    feed.apply_reading = freezing(do, Path(asked["folder"]))
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
