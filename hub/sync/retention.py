"""Raw input is kept for so many days and no longer; a landlord's is swept at the end of its nights."""

from __future__ import annotations

import asyncio

from hub.store.blob_rows import expired_blobs, forget_blobs
from hub.store.engine import scope
from hub.sync.parts import SyncParts


async def sweep_expired(parts: SyncParts, landlord: str) -> int:
    """Remove the landlord's blobs past their time; gives how many. Rows go first: a crash in between leaves a file
    nobody names, never a row without its file."""
    removed = 0
    while True:
        async with scope(parts.engine, landlord) as conn:
            expired = await expired_blobs(conn, now=parts.clock.now())
            await forget_blobs(conn, [blob.id for blob in expired])
        for blob in expired:
            await asyncio.to_thread(parts.blobs.delete, blob.facts.path)
        removed += len(expired)
        if not expired:
            return removed
