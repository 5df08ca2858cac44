"""One transaction: stage, compare, write what differs, settle the claims, move the checkpoint; all of it or nothing."""

from __future__ import annotations

from dataclasses import replace

from hub.domain.modes import Days
from hub.jobs.traces import span
from hub.records import Stream
from hub.store.apply import ApplyResult, apply_stream
from hub.store.artifact_rows import mark_artifact, supersede_artifacts
from hub.store.feed_states import advance_feed
from hub.store.handles import Connection
from hub.store.run_rows import FeedRun, put_feed_run
from hub.store.staging import stage
from hub.sync.days import days_of
from hub.sync.documents import keep_documents
from hub.sync.guard import judge, report_hold, settle_holds
from hub.sync.parts import FeedTask, Reading
from hub.sync.reflecting import reflect_postings
from hub.sync.refused import keep_refused, refuse_too_many
from hub.sync.threads import in_thread


async def apply_reading(task: FeedTask, reading: Reading) -> None:
    """Apply one reading and the feed's report with it, or hold it back where the guard says so. A worker that lost its
    lease leaves nothing behind."""
    refuse_too_many(task, reading, reading.collected.rejects)
    async with task.transaction() as conn:
        with span("stage"):
            await stage(conn, task.feed.stream, reading.collected.blocks())
        hold = await judge(task, reading, conn)
        report = await (_apply(task, reading, conn) if hold is None else report_hold(task, reading, conn, hold))
    task.progress.report = report
    if hold is None and reading.after is not None:
        await in_thread(reading.after)


async def _apply(task: FeedTask, reading: Reading, conn: Connection) -> FeedRun:
    days = await days_of(task.config, conn, reading.days)
    result = await write_staged(task, conn, days, complete=not reading.collected.rejects)
    rejects = [*reading.collected.rejects, *result.rejects]
    refuse_too_many(task, reading, rejects)
    if task.feed.stream is Stream.DOCUMENTS:
        rejects += await keep_documents(task, reading, conn)
    await keep_refused(task, reading, conn, rejects)
    await _settle_claims(task, reading, conn)
    await _move_checkpoint(task, reading, conn)
    note = await settle_holds(task, conn, files=[seen.name for seen in reading.seen], as_of=reading.as_of)
    report = _add(task, reading, result, len(rejects), note)
    await put_feed_run(conn, landlord=task.landlord, run_id=task.run_id, report=report)
    return report


async def write_staged(task: FeedTask, conn: Connection, days: Days | None, *, complete: bool) -> ApplyResult:
    """Compare what is staged with what is held, and write what differs. `complete`: rows that are not staged are not
    at the source either."""
    with span("apply"):
        result = await apply_stream(
            conn,
            landlord=task.landlord,
            stream=task.feed.stream,
            source=task.config.connector,
            mode=task.feed.mode,
            run_id=task.run_id,
            now=task.now(),
            complete=complete,
            days=days,
        )
        if task.feed.stream is Stream.LEDGER_ENTRIES:
            await reflect_postings(task, conn)
        return result


async def _settle_claims(task: FeedTask, reading: Reading, conn: Connection) -> None:
    for seen in reading.seen:
        await mark_artifact(conn, landlord=task.landlord, seen=seen, state="applied")
    await supersede_artifacts(conn, landlord=task.landlord, feed=task.feed.name, kept=reading.seen, mode=task.feed.mode)


async def _move_checkpoint(task: FeedTask, reading: Reading, conn: Connection) -> None:
    await advance_feed(
        conn,
        landlord=task.landlord,
        feed=task.feed.name,
        stream=task.feed.stream,
        source=task.config.connector,
        mapping_version=task.config.mapping_version,
        cursor=reading.collected.cursor or task.cursor,
        run_id=task.run_id,
        as_of=reading.as_of,
        sequence=task.order.reached(reading.seen) if task.order is not None else None,
    )
    await task.remember(conn)


def _add(task: FeedTask, reading: Reading, result: ApplyResult, quarantined: int, note: str | None) -> FeedRun:
    """The report after one more reading."""
    so_far = task.progress.report
    return replace(
        so_far,
        state="applied" if reading.is_last else "reading",
        read=so_far.read + reading.collected.read,
        added=so_far.added + result.added,
        changed=so_far.changed + result.changed,
        unchanged=so_far.unchanged + result.unchanged,
        missing=so_far.missing + result.missing,
        returned=so_far.returned + result.returned,
        quarantined=so_far.quarantined + quarantined,
        files=(*so_far.files, *(seen.name for seen in reading.seen)),
        note=note or so_far.note,
        finished_at=task.now() if reading.is_last else None,
    )
