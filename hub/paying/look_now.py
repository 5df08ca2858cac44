"""Have a provider asked about a payment at once, whenever its next look would be."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hub.paying.parts import PAYMENTS
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.payment_jobs import bring_forward


async def look_now(conn: Connection, landlord: str, payment_id: UUID, *, now: datetime) -> None:
    """A job of kind `pay.check`, due now; the one that waits is brought forward. Ring `payments` after the commit."""
    key = str(payment_id)
    asked = await enqueue(
        conn,
        landlord=landlord,
        queue=PAYMENTS,
        kind="pay.check",
        dedup_key=key,
        payload={"payment": key},
        now=now,
        max_attempts=20,
    )
    if asked is None:
        await bring_forward(conn, landlord=landlord, kind="pay.check", dedup_key=key, now=now)
