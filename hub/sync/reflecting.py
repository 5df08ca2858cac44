"""Postings an entry now shows: found in the transaction that applies the entry, so that a balance never jumps."""

from __future__ import annotations

from hub.store.domain_events import emit
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.offline_rows import seen_offline
from hub.store.posting_rows import reflect
from hub.store.webhook_rows import QUEUE
from hub.sync.parts import FeedTask


async def reflect_postings(task: FeedTask, conn: Connection) -> None:
    """From here on these are in the ledger, and in flight no more; payments made elsewhere are known to have come."""
    for one in await reflect(conn, days=task.match_days, now=task.now()):
        data = {
            "posting": one.reference,
            "payment": str(one.payment_id),
            "kind": one.kind,
            "amount_cents": one.amount_cents,
        }
        await emit(
            conn,
            landlord=task.landlord,
            kind="posting.reflected",
            subject=f"payment:{one.payment_id}",
            data=data,
            now=task.now(),
        )
    for seen in await seen_offline(conn):
        await enqueue(
            conn,
            landlord=task.landlord,
            queue=QUEUE,
            kind="pay.seen",
            dedup_key=str(seen.payment_id),
            payload={
                "payment": str(seen.payment_id),
                "account": str(seen.account_id),
                "entry": str(seen.entry_id),
                "amount_cents": seen.amount_cents,
                "posted_on": seen.posted_on.isoformat(),
            },
            now=task.now(),
        )
