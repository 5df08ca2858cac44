"""A run as it goes on: a bar that fills feed by feed, and one line of figures when it has ended."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hub.cli.output import console
from hub.cli.reports import figures, problems
from hub.services.start_sync import watch_run
from hub.store.engine import scope
from hub.store.run_rows import Run, list_runs

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts

_LOOK_EVERY = 0.2
_NOBODY_AFTER = 15.0


async def watch(parts: OperatorParts, landlord: str, run_id: int) -> bool:
    """Show a run until it ends; True if every feed is up to date."""
    began, warned = time.monotonic(), False
    with Progress(
        TextColumn("  sync {task.description}"), BarColumn(30), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        bar = progress.add_task(landlord, total=None)
        while (run := await watch_run(parts.sync.engine, landlord, run_id)).state in ("queued", "running"):
            progress.update(bar, total=len(run.feeds), completed=_ended(run), description=_doing(landlord, run))
            if not warned and run.state == "queued" and time.monotonic() - began > _NOBODY_AFTER:
                console.print(f"  {await _why_waiting(parts, landlord)}", soft_wrap=True)
                warned = True
            await asyncio.sleep(_LOOK_EVERY)
    console.print(f"  sync {landlord:<22}{figures(run)}  {time.monotonic() - began:.1f} s", soft_wrap=True)
    for line in problems(landlord, run):
        console.print(f"    {line}", soft_wrap=True)
    return run.state == "done"


async def _why_waiting(parts: OperatorParts, landlord: str) -> str:
    async with scope(parts.sync.engine, landlord, readonly=True) as conn:
        before = [run for run in await list_runs(conn) if run.state == "running"]
    if before:
        return f"run {before[0].id} of {landlord} is still going on: this one comes next"
    return "no worker has taken the run yet: is `housing-hub up` or `housing-hub worker` running?"


def _ended(run: Run) -> int:
    return sum(report.finished_at is not None for report in run.feed_runs)


def _doing(landlord: str, run: Run) -> str:
    current = next((report.feed for report in run.feed_runs if report.finished_at is None), "")
    return f"{landlord:<20} {current:<20}"
