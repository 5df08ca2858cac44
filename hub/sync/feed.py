"""One feed of a run, from its source to the served rows; whatever goes wrong becomes its report."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from hub.errors import BreakerOpenError, HubError, InputRefusedError, NotFoundError, NotSupportedError
from hub.ports import CallSource
from hub.store.hold_rows import Hold
from hub.store.kept_rows import kept_artifacts
from hub.store.run_rows import FeedRun
from hub.sync.apply import apply_reading
from hub.sync.claim import refuse
from hub.sync.from_calls import readings_of_calls
from hub.sync.from_files import UnfinishedError, readings_of_files
from hub.sync.guard import give_up_approved
from hub.sync.parts import FeedTask, Reading, log
from hub.sync.reread import readings_of_kept
from hub.sync.storage import disk_trouble_named


async def sync_feed(task: FeedTask) -> FeedRun:
    """Bring one feed up to date. Raises what stopped it; what was applied before that stays applied and reported."""
    await task.tell(state="reading", started_at=task.progress.report.started_at or task.now())
    try:
        with disk_trouble_named():
            await _apply_all(task)
    except (InputRefusedError, NotFoundError, NotSupportedError):
        if task.approved is not None:
            await give_up_approved(task, "its kept input cannot be applied")
        raise
    await _remember(task)
    report = task.progress.report
    if report.finished_at is not None:
        return report
    return await task.tell(state="applied" if report.files else "unchanged", finished_at=task.now())


async def _apply_all(task: FeedTask) -> None:
    async for reading in _readings(task):
        try:
            await apply_reading(task, reading)
        except InputRefusedError as error:
            raise await refuse(task, reading.seen, error, reading.put_aside) from error
        if task.progress.report.state == "held":
            break  # a delta's later files wait for the held one


def _readings(task: FeedTask) -> AsyncIterator[Reading]:
    if task.approved is not None:
        return _readings_of_hold(task, task.approved)
    return readings_of_calls(task) if isinstance(task.connector, CallSource) else readings_of_files(task)


async def _readings_of_hold(task: FeedTask, hold: Hold) -> AsyncIterator[Reading]:
    """What a person let through, from its kept raw input; the source is looked at again in the next run."""
    async with task.transaction() as conn:
        kept = await kept_artifacts(conn, landlord=task.landlord, feed=task.feed.name, sha256=hold.artifacts)
    order = {sha256: place for place, sha256 in enumerate(hold.artifacts)}
    kept.sort(key=lambda one: order[one.seen.sha256])
    async for reading in readings_of_kept(task, kept):
        yield replace(reading, as_of=hold.as_of)


async def _remember(task: FeedTask) -> None:
    async with task.transaction() as conn:
        await task.remember(conn)


async def report_failure(task: FeedTask, facts: dict[str, Any]) -> FeedRun:
    """Report what `failure` says of the error that stopped a feed; the last good data stays served."""
    await _remember(task)
    log.warning("feed %s of %s: %s %s", task.feed.name, task.landlord, facts["state"], facts["error_code"])
    return await task.tell(finished_at=task.now(), **facts)


def failure(error: Exception, *, landlord: str, feed: str, plugin: str) -> dict[str, Any]:
    """What a report says of an error: its state, code, text and what to do."""
    if isinstance(error, HubError):
        error.at(landlord=landlord, feed=feed)
        return {"state": _state(error), "error_code": error.code, "error": _text(error), "hint": error.hint or None}
    # A stranger's exception may carry data in its text: its kind and place are enough to find it in the code.
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return {
        "state": "failed",
        "error_code": "UNEXPECTED",
        "error": f"an unexpected error in {plugin} or in the hub ({type(error).__name__}{place})",
        "hint": "report it to whoever wrote the plugin, with this line",
    }


def _state(error: HubError) -> str:
    if isinstance(error, UnfinishedError | BreakerOpenError):
        return "skipped"
    return "refused" if isinstance(error, InputRefusedError) else "failed"


def _text(error: HubError) -> str:
    """The message, with the place in the source it does not name itself."""
    where = error.where
    known = (where.file, where.line and f"line {where.line}", where.field and f"field {where.field}")
    place = ", ".join(str(part) for part in known if part and str(part) not in error.message)
    return f"{place}: {error.message}" if place else error.message
