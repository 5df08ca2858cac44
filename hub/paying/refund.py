"""Give money back: asked by an operator, decided by a second person above the landlord's limit, sent once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.money import to_decimal
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import PAID, PaymentState
from hub.domain.redaction import mask_cards
from hub.errors import ConflictError, DeadlineError, HubError, InvalidAskError, NotFoundError, RetryableError
from hub.jobs import Bell, Job, JobRuntime, finish
from hub.paying.hear import hear
from hub.paying.parts import PAYMENTS, PayingParts, able_to, open_provider
from hub.paying.start import ref_of
from hub.ports import RefundAsk
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.ids import new_id
from hub.store.job_rows import enqueue
from hub.store.payment_rows import PaymentRow, events_of, get_payment
from hub.store.refund_rows import NewRefund, RefundRow, add_refund, get_refund, refunds_of, set_refund
from hub.sync.threads import in_thread

REFUND_KIND: Final = "pay.refund"
_STILL_TO_COME: Final = ("waits_for_second", "asked", "unknown")


async def ask_refund(
    parts: PayingParts, bell: Bell, landlord: str, payment_id: UUID, *, amount_cents: int, why: str, by: str
) -> RefundRow:
    """Ask for a refund. At most what was paid and is not given back yet, refunds on their way counted.

    Raises NotFoundError, InvalidAskError, ConflictError.
    """
    if not why.strip():
        raise InvalidAskError("a refund needs a reason", hint='say why: --reason "paid twice"')
    config = await parts.config(landlord)
    now = parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        held = await _paid(conn, landlord, payment_id)
        settings = config.build_provider_settings(held.provider)
        able = config.provider_class(held.provider).capabilities_of(settings)
        await _check(conn, held, amount_cents, able.refund)
        waits = amount_cents > config.payments.refund_limit_cents
        new = NewRefund(
            new_id(),
            payment_id,
            amount_cents,
            mask_cards(why.strip()),
            by,
            now,
            "waits_for_second" if waits else "asked",
        )
        await add_refund(conn, landlord=landlord, new=new)
        if not waits:
            await _ask(conn, landlord, new.id, parts)
        refund = await get_refund(conn, new.id)
    bell.ring(PAYMENTS)
    if refund is None:
        raise NotFoundError("the refund is gone")
    return refund


async def decide_refund(
    parts: PayingParts, bell: Bell, landlord: str, refund_id: UUID, *, approve: bool, by: str
) -> RefundRow:
    """The second person's word. Raises NotFoundError; ConflictError when it was decided, or by who asked for it."""
    async with scope(parts.engine, landlord) as conn:
        refund = await get_refund(conn, refund_id, lock=True)
        if refund is None:
            raise NotFoundError(f"{landlord} has no such refund", hint=f"`housing-hub payments show {landlord} …`")
        if refund.state != "waits_for_second":
            raise ConflictError(f"the refund waits for nobody: it is {refund.state}")
        if approve and refund.asked_by == by:
            raise ConflictError("who asked for a refund above the limit cannot approve it", hint="ask a colleague")
        state = "asked" if approve else "rejected"
        await set_refund(
            conn, landlord=landlord, refund_id=refund_id, state=state, decided_by=by, decided_at=parts.clock.now()
        )
        if approve:
            await _ask(conn, landlord, refund_id, parts)
        decided = await get_refund(conn, refund_id)
    bell.ring(PAYMENTS)
    return decided or refund


async def handle_refund(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.refund`: payload `{refund}`. The key was committed with the asking."""
    refund_id = UUID(job.payload["refund"])
    config = await parts.config(job.landlord)
    async with scope(parts.engine, job.landlord) as conn:
        refund = await get_refund(conn, refund_id)
        held = None if refund is None else await get_payment(conn, refund.payment_id)
        transaction = "" if held is None else _transaction([row.event for row in await events_of(conn, held.id)])
    if refund is None or held is None or refund.state not in ("asked", "unknown"):
        async with scope(parts.engine, job.landlord) as conn:
            await finish(conn, job)
        return
    try:
        events = await _send(parts, config, held, refund, transaction)
    except Exception as error:
        await _note_failure(job, parts, refund, error)
        raise
    async with scope(parts.engine, job.landlord) as conn:
        heard = await hear(conn, config, held.id, events, channel="refund", now=parts.clock.now(), by=refund.asked_by)
        await set_refund(conn, landlord=job.landlord, refund_id=refund.id, state="done", last_error="")
        await finish(conn, job)
    for queue in heard.rings:
        runtime.bell.ring(queue)


async def _send(
    parts: PayingParts, config: LandlordConfig, held: PaymentRow, refund: RefundRow, transaction: str
) -> Sequence[PaymentEvent]:
    ask = RefundAsk(ref_of(held), transaction, refund.amount_cents, refund.key)
    async with open_provider(parts, config, held.provider) as provider:
        events = list(await in_thread(provider.refund, ask))
        if able_to(provider).poll:
            events += await in_thread(provider.fetch, ref_of(held))
    return events


async def _note_failure(job: Job, parts: PayingParts, refund: RefundRow, error: Exception) -> None:
    """A definite no ends it; what may have been sent is asked for again with the same key."""
    code = error.code if isinstance(error, HubError) else type(error).__name__
    definite = isinstance(error, HubError) and not isinstance(error, RetryableError)
    state = "refused" if definite else "unknown" if isinstance(error, DeadlineError) else refund.state
    async with scope(parts.engine, job.landlord) as conn:
        await set_refund(conn, landlord=job.landlord, refund_id=refund.id, state=state, last_error=code)


async def _paid(conn: Connection, landlord: str, payment_id: UUID) -> PaymentRow:
    held = await get_payment(conn, payment_id, lock=True)
    if held is None:
        raise NotFoundError(f"{landlord} has no such payment", hint=f"`housing-hub payments list {landlord}`")
    if held.state not in (*PAID, PaymentState.REVIEW) or not held.gross_cents:
        raise ConflictError(f"nothing was paid: the payment is {held.state}", hint="there is nothing to give back")
    return held


async def _check(conn: Connection, held: PaymentRow, amount_cents: int, able: str) -> None:
    on_their_way = sum(one.amount_cents for one in await refunds_of(conn, held.id) if one.state in _STILL_TO_COME)
    left = held.net_cents - held.contested_cents - on_their_way
    if not 0 < amount_cents <= left:
        raise InvalidAskError(f"at most {to_decimal(max(0, left))} can be given back", hint="look at `payments show`")
    if able == "none":
        raise ConflictError("this means of payment gives no refunds", hint="pay the tenant back another way")
    if able == "full" and amount_cents != held.net_cents:
        raise ConflictError("this means of payment gives back the whole or nothing", hint="ask for the whole")


async def _ask(conn: Connection, landlord: str, refund_id: UUID, parts: PayingParts) -> None:
    await enqueue(
        conn,
        landlord=landlord,
        queue=PAYMENTS,
        kind=REFUND_KIND,
        dedup_key=str(refund_id),
        payload={"refund": str(refund_id)},
        now=parts.clock.now(),
        max_attempts=200,
    )


def _transaction(events: Sequence[PaymentEvent]) -> str:
    """The provider's transaction the money came with."""
    for kind in (EventKind.CAPTURED, EventKind.AUTHORIZED):
        for event in events:
            if event.kind is kind and event.ref:
                return event.ref
    return ""
