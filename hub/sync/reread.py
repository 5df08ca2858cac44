"""Raw input that was kept, read again under the mapping in force: no network, no memory of what became of it before."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hub.errors import InputRefusedError, NotFoundError, NotSupportedError, Where
from hub.ports import Artifact, CallSource, FileSource, Spooled
from hub.records import Batch
from hub.store.artifact_rows import Seen
from hub.store.blob_rows import BlobRow
from hub.store.kept_rows import KeptArtifact, blobs_of, claim_kept
from hub.sync.claim import refuse, unpack
from hub.sync.collect import collect
from hub.sync.days import told_days
from hub.sync.from_files import open_any
from hub.sync.parts import FeedTask, Reading
from hub.sync.spool import FolderSpool
from hub.sync.threads import in_thread

Lines = dict[str, frozenset[int]]
"""Lines by the file the hub says they come from."""


async def readings_of_kept(
    task: FeedTask, artifacts: Sequence[KeptArtifact], *, only: Lines | None = None
) -> AsyncIterator[Reading]:
    """Read kept inputs again: a snapshot's group as one reading, a delta's inputs one by one, in the order given.

    Each reading's `seen` is claimed for this run under the mapping in force, to be settled by whoever applies it; with
    `only` nothing is claimed, and just these lines are read. Raises NotFoundError for an input that is no longer kept,
    InputRefusedError for one that cannot be read as a whole.
    """
    units = _units(task, artifacts)
    for number, group in enumerate(units, start=1):
        folder = task.folder / f"kept-{number}"
        reading = await _read(task, group, folder, only)
        yield replace(reading, is_last=number == len(units))
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _units(task: FeedTask, artifacts: Sequence[KeptArtifact]) -> list[list[KeptArtifact]]:
    if task.feed.mode == "delta":
        return [[one] for one in artifacts]
    return [list(group) for _, group in groupby(artifacts, key=lambda one: one.seen.group)]


async def _read(task: FeedTask, group: Sequence[KeptArtifact], folder: Path, only: Lines | None) -> Reading:
    seen = tuple(replace(one.seen, mapping_version=task.config.mapping_version) for one in group)
    spools = [FolderSpool(folder / f"{place}") for place in range(len(group))]
    inputs = [await _fetch(task, kept, spool) for kept, spool in zip(group, spools, strict=True)]
    if only is None:
        await _claim(task, group, seen)
    as_of = min(task.now(), max(_true_at(one) for one in group))
    batches = chain.from_iterable(_batches(task, kept, files) for kept, files in zip(group, inputs, strict=True))
    try:
        chosen = batches if only is None else _only(batches, only)
        collected = await in_thread(collect, task.record, chosen, folder / "rows.arrow")
    except InputRefusedError as error:
        raise (error.at(file=seen[0].name) if only is not None else await refuse(task, seen, error)) from error
    days = told_days(task.config, seen[-1].group, as_of, task.time_zone)
    source = task.connector
    if not isinstance(source, FileSource):
        return Reading(seen=seen, collected=collected, as_of=as_of, days=days)
    open_document = partial(open_any, task, source, [files[0] for files in inputs])
    return Reading(seen=seen, collected=collected, as_of=as_of, days=days, open_document=open_document)


def _true_at(kept: KeptArtifact) -> datetime:
    return kept.seen.modified or kept.claimed_at


async def _claim(task: FeedTask, group: Sequence[KeptArtifact], seen: Sequence[Seen]) -> None:
    async with task.transaction() as conn:
        for kept, one in zip(group, seen, strict=True):
            await claim_kept(conn, landlord=task.landlord, seen=one, kept=kept, run_id=task.run_id, now=task.now())


async def _fetch(task: FeedTask, kept: KeptArtifact, spool: FolderSpool) -> list[Spooled]:
    """The input decrypted to disk as it was: a file (its companions beside it), or the replies of a pull."""
    async with task.transaction() as conn:
        own, beside = await blobs_of(conn, kept)
    if own is None:
        raise NotFoundError(
            "the raw input is no longer kept",
            hint="ask the source for it again, then `housing-hub sync`",
            where=Where(landlord=task.landlord, feed=task.feed.name, file=kept.seen.name),
        )
    if beside is not None:
        await _unpack(task, beside, spool)
    if isinstance(task.connector, CallSource):
        return await _unpack(task, own, spool)
    await _decrypt(task, own, spool, kept.seen.name)
    return [spool.get(kept.seen.name, _artifact(kept))]


def _artifact(kept: KeptArtifact) -> Artifact:
    """The file as it was seen. What its control file promised was held against it when it came."""
    seen = kept.seen
    return Artifact(seen.name, seen.size, seen.modified or kept.claimed_at, group=seen.group, stable=True)


async def _unpack(task: FeedTask, blob: BlobRow, spool: FolderSpool) -> list[Spooled]:
    packed = FolderSpool(task.folder / "packed")
    await _decrypt(task, blob, packed, "kept.tar")
    path = packed.get("kept.tar").path
    files = await asyncio.to_thread(unpack, path, spool)
    path.unlink()
    return files


async def _decrypt(task: FeedTask, blob: BlobRow, spool: FolderSpool, name: str) -> None:
    async with task.transaction() as conn:
        key = await task.parts.vault.data_key(conn, landlord=task.landlord, key_id=blob.facts.key_id)

    def copy() -> None:
        with task.parts.blobs.open(key, blob.facts.path) as stored, spool.create(name) as sink:
            shutil.copyfileobj(stored, sink)

    await asyncio.to_thread(copy)


def _batches(task: FeedTask, kept: KeptArtifact, files: Sequence[Spooled]) -> Iterator[Batch]:
    """The input's batches, each naming the file the hub knows it by."""
    source = task.connector
    if isinstance(source, FileSource):
        yield from source.read(task.feed, files[0])
        return
    if not isinstance(source, CallSource):
        raise NotSupportedError(f"{source.name} cannot read again, because it is neither a file nor a call source")
    for batch in source.read(task.feed, files):
        yield _placed(batch, kept.seen.name) if task.feed.mode == "delta" else batch


def _placed(batch: Batch, folder: str) -> Batch:
    """As `Collected.place_in` does for a pull of its own."""
    rejects = [replace(one, file=one.file and f"{folder}/{one.file}") for one in batch.rejects]
    return replace(batch, file=batch.file and f"{folder}/{batch.file}", rejects=rejects)


def _only(batches: Iterator[Batch], only: Lines) -> Iterator[Batch]:
    """The batches, cut down to the given lines."""
    for batch in batches:
        wanted = only.get(batch.file or "", frozenset())
        rejects = [one for one in batch.rejects if one.line in only.get(one.file or batch.file or "", frozenset())]
        if batch.lines is None or not wanted:
            rows, lines = batch.rows[:0], pa.array([], pa.int64())
        else:
            numbers = pa.array(batch.lines, pa.int64()) if isinstance(batch.lines, Sequence) else batch.lines
            mask = pc.is_in(numbers, value_set=pa.array(sorted(wanted), numbers.type))
            lines = numbers.filter(mask)
            rows = _chosen(batch, mask)
        yield replace(batch, rows=rows, lines=lines, rejects=rejects, cursor=None)


def _chosen(batch: Batch, mask: pa.Array) -> pa.Table | Sequence[object]:
    if isinstance(batch.rows, pa.Table):
        return batch.rows.filter(mask)
    return [row for row, wanted in zip(batch.rows, mask.to_pylist(), strict=True) if wanted]
