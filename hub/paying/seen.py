"""A payment made away from the screen has come: the ERP's ledger shows it, so nothing is posted."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.references import posting_reference
from hub.jobs import Job, JobRuntime, finish
from hub.paying.hear import hear
from hub.paying.parts import PayingParts
from hub.paying.plan import METHODS
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payment_rows import PaymentRow, get_payment
from hub.store.posting_rows import NewPosting, add_postings, postings_of, set_postings


async def handle_seen(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.seen`: payload `{payment, account, entry, amount_cents, posted_on}`."""
    told = job.payload
    config = await parts.config(job.landlord)
    now = parts.clock.now()
    async with scope(parts.engine, job.landlord) as conn:
        held = await get_payment(conn, UUID(told["payment"]), lock=True)
        if held is not None and not await postings_of(conn, held.id):
            await _entered(conn, config.erp or "", held, job)
            event = PaymentEvent(
                f"entry-{told['entry']}", EventKind.CAPTURED, now, ref=told["entry"], amount_cents=told["amount_cents"]
            )
            await hear(conn, config, held.id, [event], channel="hub", now=now)
        await finish(conn, job)


async def _entered(conn: Connection, erp: str, held: PaymentRow, job: Job) -> None:
    """Its posting is the entry that is there already."""
    told, now = job.payload, job.clock.now()
    posting = NewPosting(
        payment_id=held.id,
        account_id=UUID(told["account"]),
        reference=posting_reference(held.reference, 1),
        kind="payment",
        amount_cents=told["amount_cents"],
        reason="seen",
        reverses=None,
        paid_on=date.fromisoformat(told["posted_on"]),
        method=METHODS[held.method],
        connector=erp,
        state="posted",
        created_at=now,
    )
    ids = await add_postings(conn, landlord=job.landlord, new=[posting])
    await set_postings(
        conn, landlord=job.landlord, ids=ids, state="reflected", entry_id=UUID(told["entry"]), reflected_at=now
    )
