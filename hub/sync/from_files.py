"""A file source: discover, fetch what is new and finished, claim it by content, read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain, groupby
from typing import Any, BinaryIO

from hub.errors import InputRefusedError, NotFoundError, RetryableError, Where
from hub.jobs.traces import span
from hub.ports import Artifact, FileSource, Spooled
from hub.store.artifact_rows import Seen, find_applied, see_again
from hub.store.engine import scope
from hub.store.feed_states import date_feed, put_sequence
from hub.sync.claim import claim, refuse
from hub.sync.collect import collect
from hub.sync.days import told_days
from hub.sync.guard import settle_holds, settle_withdrawn
from hub.sync.parts import FeedTask, Reading
from hub.sync.spool import FolderSpool, sha256_of
from hub.sync.threads import in_thread

UNFINISHED_HINT = "it is read at the next look, once it has a control file or has stopped changing"


class UnfinishedError(RetryableError):
    """A file is still being written, as far as anyone can tell."""

    code = "UNFINISHED"


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A claimed file on local disk."""

    artifact: Artifact
    spooled: Spooled
    seen: Seen
    beside: tuple[Spooled, ...] = ()


async def readings_of_files(task: FeedTask) -> AsyncIterator[Reading]:
    """The feed's new inputs: a snapshot's newest group as one reading, a delta's files one by one in order."""
    source = _source(task)
    with span("discover"):
        artifacts = await in_thread(source.discover, task.feed)
    if not artifacts and not task.known:
        raise NotFoundError("the source has no file for this feed", hint="check `files` and whether the export ran")
    units = _units(task, task.order.sort(artifacts) if task.order is not None else artifacts)
    for number, group in enumerate(units, start=1):
        if _is_passed_over(task, group) or all([await _is_known(task, artifact) for artifact in group]):
            await _put_right(task, group, artifacts)
            await in_thread(_done, task, source, group)
            continue
        _refuse_unfinished(group)
        if task.order is not None:
            await task.order.admit(group[0])
        reading = await _read_unit(task, source, group, number)
        if reading is not None:
            yield replace(reading, is_last=number == len(units))


def _source(task: FeedTask) -> FileSource[Any]:
    if not isinstance(task.connector, FileSource):
        raise TypeError(f"{task.connector.name} is no file source")
    return task.connector


def _units(task: FeedTask, artifacts: Sequence[Artifact]) -> list[list[Artifact]]:
    if task.feed.mode == "delta":
        return [[artifact] for artifact in artifacts]
    return [list(group) for _, group in groupby(artifacts, key=lambda artifact: artifact.group)][-1:]


def _is_passed_over(task: FeedTask, group: Sequence[Artifact]) -> bool:
    return task.order is not None and all(task.order.is_in_snapshot(one.modified) for one in group)


async def _is_known(task: FeedTask, artifact: Artifact) -> bool:
    """Applied before under this name, size and time: it need not even be fetched."""
    async with scope(task.parts.engine, task.landlord) as conn:
        return await find_applied(
            conn,
            landlord=task.landlord,
            feed=task.feed.name,
            mapping_version=task.config.mapping_version,
            name=artifact.name,
            size=artifact.size,
            modified=artifact.modified,
        )


async def _put_right(task: FeedTask, group: Sequence[Artifact], found: Sequence[Artifact]) -> None:
    """What is applied is the source's newest snapshot again: data that was held is no longer there to decide about."""
    if task.feed.mode != "snapshot":
        return
    async with task.transaction() as conn:
        note = await settle_withdrawn(task, conn, newest={one.name for one in group}, found={one.name for one in found})
    if note is not None:
        await task.tell(note=note)


def _refuse_unfinished(group: Sequence[Artifact]) -> None:
    for artifact in group:
        if not artifact.stable:
            raise UnfinishedError("not finished yet", hint=UNFINISHED_HINT, where=Where(file=artifact.name))


async def _read_unit(task: FeedTask, source: FileSource[Any], group: Sequence[Artifact], number: int) -> Reading | None:
    spool = FolderSpool(task.folder / f"unit-{number}")
    fetched = [await _fetch(task, source, artifact, spool) for artifact in group]
    as_of = min(task.now(), max(artifact.modified for artifact in group))
    done, put_aside = partial(_done, task, source, group), partial(_put_aside, task, source, group)
    claims = [await claim(task, one.seen, one.spooled.path, one.beside) for one in fetched]
    if all(one.state == "applied" for one in claims):
        await _see_again(task, fetched, as_of)
        await _count_again(task, fetched)
        await in_thread(done)
        return None
    seen = tuple(one.seen for one in fetched)
    batches = chain.from_iterable(source.read(task.feed, one.spooled) for one in fetched)
    try:
        with span("read"):
            collected = await in_thread(collect, task.record, batches, task.folder / f"rows-{number}.arrow")
    except InputRefusedError as error:
        raise await refuse(task, seen, error, put_aside) from error
    open_document = partial(open_any, task, source, [one.spooled for one in fetched])
    days = told_days(task.config, seen[-1].group, as_of, task.time_zone)
    return Reading(
        seen=seen,
        collected=collected,
        as_of=as_of,
        days=days,
        open_document=open_document,
        after=done,
        put_aside=put_aside,
    )


async def _see_again(task: FeedTask, fetched: Sequence[_Fetched], as_of: datetime) -> None:
    """A newer snapshot that says what is held: nothing is written, but it is true for longer."""
    if task.feed.mode != "delta":
        async with task.transaction() as conn:
            for one in fetched:
                await see_again(conn, landlord=task.landlord, seen=one.seen)
            await date_feed(conn, landlord=task.landlord, feed=task.feed.name, as_of=as_of)
            note = await settle_holds(task, conn, files=[one.seen.name for one in fetched], as_of=as_of)
        if note is not None:
            await task.tell(note=note)


async def _count_again(task: FeedTask, fetched: Sequence[_Fetched]) -> None:
    """Known content under a new number: nothing to apply, but the next number follows it."""
    if task.order is not None and (reached := task.order.reached([one.seen for one in fetched])) is not None:
        async with task.transaction() as conn:
            await put_sequence(conn, landlord=task.landlord, feed=task.feed.name, sequence=reached)


def _done(task: FeedTask, source: FileSource[Any], group: Sequence[Artifact]) -> None:
    """Also told of files applied long ago that are still there: a kill may have come before this."""
    for artifact in group:
        source.done(task.feed, artifact)


def _put_aside(task: FeedTask, source: FileSource[Any], group: Sequence[Artifact]) -> None:
    """After the refusal is noted: killed before this, the next look finds the file, refuses it, and comes here."""
    for artifact in group:
        source.refused(task.feed, artifact)


async def _fetch(task: FeedTask, source: FileSource[Any], artifact: Artifact, spool: FolderSpool) -> _Fetched:
    """The file and its companions side by side on disk, and what the content is."""
    companions = await in_thread(source.companions, task.feed, artifact)
    for wanted in (*companions, artifact):
        with spool.create(wanted.name) as sink, span("fetch"):
            await in_thread(source.fetch, task.feed, wanted, sink)
    spooled = spool.get(artifact.name, artifact)
    digest = await asyncio.to_thread(sha256_of, [spooled])
    seen = Seen(
        feed=task.feed.name,
        sha256=digest,
        mapping_version=task.config.mapping_version,
        name=artifact.name,
        size=artifact.size,
        modified=artifact.modified,
        group=artifact.group,
    )
    return _Fetched(artifact, spooled, seen, tuple(spool.get(one.name, one) for one in companions))


def open_any(task: FeedTask, source: FileSource[Any], inputs: Sequence[Spooled], name: str) -> BinaryIO:
    """A document from whichever of the spooled inputs holds it."""
    *others, last = inputs
    for one in others:
        try:
            return source.open_document(task.feed, one, name)
        except NotFoundError:
            continue
    return source.open_document(task.feed, last, name)
