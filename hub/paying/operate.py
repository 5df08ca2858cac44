"""What an operator does with payments: find them, have a provider asked, give money back. A command line and an API
stand on the same functions; stories are in `story`, decisions in `resolve` and `repost`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.domain.payments import OPEN
from hub.errors import ConflictError, NotFoundError
from hub.jobs import Bell
from hub.paying.found import named_payment
from hub.paying.look_now import look_now
from hub.paying.parts import PAYMENTS, PayingParts
from hub.paying.refund import ask_refund, decide_refund
from hub.services.known_landlords import landlord_slugs
from hub.store.act_rows import note_act
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payment_rows import PaymentRow
from hub.store.payment_search import Facts, Search, facts_of, search_payments
from hub.store.payment_troubles import Troubles, count_troubles, why_troubled
from hub.store.refund_rows import RefundRow, refunds_of

OPEN_STATES: Final = tuple(sorted(state.value for state in OPEN))
_WAITS: Final = "waits_for_second"


@dataclass(frozen=True, slots=True)
class Listed:
    """A payment as a line of a list. `needs`: why a person is needed, "" for none."""

    payment: PaymentRow
    facts: Facts
    needs: tuple[str, ...]


async def list_payments(parts: PayingParts, landlord: str, search: Search) -> list[Listed]:
    """The landlord's payments that fit, newest first; `search.before` goes on after the last one seen.

    Raises NotFoundError for an unknown landlord.
    """
    await landlord_slugs(parts.engine, landlord)
    now, alert_days = parts.clock.now(), (await parts.config(landlord)).payments.alert_days
    async with scope(parts.engine, landlord, readonly=True) as conn:
        rows = await search_payments(conn, search, now=now, alert_days=alert_days)
        ids = [row.id for row in rows]
        facts = await facts_of(conn, ids)
        needs = await why_troubled(conn, ids, now=now, alert_days=alert_days)
    return [Listed(row, facts.get(row.id, Facts()), needs.get(row.id, ())) for row in rows]


async def find_payment_id(parts: PayingParts, landlord: str, payment: str) -> UUID:
    """The id of the payment somebody names; where a list is to go on. Raises NotFoundError, InvalidAskError."""
    async with scope(parts.engine, landlord, readonly=True) as conn:
        return (await named_payment(conn, landlord, payment)).id


async def troubles_of(parts: PayingParts, landlord: str) -> Troubles:
    """How many payments of the landlord need a person, and why."""
    alert_days = (await parts.config(landlord)).payments.alert_days
    async with scope(parts.engine, landlord, readonly=True) as conn:
        return await count_troubles(conn, now=parts.clock.now(), alert_days=alert_days)


async def check_now(parts: PayingParts, bell: Bell, landlord: str, payment: str, *, by: str) -> PaymentRow:
    """Have the provider asked at once, whatever state the payment is in. Raises NotFoundError, InvalidAskError."""
    now = parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        held = await named_payment(conn, landlord, payment)
        await look_now(conn, landlord, held.id, now=now)
        await note_act(conn, landlord=landlord, payment_id=held.id, what="asked", by=by, now=now)
    bell.ring(PAYMENTS)
    return held


async def refund(
    parts: PayingParts, bell: Bell, landlord: str, payment: str, *, amount_cents: int | None, why: str, by: str
) -> RefundRow:
    """Ask for a refund: an amount, or all that is left. Raises as `named_payment` and `ask_refund`."""
    async with scope(parts.engine, landlord, readonly=True) as conn:
        held = await named_payment(conn, landlord, payment)
        left = held.net_cents - held.contested_cents - await _on_their_way(conn, held)
    cents = left if amount_cents is None else amount_cents
    return await ask_refund(parts, bell, landlord, held.id, amount_cents=cents, why=why, by=by)


async def decide(
    parts: PayingParts,
    bell: Bell,
    landlord: str,
    payment: str,
    *,
    approve: bool,
    by: str,
    refund_id: UUID | None = None,
) -> RefundRow:
    """The second person's word about a payment's refund: the one that waits, or the one named where several do.

    Raises NotFoundError where none waits, ConflictError as `decide_refund`.
    """
    async with scope(parts.engine, landlord, readonly=True) as conn:
        held = await named_payment(conn, landlord, payment)
        found = _waiting(landlord, held, await refunds_of(conn, held.id), refund_id)
    return await decide_refund(parts, bell, landlord, found, approve=approve, by=by)


def _waiting(landlord: str, held: PaymentRow, refunds: Sequence[RefundRow], named: UUID | None) -> UUID:
    show = f"`housing-hub payments show {landlord} {held.reference}`"
    if named is not None:
        if all(one.id != named for one in refunds):
            raise NotFoundError(f"payment {held.reference} has no refund {named}", hint=show)
        return named
    waiting = [one.id for one in refunds if one.state == _WAITS]
    if not waiting and refunds:
        raise ConflictError(f"no refund of {held.reference} waits: the last is {refunds[-1].state}", hint=show)
    if not waiting:
        raise NotFoundError(f"nobody asked for a refund of {held.reference}", hint=show)
    if len(waiting) > 1:
        raise ConflictError(
            f"{len(waiting)} refunds of {held.reference} wait", hint=f"name one with --refund: {waiting[0]} …"
        )
    return waiting[0]


async def _on_their_way(conn: Connection, held: PaymentRow) -> int:
    on_their_way = (_WAITS, "asked", "unknown")
    return sum(one.amount_cents for one in await refunds_of(conn, held.id) if one.state in on_their_way)
