"""Work on payments that somebody wants done now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import job


async def bring_forward(conn: AsyncConnection, *, landlord: str, kind: str, dedup_key: str, now: datetime) -> None:
    """A job that waits for a later time is due at once."""
    waiting = (
        job.c.landlord_id == landlord,
        job.c.kind == kind,
        job.c.dedup_key == dedup_key,
        job.c.state == "ready",
        job.c.run_at > now,
    )
    await conn.execute(update(job).where(*waiting).values(run_at=now))
