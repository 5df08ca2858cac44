"""A run as it goes on: a bar that fills feed by feed, why it waits, and one line of figures when it has ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hub.cli.output import console
from hub.cli.progress import timed
from hub.cli.reports import figures, problems
from hub.domain.breaker import Breaker
from hub.errors import NotFoundError
from hub.services.known_landlords import landlord_slugs
from hub.services.start_sync import next_try, watch_run
from hub.store.breaker_rows import breakers_waited_for
from hub.store.engine import scope
from hub.store.feed_states import get_feed_state
from hub.store.run_rows import Run, list_runs
from hub.telling.run_text import goes_on

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts

_LOOK_EVERY = 0.2
_NOBODY_AFTER = 15.0


async def watch(parts: OperatorParts, landlord: str, run_id: int) -> bool:
    """Show a run until it ends; True if every feed is up to date."""
    began, told = time.monotonic(), _Told(parts, landlord)
    with Progress(
        TextColumn("  sync {task.description}"),
        BarColumn(30),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(landlord, total=None)
        while (run := await watch_run(parts.sync.engine, landlord, run_id)).state in ("queued", "running"):
            progress.update(bar, total=len(run.feeds), completed=_ended(run), description=_doing(landlord, run))
            await told.look(run, waited=time.monotonic() - began)
            await asyncio.sleep(_LOOK_EVERY)
    line = timed(f"sync {landlord:<20} {figures(run) or run.state}", _took(run))
    console.print(f"  {line}", soft_wrap=True)
    told.problems(run, again=True)
    await told.goes_on(run)
    return run.state == "done"


async def look_at_run(
    parts: OperatorParts, landlord: str, run_id: int | None
) -> tuple[Run, dict[str, datetime | None], dict[str, Breaker]]:
    """A run (the latest if none is named), when the data tenants see of its feeds was true, and the ERPs it waits for.

    Raises NotFoundError.
    """
    engine = parts.sync.engine
    await landlord_slugs(engine, landlord)
    if run_id is None:
        async with scope(engine, landlord, readonly=True) as conn:
            latest = await list_runs(conn, limit=1)
        if not latest:
            raise NotFoundError(f"nothing of {landlord} was synced yet", hint=f"`housing-hub sync {landlord} --wait`")
        run_id = latest[0].id
    run = await watch_run(engine, landlord, run_id)
    async with scope(engine, landlord, readonly=True) as conn:
        states = {feed: await get_feed_state(conn, landlord=landlord, feed=feed) for feed in run.feeds}
        waits_for = await breakers_waited_for(conn, landlord=landlord, run_id=run.id)
    return run, {feed: state.as_of for feed, state in states.items() if state is not None}, waits_for


@dataclass(slots=True)
class _Told:
    """What was said of a run that is not getting on, each thing once."""

    parts: OperatorParts
    landlord: str
    queued: bool = False
    attempt: int = 0
    said: list[str] = field(default_factory=list)

    async def look(self, run: Run, *, waited: float) -> None:
        """Say why a run waits: for a worker, for an earlier run, or to be tried again."""
        if run.state == "queued" and not self.queued and waited > _NOBODY_AFTER:
            console.print(f"  {await _why_waiting(self.parts, self.landlord)}", soft_wrap=True)
            self.queued = True
        elif run.state == "running" and any(report.error for report in run.feed_runs):
            again = await next_try(self.parts.sync.engine, self.landlord, run.id)
            if again is not None and again.attempt > self.attempt:
                self.attempt = again.attempt
                self.problems(run)
                seconds = max((again.at - self.parts.sync.clock.now()).total_seconds(), 0)
                console.print(
                    f"    trying again in {seconds:.0f} s, attempt {again.attempt} of {again.attempts}; "
                    "Ctrl-C stops watching, not the run",
                    soft_wrap=True,
                )

    async def goes_on(self, run: Run) -> None:
        """Say of a run that failed for want of an answer that it is not given up."""
        async with scope(self.parts.sync.engine, self.landlord, readonly=True) as conn:
            waits_for = await breakers_waited_for(conn, landlord=self.landlord, run_id=run.id)
        for line in goes_on(self.landlord, waits_for):
            console.print(f"    {line}", soft_wrap=True, markup=False)

    def problems(self, run: Run, *, again: bool = False) -> None:
        """Say what is wrong now, unless that was said last."""
        lines = problems(self.landlord, run)
        if again or lines != self.said:
            self.said = lines
            for line in lines:
                console.print(f"    {line}", soft_wrap=True)


async def _why_waiting(parts: OperatorParts, landlord: str) -> str:
    async with scope(parts.sync.engine, landlord, readonly=True) as conn:
        before = [run for run in await list_runs(conn) if run.state == "running"]
    if before:
        look = f"housing-hub runs show {landlord} {before[0].id}"
        return f"run {before[0].id} of {landlord} is still going on ({look}): this one comes next"
    return "no worker has taken the run yet: is `housing-hub up` or `housing-hub worker` running?"


def _took(run: Run) -> float:
    """Seconds of work, without what it waited for others."""
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0


def _ended(run: Run) -> int:
    return sum(report.finished_at is not None for report in run.feed_runs)


def _doing(landlord: str, run: Run) -> str:
    current = next((report.feed for report in run.feed_runs if report.finished_at is None), "")
    return f"{landlord:<20} {current:<20}"
