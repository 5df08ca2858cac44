"""Raw input is kept for so many days and no longer; a landlord's is swept at the end of its nights."""

from __future__ import annotations

import asyncio

from hub.store.blob_rows import BlobRow, expired_blobs, forget_blobs
from hub.store.engine import scope
from hub.store.handles import StoreError
from hub.sync.parts import SyncParts, log


async def sweep_expired(parts: SyncParts, landlord: str) -> int:
    """Remove the landlord's blobs past their time; gives how many. The night is over by then: what cannot be removed
    now is left to the next one."""
    removed = 0
    try:
        while expired := await _forget_some(parts, landlord):
            await asyncio.to_thread(_delete, parts, expired)
            removed += len(expired)
    except (OSError, StoreError) as error:
        log.warning("old files of %s are not removed: %s", landlord, type(error).__name__)
    return removed


async def _forget_some(parts: SyncParts, landlord: str) -> list[BlobRow]:
    """Rows go first: a crash in between leaves a file nobody names, never a row without its file."""
    async with scope(parts.engine, landlord) as conn:
        expired = await expired_blobs(conn, now=parts.clock.now())
        await forget_blobs(conn, [blob.id for blob in expired])
    return expired


def _delete(parts: SyncParts, expired: list[BlobRow]) -> None:
    for blob in expired:
        parts.blobs.delete(blob.facts.path)
