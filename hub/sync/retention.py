"""Raw input is kept for so many days and no longer; a landlord's is swept at the end of its nights."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from hub.errors import HubError
from hub.store.blob_rows import BlobRow, expired_blobs, forget_blobs, shorten_raw, unnamed_paths
from hub.store.engine import scope
from hub.store.handles import StoreError
from hub.sync.parts import SyncParts, log

_A_DAY = timedelta(days=1)


async def sweep_expired(parts: SyncParts, landlord: str, *, raw_days: int) -> int:
    """Remove the landlord's blobs past their time, raw input after so many days; gives how many. The night is over by
    then: what cannot be removed now is left to the next one."""
    removed = 0
    try:
        async with scope(parts.engine, landlord) as conn:
            await shorten_raw(conn, keep=timedelta(days=raw_days))
        while expired := await _forget_some(parts, landlord):
            await asyncio.to_thread(_delete, parts, expired)
            removed += len(expired)
    except (OSError, StoreError) as error:
        log.warning("old files of %s are not removed: %s", landlord, type(error).__name__)
    return removed


async def sweep_unnamed(parts: SyncParts, landlord: str) -> int:
    """At most daily: remove files older than a day that no row names, as a kill between the two leaves them."""
    now, noted = parts.clock.now(), parts.work_dir / "swept" / landlord
    try:
        if await asyncio.to_thread(_was_swept, noted, now):
            return 0
        paths = await asyncio.to_thread(parts.blobs.old_files, landlord, before=now - _A_DAY)
        async with scope(parts.engine, landlord, readonly=True) as conn:
            unnamed = await unnamed_paths(conn, paths)
        await asyncio.to_thread(_delete_paths, parts, unnamed)
    except (OSError, HubError, StoreError) as error:
        log.warning("files of %s that nothing names are not removed: %s", landlord, type(error).__name__)
        return 0
    return len(unnamed)


def _was_swept(noted: Path, now: datetime) -> bool:
    """Whether that was less than a day ago on this machine; noted as done now if not."""
    if noted.exists() and now - datetime.fromisoformat(noted.read_text("ascii")) < _A_DAY:
        return True
    noted.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    noted.write_text(now.isoformat(), "ascii")
    return False


async def _forget_some(parts: SyncParts, landlord: str) -> list[BlobRow]:
    """Rows go first: a crash in between leaves a file nobody names, never a row without its file."""
    async with scope(parts.engine, landlord) as conn:
        expired = await expired_blobs(conn, now=parts.clock.now())
        await forget_blobs(conn, [blob.id for blob in expired])
    return expired


def _delete(parts: SyncParts, expired: list[BlobRow]) -> None:
    _delete_paths(parts, [blob.facts.path for blob in expired])


def _delete_paths(parts: SyncParts, paths: Sequence[str]) -> None:
    for path in paths:
        parts.blobs.delete(path)
