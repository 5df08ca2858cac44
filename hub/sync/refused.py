"""Refused rows of a reading: so many that the file is refused as a whole, or kept one by one."""

from __future__ import annotations

from collections.abc import Sequence

from hub.domain.rejects import RejectLimit
from hub.errors import InputRefusedError
from hub.records import Reject
from hub.store.handles import Connection
from hub.store.quarantine_rows import replace_quarantine
from hub.sync.parts import FeedTask, Reading

_SHOWN = 3
_NO_BAD_ROW = ("NO_FILE",)
"""Rejects that are no bad rows: the document is listed all the same."""


def refuse_too_many(task: FeedTask, reading: Reading, rejects: Sequence[Reject]) -> None:
    """Raises InputRefusedError, with the first reasons, when more rows are bad than the feed may have. Rows of a delta
    that wait for what they refer to are not bad."""
    waits = ("UNKNOWN_REFERENCE",) if task.feed.mode == "delta" else ()
    bad = [one for one in rejects if one.code not in (*_NO_BAD_ROW, *waits)]
    limit = RejectLimit.parse(task.config.max_rejected)
    if limit.is_passed(bad=len(bad), read=reading.collected.read):
        raise InputRefusedError(
            f"{len(bad):,} of {reading.collected.read:,} rows are refused (limit {limit}): {_first(bad)}",
            hint="nothing of it was applied. Try the mapping with `housing-hub preview`, ask for the file again, or "
            f"raise max_rejected of feed {task.feed.name}",
        )


def _first(bad: Sequence[Reject]) -> str:
    """The first reason of each kind, with its place."""
    kinds: dict[tuple[str, str | None], Reject] = {}
    for one in bad:
        kinds.setdefault((one.code, one.field), one)
    shown = [f"{f'line {one.line} ' if one.line else ''}{one.code} {one.message}" for one in kinds.values()]
    return "; ".join(shown[:_SHOWN])


async def keep_refused(task: FeedTask, reading: Reading, conn: Connection, rejects: Sequence[Reject]) -> None:
    """A snapshot's refused rows are all there are; a delta's stand beside those of its other files."""
    await replace_quarantine(
        conn,
        landlord=task.landlord,
        feed=task.feed.name,
        run_id=task.run_id,
        rejects=rejects,
        now=task.now(),
        stream=task.feed.stream,
        inputs=reading.seen,
        files=None if task.feed.mode != "delta" else [seen.name for seen in reading.seen],
    )
