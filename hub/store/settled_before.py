"""What remittances hold of a payment already: a line is compared with what is left, never with the whole again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.payment_rows import PaymentRow, find_payment, get_payment
from hub.store.tables import payment, payment_event, settlement_line

_MONEY = ("authorized", "captured", "refunded", "dispute_opened", "dispute_won", "dispute_lost")


async def settled_cents(conn: AsyncConnection, payment_id: UUID, kind: str) -> int:
    """What lines of this kind add up to that are a payment's."""
    line = settlement_line.c
    mine = (line.payment_id == payment_id, line.kind == kind, line.state.in_(("matched", "assigned")))
    return int((await conn.execute(select(func.coalesce(func.sum(line.gross_cents), 0)).where(*mine))).scalar_one())


async def payment_of_line(
    conn: AsyncConnection, *, provider: str, reference: str, transaction: str
) -> PaymentRow | None:
    """The payment a line speaks of: by our reference, else by the one transaction the provider told us of."""
    if reference:
        return await find_payment(conn, provider=provider, reference=reference)
    if not transaction:
        return None
    told = (payment_event.c.ref == transaction, payment_event.c.kind.in_(_MONEY))
    ids = select(payment_event.c.payment_id).where(*told)
    found = (
        await conn.execute(select(payment.c.id).where(payment.c.provider == provider, payment.c.id.in_(ids)))
    ).all()
    return await get_payment(conn, found[0].id) if len(found) == 1 else None
