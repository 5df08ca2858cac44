"""What an operator or the night itself asks to be read once more: refused lines, or all raw input that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.domain.modes import Days
from hub.domain.replay import Replay
from hub.errors import InputRefusedError, NotFoundError
from hub.records import Reject, Stream
from hub.store.apply import ApplyResult
from hub.store.artifact_rows import Seen
from hub.store.feed_states import get_feed_state
from hub.store.handles import Connection
from hub.store.kept_rows import KeptArtifact, kept_artifacts
from hub.store.quarantine_rows import (
    WAITING,
    QuarantinedRow,
    add_quarantine,
    count_quarantine,
    quarantined_rows,
    ready_to_apply,
    settle_rows,
)
from hub.store.retry_rows import Place, drop_settled, refuse_older
from hub.store.run_rows import FeedRun, put_feed_run
from hub.store.staging import stage
from hub.sync.apply import apply_reading, write_staged
from hub.sync.claim import refuse
from hub.sync.days import days_of
from hub.sync.documents import keep_documents
from hub.sync.parts import FeedTask, Reading
from hub.sync.reread import Lines, readings_of_kept

_NOT_KEPT = "no line of this mapping any more"


async def replay_feed(task: FeedTask, replay: Replay) -> FeedRun:
    """Do what was asked with one feed. Raises what `readings_of_kept` raises; nothing is asked of the source."""
    task = replace(task, approved=None)
    await task.tell(state="reading", started_at=task.progress.report.started_at or task.now())
    if replay.kind == "retry":
        return await retry_rows(task, replay.ids)
    return await _reread(task, replay)


# --- all of it --------------------------------------------------------------------------------------------------------


async def _reread(task: FeedTask, replay: Replay) -> FeedRun:
    chosen = await _inputs(task, replay)
    async with task.transaction() as conn:
        state = await get_feed_state(conn, landlord=task.landlord, feed=task.feed.name)
    held_as_of = state.as_of if state else None
    async for reading in readings_of_kept(task, chosen):
        as_of = max(reading.as_of, held_as_of) if held_as_of else reading.as_of
        try:
            await apply_reading(task, replace(reading, as_of=as_of))
        except InputRefusedError as error:
            raise await refuse(task, reading.seen, error) from error
        if task.progress.report.state == "held":
            break
    return task.progress.report


async def _inputs(task: FeedTask, replay: Replay) -> list[KeptArtifact]:
    """What is applied and still kept: a snapshot's newest group, a delta's inputs in their order. Later ones of a delta
    are read along with earlier ones: an old line never has the last word."""
    async with task.transaction() as conn:
        kept = await kept_artifacts(conn, landlord=task.landlord, feed=task.feed.name)
    good = ("applied",) if task.feed.mode != "delta" else ("applied", "superseded")
    found = [one for one in kept if one.state in good]
    if (order := task.order) is not None:
        found = [one for one in found if not order.is_in_snapshot(one.seen.modified)]
    first = next((place for place, one in enumerate(found) if _is_asked(one, replay)), len(found))
    found = [one for one in found[first:] if one.blob_id is not None]
    if not found:
        raise NotFoundError(
            f"no applied raw input of feed {task.feed.name} is kept from that time on",
            hint="ask the source for it again, then `housing-hub sync`",
        )
    return found


def _is_asked(kept: KeptArtifact, replay: Replay) -> bool:
    by_run = replay.run is None or kept.run_id >= replay.run
    return by_run and (replay.since is None or kept.claimed_at >= replay.since)


# --- refused lines ----------------------------------------------------------------------------------------------------


async def apply_parked(task: FeedTask, so_far: FeedRun | None) -> FeedRun | None:
    """Apply the feed's parked rows whose reference is known by now, and add that to what the run did of the feed; None
    if there are none."""
    task.progress.report = so_far or task.progress.report
    async with task.transaction() as conn:
        ids = await ready_to_apply(conn, landlord=task.landlord, feed=task.feed.name, source=task.config.connector)
    return await retry_rows(task, ids, word="parked") if ids else None


async def retry_rows(task: FeedTask, ids: Sequence[int] | None, *, word: str = "quarantined") -> FeedRun:
    """Read just these refused lines again and apply what can be read now; each leaves the quarantine by that, or stays
    with its new reason. Lines that somebody settled meanwhile are let be."""
    async with task.transaction() as conn:
        rows = [row for row in await _rows(task, conn, ids) if row.state in WAITING]
        shas = sorted({row.artifact for row in rows if row.line})
        kept = await kept_artifacts(conn, landlord=task.landlord, feed=task.feed.name, sha256=shas)
    there = [one for one in kept if one.blob_id is not None]
    lines, lost = _lines(rows, there), _out_of_reach(rows, there)
    told = _Told(word, left=len(rows), lost=lost)
    async for reading in readings_of_kept(task, there, only=lines):
        first_run = min(one.run_id for one in there if one.seen.sha256 in {seen.sha256 for seen in reading.seen})
        # A retry writes nothing but these lines, in their order. A night has written newer ones before.
        own_run = task.run_id if word == "quarantined" else None
        told.applied += await _apply_lines(task, reading, rows, since_run=first_run, own_run=own_run)
    return await _finish(task, told)


@dataclass(slots=True)
class _Told:
    """What a retry has to say for itself."""

    word: str
    left: int
    lost: int
    applied: int = 0

    def __str__(self) -> str:
        said = [f"{_count(self.applied, self.word)} applied"]
        if self.lost:
            said.append(f"{_count(self.lost, 'line')} cannot be read again: their raw input is no longer kept")
        return "; ".join(said)


def _count(number: int, what: str) -> str:
    noun = what if what == "line" else f"{what} line"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


async def _finish(task: FeedTask, told: _Told) -> FeedRun:
    before = task.progress.report
    note = str(told) if before.note is None else f"{before.note}; {told}"
    if before.finished_at is not None:  # at the end of a run that has dealt with this feed already
        state = "applied" if told.applied and before.state == "unchanged" else before.state
        return await task.tell(state=state, note=note)
    async with task.transaction() as conn:
        waiting = (await count_quarantine(conn, landlord=task.landlord)).get(task.feed.name, 0)
    state = "applied" if told.applied else "unchanged"
    return await task.tell(state=state, quarantined=waiting, note=note, finished_at=task.now())


async def _rows(
    task: FeedTask, conn: Connection, ids: Sequence[int] | None, *, lock: bool = False
) -> list[QuarantinedRow]:
    return await quarantined_rows(conn, landlord=task.landlord, feed=task.feed.name, ids=ids, lock=lock)


def _lines(rows: Sequence[QuarantinedRow], there: Sequence[KeptArtifact]) -> Lines:
    known = {one.seen.sha256 for one in there}
    found: dict[str, set[int]] = {}
    for row in rows:
        if row.artifact in known and row.line:
            found.setdefault(row.file or "", set()).add(row.line)
    return {file: frozenset(lines) for file, lines in found.items()}


def _out_of_reach(rows: Sequence[QuarantinedRow], there: Sequence[KeptArtifact]) -> int:
    known = {one.seen.sha256 for one in there}
    return sum(row.artifact not in known or not row.line for row in rows)


async def _apply_lines(
    task: FeedTask, reading: Reading, rows: Sequence[QuarantinedRow], *, since_run: int, own_run: int | None
) -> int:
    """Apply the lines of one reading and settle their rows, in one transaction. Gives how many were applied. Rows held
    since `since_run` may be newer than the lines, but for those `own_run` wrote."""
    mine = {seen.sha256 for seen in reading.seen}
    ids = [row.id for row in rows if row.artifact in mine]
    async with task.transaction() as conn:
        waiting = [row for row in await _rows(task, conn, ids, lock=True) if row.state in WAITING]
        await stage(conn, task.feed.stream, reading.collected.blocks())
        asked = {"landlord": task.landlord, "stream": task.feed.stream}
        staged = await drop_settled(conn, feed=task.feed.name, **asked)  # type: ignore[arg-type]  # what it takes
        older: list[Reject] = []
        if task.feed.mode == "delta":
            older = await refuse_older(
                conn,
                source=task.config.connector,
                since_run=since_run,
                own_run=own_run,
                **asked,  # type: ignore[arg-type]  # what it takes
            )
        days = await days_of(task.config, conn, reading.days, partial=True)
        result = await _write(task, conn, days, staged=len(staged) > len(older))
        rejects = [*reading.collected.rejects, *older, *result.rejects]
        if task.feed.stream is Stream.DOCUMENTS and staged:
            rejects += await keep_documents(task, reading, conn)
        applied = await _settle(task, conn, waiting, rejects, reading.seen, staged)
        report = _add(task, reading, result)
        await put_feed_run(conn, landlord=task.landlord, run_id=task.run_id, report=report)
    task.progress.report = report
    return applied


async def _write(task: FeedTask, conn: Connection, days: Days | None, *, staged: bool) -> ApplyResult:
    """A few lines say nothing about those they are not: nothing is missing because of them."""
    if not staged:
        return ApplyResult()
    return await write_staged(task, conn, days, complete=False)


async def _settle(
    task: FeedTask,
    conn: Connection,
    waiting: Sequence[QuarantinedRow],
    rejects: Sequence[Reject],
    seen: Sequence[Seen],
    staged: set[Place],
) -> int:
    """Each row is applied, refused again (its old reason makes way for the new), or no line any more."""
    again = {_place(one) for one in rejects}
    reasons = {(*_place(one), one.field or "", one.code) for one in rejects}
    done = [row for row in waiting if _place(row) in staged - again]
    gone = [row for row in waiting if _place(row) not in staged | again]
    changed = [
        row for row in waiting if _place(row) in again and (*_place(row), row.field or "", row.code) not in reasons
    ]
    now, landlord = task.now(), task.landlord
    await settle_rows(conn, [one.id for one in done], landlord=landlord, state="applied", now=now, run_id=task.run_id)
    for rows, reason in ((gone, _NOT_KEPT), (changed, "refused for another reason")):
        ids = [one.id for one in rows]
        await settle_rows(conn, ids, landlord=landlord, state="superseded", now=now, run_id=task.run_id, reason=reason)
    await add_quarantine(
        conn,
        landlord=landlord,
        feed=task.feed.name,
        run_id=task.run_id,
        rejects=[one for one in rejects if _place(one) in {_place(row) for row in waiting}],
        now=now,
        stream=task.feed.stream,
        inputs=seen,
    )
    return len(done)


def _place(row: QuarantinedRow | Reject) -> Place:
    return row.file or "", row.line or 0


def _add(task: FeedTask, reading: Reading, result: ApplyResult) -> FeedRun:
    so_far = task.progress.report
    return replace(
        so_far,
        read=so_far.read + reading.collected.read,
        added=so_far.added + result.added,
        changed=so_far.changed + result.changed,
        unchanged=so_far.unchanged + result.unchanged,
        returned=so_far.returned + result.returned,
    )
