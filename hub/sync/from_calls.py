"""A call source: one pull, its raw replies spooled, is one reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hub.jobs.traces import span
from hub.ports import CallSource
from hub.store.artifact_rows import Seen
from hub.sync.claim import claim, pack
from hub.sync.collect import Collected, collect
from hub.sync.parts import FeedTask, Reading
from hub.sync.spool import FolderSpool, sha256_of
from hub.sync.threads import in_thread


async def readings_of_calls(task: FeedTask) -> AsyncIterator[Reading]:
    """Pull, keep the replies, and give what was read; a pull equal to the last one is given all the same, since only
    a pull tells that nothing changed (the comparison then writes nothing)."""
    connector = task.connector
    if not isinstance(connector, CallSource):
        raise TypeError(f"{connector.name} is no call source")
    began = task.now()
    spool = FolderSpool(task.folder / "replies")
    cursor = task.cursor if task.feed.mode == "delta" else None
    with span("read"):  # asking and reading are one here
        collected = await in_thread(_pulled, task, connector, cursor, spool)
    packed = await asyncio.to_thread(pack, spool.files, task.folder / "replies.tar")
    seen = Seen(
        feed=task.feed.name,
        sha256=sha256_of(spool.files),
        mapping_version=task.config.mapping_version,
        name=f"run-{task.run_id}",
        size=packed.stat().st_size,
        modified=began,
    )
    claimed = await claim(task, seen, packed)
    if task.feed.mode == "delta":
        # Each pull is an input of its own: its refused rows stand beside those of earlier pulls, unless it is the same.
        collected.place_in(claimed.name)
    yield Reading(seen=(seen,), collected=collected, as_of=began, days=task.feed.window)


def _pulled(task: FeedTask, connector: CallSource[Any], cursor: str | None, spool: FolderSpool) -> Collected:
    return collect(task.record, connector.pull(task.feed, cursor, spool), task.folder / "rows.arrow")
