"""One transaction: stage, compare, write what differs, settle the claims, move the checkpoint; all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.records import Reject, Stream
from hub.store.apply import ApplyResult, apply_stream
from hub.store.artifact_rows import mark_artifact, supersede_artifacts
from hub.store.feed_states import advance_feed
from hub.store.handles import Connection
from hub.store.quarantine_rows import replace_quarantine
from hub.store.run_rows import FeedRun, put_feed_run
from hub.store.staging import stage
from hub.sync.documents import keep_documents
from hub.sync.parts import FeedTask, Reading
from hub.sync.threads import in_thread


async def apply_reading(task: FeedTask, reading: Reading) -> None:
    """Apply one reading and the feed's report with it. A worker that lost its lease leaves nothing behind."""
    async with task.transaction() as conn:
        await stage(conn, task.feed.stream, reading.collected.blocks())
        result = await _compare_and_write(task, reading, conn)
        rejects = [*reading.collected.rejects, *result.rejects]
        if task.feed.stream is Stream.DOCUMENTS:
            rejects += await keep_documents(task, reading, conn)
        await _quarantine(task, reading, conn, rejects)
        await _settle_claims(task, reading, conn)
        await _move_checkpoint(task, reading, conn)
        report = _add(task, reading, result, len(rejects))
        await put_feed_run(conn, landlord=task.landlord, run_id=task.run_id, report=report)
    task.progress.report = report
    if reading.after is not None:
        await in_thread(reading.after)


async def _compare_and_write(task: FeedTask, reading: Reading, conn: Connection) -> ApplyResult:
    return await apply_stream(
        conn,
        landlord=task.landlord,
        stream=task.feed.stream,
        source=task.config.connector,
        mode=task.feed.mode,
        run_id=task.run_id,
        now=task.now(),
        complete=not reading.collected.rejects,
    )


async def _quarantine(task: FeedTask, reading: Reading, conn: Connection, rejects: Sequence[Reject]) -> None:
    """A snapshot's refused rows are all there are; a delta's stand beside those of its other files."""
    await replace_quarantine(
        conn,
        landlord=task.landlord,
        feed=task.feed.name,
        run_id=task.run_id,
        rejects=rejects,
        now=task.now(),
        files=None if task.feed.mode == "snapshot" else [seen.name for seen in reading.seen],
    )


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
    )
    await task.remember(conn)


def _add(task: FeedTask, reading: Reading, result: ApplyResult, quarantined: int) -> FeedRun:
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
        finished_at=task.now() if reading.is_last else None,
    )
