"""The guard at work: staged rows beside held ones, judged in the transaction that would apply them.

Suspicious data is not applied: it becomes a hold, and the last good data stays served.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from hub.domain.guard import Ages, Reason, judge_age, judge_days, judge_ledger, judge_snapshot, judge_source
from hub.domain.modes import Days
from hub.errors import InputRefusedError
from hub.ports import CallSource
from hub.records import RECORDS, Stream
from hub.store.artifact_rows import mark_artifact
from hub.store.feed_states import FeedState, get_feed_state
from hub.store.guard_facts import (
    Compared,
    applied_group,
    applied_written,
    compare_ledger,
    compare_snapshot,
    last_applied,
)
from hub.store.handles import Connection
from hub.store.hold_rows import (
    Hold,
    add_hold,
    close_hold,
    get_hold,
    hold_of_content,
    last_approved,
    supersede_holds,
    waiting_holds,
)
from hub.store.rekey_rows import held_unknown_to
from hub.store.run_rows import FeedRun, put_feed_run
from hub.sync.days import days_of
from hub.sync.parts import FeedTask, Reading

HELD: Final = "HELD"


async def judge(task: FeedTask, reading: Reading, conn: Connection) -> Hold | None:
    """The hold this data is kept back by, None where it may be applied.

    The same data again meets the hold it already has. Raises InputRefusedError for data a person has rejected.
    """
    if task.approved is not None:
        return None
    known = await hold_of_content(
        conn,
        landlord=task.landlord,
        feed=task.feed.name,
        mapping_version=task.config.mapping_version,
        artifacts=_content(reading),
    )
    if known is not None and known.state == "rejected":
        raise InputRefusedError(
            f"this data was rejected (hold {known.id}: {known.decision_reason})",
            hint="the last good data stays: ask for the file again",
        )
    reasons, diff = await _suspicions(task, reading, conn)
    is_open = known is not None and known.state == "open"
    if not reasons:
        if is_open:
            await _supersede(task, conn, "it passes the guard as it is set now")
        return None
    if known is not None and is_open:
        return known
    return await add_hold(
        conn,
        landlord=task.landlord,
        run_id=task.run_id,
        feed=task.feed.name,
        mapping_version=task.config.mapping_version,
        artifacts=_content(reading),
        files=[seen.name for seen in reading.seen],
        as_of=reading.as_of,
        reasons=[asdict(reason) for reason in reasons],
        diff=diff,
        now=task.now(),
    )


async def report_hold(task: FeedTask, reading: Reading, conn: Connection, hold: Hold) -> FeedRun:
    """The feed's report when its data is held: nothing of it was applied, what came before it in the run was."""
    for seen in reading.seen:
        await mark_artifact(conn, landlord=task.landlord, seen=seen, state="held")
    so_far = task.progress.report
    report = replace(
        so_far,
        state="held",
        read=so_far.read + reading.collected.read,
        error_code=HELD,
        error="; ".join(hold.sentences),
        hint=_next_steps(task, hold),
        files=(*so_far.files, *(seen.name for seen in reading.seen)),
        hold_id=hold.id,
        finished_at=task.now(),
    )
    await put_feed_run(conn, landlord=task.landlord, run_id=task.run_id, report=report)
    return report


async def settle_holds(task: FeedTask, conn: Connection, *, files: Sequence[str], as_of: datetime) -> str | None:
    """What was applied closes the hold it was approved from, or takes the place of what was held; gives a sentence
    about it. Older data, read once more, does not; nor does a delta file of another one that is held."""
    if task.approved is not None:
        await close_hold(conn, landlord=task.landlord, hold_id=task.approved.id)
        return f"hold {task.approved.id}, approved by {task.approved.decided_by}, is applied"
    waiting = (await waiting_holds(conn)).get(task.feed.name)
    if waiting is None:
        return None
    if set(waiting.files) <= set(files):
        return await _supersede(task, conn, "the file came again and passed the guard")
    is_whole = task.feed.mode != "delta" or isinstance(task.connector, CallSource)
    if is_whole and as_of >= waiting.as_of:
        return await _supersede(task, conn, "newer data of the feed passed the guard")
    return None


async def settle_withdrawn(task: FeedTask, conn: Connection, *, newest: Set[str], found: Set[str]) -> str | None:
    """The source's newest snapshot is the one that is applied: a hold ends whose files are that snapshot's (the good
    file was put back) or nowhere any more (the bad one was taken away). `found`: all file names there."""
    waiting = (await waiting_holds(conn)).get(task.feed.name)
    held = None if waiting is None else await get_hold(conn, waiting.id, lock=True)
    if held is None or held.state != "open":
        return None  # a person let it through just now
    files = set(held.files)
    if files <= newest:
        return await _supersede(task, conn, "the source has the applied file again")
    return None if files & found else await _supersede(task, conn, "the source took the file away")


async def give_up_approved(task: FeedTask, reason: str) -> None:
    """An approved hold that can never be applied must not stand in the way of every night to come."""
    async with task.transaction() as conn:
        await _supersede(task, conn, reason)


async def _supersede(task: FeedTask, conn: Connection, reason: str) -> str | None:
    gone = await supersede_holds(
        conn, landlord=task.landlord, feed=task.feed.name, run_id=task.run_id, now=task.now(), reason=reason
    )
    return f"hold {', '.join(map(str, gone))} is superseded: {reason}" if gone else None


def _content(reading: Reading) -> list[str]:
    return [seen.sha256 for seen in reading.seen]


def _next_steps(task: FeedTask, hold: Hold) -> str:
    first = "have it put right in the ERP" if isinstance(task.connector, CallSource) else "ask for the file again"
    return (
        f"{first}, then `housing-hub sync {task.landlord} {task.feed.name}`; "
        f"or, if it is right, `housing-hub holds approve {task.landlord} {hold.id}`"
    )


# --- what there is to judge -------------------------------------------------------------------------------------------


async def _suspicions(task: FeedTask, reading: Reading, conn: Connection) -> tuple[list[Reason], dict[str, Any]]:
    """Why this data should be seen by a person first, and what it would change. First loads pass, and empty snapshots
    (which are refused as such, not held)."""
    name, stream, limits = task.feed.name, task.feed.stream, task.config.guard.limits()
    if overtaken := await _overtaken(task, reading, conn):
        return overtaken, {}
    state = await get_feed_state(conn, landlord=task.landlord, feed=name)
    if state is None or state.as_of is None or reading.collected.rows == 0:
        return [], {}
    if not await last_applied(conn, landlord=task.landlord, feed=name, before_run=task.run_id):
        return [], {}
    if task.source_before not in (None, task.config.connector):
        if _is_taken_over(stream):
            return [], {}
        if doubled := await _doubled(task, conn, task.source_before or ""):
            return doubled, {}
    ages = await _ages(task, reading, conn, state, state.as_of)
    reasons: list[Reason] = []
    diff: dict[str, Any] = {}
    if task.feed.mode != "delta":
        days = await days_of(task.config, conn, reading.days)
        if days is not None:
            reasons += judge_days(state.as_of.astimezone(task.time_zone).date(), days)
        compared = await _compared(task, reading, conn, days)
        reasons += judge_snapshot(compared.facts, limits, noun=_noun(stream), anchors=_has_anchor(stream))
        reasons += judge_age(await _by_the_servers_clock(task, reading, conn, ages))
        diff |= asdict(compared.facts) | {
            "disappearing": compared.facts.disappearing,
            "sample": list(compared.sample),
        }
    if stream is Stream.LEDGER_ENTRIES:
        day = reading.as_of.date()
        facts = await compare_ledger(
            conn, landlord=task.landlord, source=task.config.connector, as_of=day, old_days=limits.old_days
        )
        reasons += judge_ledger(facts, ages, limits)
        diff |= asdict(facts)
    return reasons, diff


async def _overtaken(task: FeedTask, reading: Reading, conn: Connection) -> list[Reason]:
    """A snapshot that is older than what a numbered delta of the same stream brought since would take that back."""
    if task.feed.mode != "snapshot" or reading.collected.rows == 0:
        return []
    states = [await get_feed_state(conn, landlord=task.landlord, feed=name) for name in task.on_top]
    applied = max((state.as_of for state in states if state and state.as_of), default=None)
    return judge_age(Ages(as_of=reading.as_of, last_as_of=applied)) if applied else []


async def _ages(task: FeedTask, reading: Reading, conn: Connection, state: FeedState, last_as_of: datetime) -> Ages:
    group = max(seen.group for seen in reading.seen)
    same_mapping = state.mapping_version == task.config.mapping_version
    last = await applied_group(conn, landlord=task.landlord, feed=task.feed.name) if group and same_mapping else ""
    return Ages(as_of=reading.as_of, last_as_of=last_as_of, group=group, last_group=last)


async def _by_the_servers_clock(task: FeedTask, reading: Reading, conn: Connection, ages: Ages) -> Ages:
    """Files are as old as their server says, also where its clock is ahead of ours: `as_of` is never after now, so that
    two of its days would look like one."""
    written = [seen.modified for seen in reading.seen if seen.modified is not None]
    last = await applied_written(conn, landlord=task.landlord, feed=task.feed.name)
    if isinstance(task.connector, CallSource) or not written or last is None:
        return ages
    return replace(ages, as_of=max(written), last_as_of=last)


async def _compared(task: FeedTask, reading: Reading, conn: Connection, days: Days | None) -> Compared:
    since = task.now() - task.config.guard.limits().drip
    approved = await last_approved(conn, landlord=task.landlord, feed=task.feed.name)
    return await compare_snapshot(
        conn,
        landlord=task.landlord,
        source=task.config.connector,
        stream=task.feed.stream,
        refused=len(reading.collected.rejects),
        drip_since=max(since, approved) if approved else since,
        as_of=reading.as_of.date(),
        days=days,
    )


def _has_anchor(stream: Stream) -> bool:
    """Whether other things hang on the stream's rows; ledger entries are as precious."""
    return RECORDS[stream].anchor is not None or stream is Stream.LEDGER_ENTRIES


async def _doubled(task: FeedTask, conn: Connection, before: str) -> list[Reason]:
    """The first rows of another ERP whose keys nobody has told."""
    stream, connector = task.feed.stream, task.config.connector
    if RECORDS[stream].anchor is None:
        return []
    held = await held_unknown_to(conn, landlord=task.landlord, stream=stream, before=before, source=connector)
    return judge_source(before=before, now=connector, held=held, noun=_noun(stream))


def _is_taken_over(stream: Stream) -> bool:
    """Whether another ERP's first rows are told by what they say: none is known by its id, none is counted twice."""
    return RECORDS[stream].anchor is None and RECORDS[stream].key == ("external_id",)


def _noun(stream: Stream) -> str:
    return stream.value.replace("_", " ")
