"""The one function through which everything heard of a payment goes, whoever brought it.

Webhook, browser return, poll, refund, operator: each only brings facts. Under the payment's row lock they are noted,
the state is worked out anew from all facts, and what follows (postings, events for others, the next look) is written in
the same transaction. Heard twice, or in another order, nothing happens twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.config import LandlordConfig
from hub.domain.payment_events import PaymentEvent
from hub.domain.payments import OPEN, PAID, Asked, PaymentState, Projection, project
from hub.domain.polling import next_check, not_beyond
from hub.errors import NotFoundError
from hub.paying.parts import PAYMENTS
from hub.paying.plan import plan_postings
from hub.store.domain_events import emit
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.payment_rows import (
    PaymentRow,
    add_events,
    events_of,
    get_payment,
    note_started,
    put_action,
    put_projection,
)

Channel = Literal["start", "webhook", "return", "poll", "refund", "cancel", "operator", "hub", "settlement"]

_TOLD: Final[dict[PaymentState, str]] = {
    PaymentState.FAILED: "payment.refused",
    PaymentState.CANCELED: "payment.canceled",
    PaymentState.EXPIRED: "payment.expired",
    PaymentState.REVIEW: "payment.review",
    PaymentState.DISPUTED: "payment.disputed",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of the payment. `news`: how many of the facts were not known yet."""

    before: PaymentRow
    found: Projection
    news: int
    rings: tuple[str, ...] = ()


async def hear(
    conn: Connection,
    config: LandlordConfig,
    payment_id: UUID,
    events: Sequence[PaymentEvent],
    *,
    channel: Channel,
    now: datetime,
    by: str = "",
    action: Mapping[str, Any] | None = None,
    provider_ref: str = "",
) -> Heard:
    """Take facts into account, in the caller's transaction. Ring `rings` after the commit. Raises NotFoundError."""
    landlord = config.slug
    held = await get_payment(conn, payment_id, lock=True)
    if held is None:
        raise NotFoundError(f"{landlord} has no such payment", hint=f"`housing-hub payments list {landlord}`")
    if provider_ref and provider_ref != held.provider_ref:
        await note_started(conn, landlord=landlord, payment_id=payment_id, provider_ref=provider_ref)
    if action is not None:
        await put_action(conn, landlord=landlord, payment_id=payment_id, person_id=held.person_id, action=action)
    news = await add_events(
        conn, landlord=landlord, payment_id=payment_id, events=events, channel=channel, now=now, by=by
    )
    if not news:
        return Heard(held, _as_held(held), 0)
    heard = [row.event for row in await events_of(conn, payment_id)]
    found = project(Asked(held.amount_cents, held.currency), heard)
    paid_at = held.paid_at or (now if found.state in PAID else None)
    await put_projection(conn, landlord=landlord, held=held, found=found, paid_at=paid_at, now=now)
    paid_on = (paid_at or now).astimezone(ZoneInfo(config.identity.time_zone)).date()
    posted = await plan_postings(conn, config, held, found, paid_on=paid_on, now=now)
    await _tell(conn, landlord, held, found, now)
    await look_again(conn, landlord, replace(held, state=found.state), now=now)
    return Heard(held, found, news, posted)


async def look_again(conn: Connection, landlord: str, held: PaymentRow, *, now: datetime) -> None:
    """Ask for the next look at a payment, if there is to be one; one that is asked for already stays as it is."""
    due = next_check(held.state, held.checks, now=now)
    if due is None:
        return
    if held.state in OPEN:
        due = not_beyond(due, held.expires_at, now=now)
    await enqueue(
        conn,
        landlord=landlord,
        queue=PAYMENTS,
        kind="pay.check",
        dedup_key=str(held.id),
        payload={"payment": str(held.id)},
        now=now,
        run_at=due,
        max_attempts=20,
    )


def _as_held(held: PaymentRow) -> Projection:
    return Projection(
        held.state,
        held.gross_cents,
        held.captured_cents,
        held.refunded_cents,
        held.lost_cents,
        held.contested_cents,
        reason=held.reason,
    )


async def _tell(conn: Connection, landlord: str, held: PaymentRow, found: Projection, now: datetime) -> None:
    """Events for whoever sends mails, receipts and webhooks."""
    told = []
    if found.state in PAID and held.state not in PAID:
        told.append(("payment.settled", found.gross_cents))
    if found.state is not held.state and found.state in _TOLD:
        told.append((_TOLD[found.state], held.amount_cents))
    if found.refunded_cents > held.refunded_cents:
        told.append(("payment.refunded", found.refunded_cents - held.refunded_cents))
    if found.lost_cents > held.lost_cents:
        told.append(("payment.returned", found.lost_cents - held.lost_cents))
    for kind, cents in told:
        data = {"payment": str(held.id), "amount_cents": cents, "reason": found.reason, "state": found.state.value}
        await emit(conn, landlord=landlord, kind=kind, subject=f"payment:{held.id}", data=data, now=now)
