"""A tenant changed their mind: the payment is ended at its provider before its accounts are free again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import ConflictError
from hub.jobs import Job, JobRuntime, finish
from hub.paying.check import is_being_decided
from hub.paying.hear import hear
from hub.paying.parts import PayingParts, able_to, open_provider
from hub.paying.start import ref_of
from hub.store.engine import scope
from hub.store.payment_rows import PaymentRow, get_payment
from hub.sync.threads import in_thread


async def handle_cancel(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.cancel`: payload `{payment}`. Money that came meanwhile is heard, and stays a payment."""
    payment_id = UUID(job.payload["payment"])
    config = await parts.config(job.landlord)
    async with scope(parts.engine, job.landlord) as conn:
        held = await get_payment(conn, payment_id)
    events = await end_at_provider(parts, config, held) if held is not None and held.is_open else []
    async with scope(parts.engine, job.landlord) as conn:
        rings: tuple[str, ...] = ()
        if held is not None:
            heard = await hear(conn, config, payment_id, events, channel="cancel", now=parts.clock.now())
            rings = heard.rings
        await finish(conn, job)
    for queue in rings:
        runtime.bell.ring(queue)


async def end_at_provider(parts: PayingParts, config: LandlordConfig, held: PaymentRow) -> Sequence[PaymentEvent]:
    """Facts after the provider was told that the payment is off. Raises RetryableError while it cannot be reached.

    Never called is never paid; what the bank is deciding on goes on. A provider without a way to cancel is asked
    whether somebody paid; the page may stay open, so the payment is looked at until its end.
    """
    canceled = PaymentEvent("hub-canceled", EventKind.CANCELED, parts.clock.now(), reason="by_tenant")
    if held.started_at is None:
        return [canceled]
    async with open_provider(parts, config, held.provider) as provider:
        able = able_to(provider)
        if able.cancel:
            told = await in_thread(provider.cancel, ref_of(held), f"{held.start_key}-cancel")
            return told if is_being_decided(held, told) else [*told, canceled]
        if able.poll:
            return await in_thread(provider.fetch, ref_of(held))
    if able.flow == "instructions":
        return [canceled]
    raise ConflictError("the provider has no way to cancel", hint="the payment ends by itself when its time is over")
