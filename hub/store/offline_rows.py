"""Payments made away from the screen (transfer, cheque, cash, TIP): known once the ERP's ledger shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class SeenPayment:
    """An entry that can only be the payment a tenant was told how to make."""

    payment_id: UUID
    account_id: UUID
    entry_id: UUID
    amount_cents: int
    posted_on: date


# One account, one amount, one kind, from the day before it was asked for on; the one entry for the one payment.
_SEEN: Final = text("""
    select payment_id, account_id, entry_id, amount_cents, posted_on from (
        select p.id as payment_id, t.account_id, e.id as entry_id, t.amount_cents, e.posted_on,
            count(*) over (partition by p.id) as entries, count(*) over (partition by e.id) as payments
        from payment p
        join payment_part t on t.landlord_id = p.landlord_id and t.payment_id = p.id
            and t.amount_cents = p.amount_cents
        join payment_means m on m.landlord_id = p.landlord_id and m.provider = p.provider
        join ledger_entry e on e.landlord_id = p.landlord_id and e.account_id = t.account_id
        where m.flow = 'instructions' and p.state in ('action_required', 'expired') and e.missing_since is null
          and e.payment_ref is null and e.amount_cents = -t.amount_cents and e.kind = 'payment_' || p.method
          and e.posted_on between (p.created_at - interval '1 day')::date and (p.expires_at + interval '10 days')::date
          and not exists (select from erp_posting q where q.landlord_id = e.landlord_id and q.entry_id = e.id)
    ) found where entries = 1 and payments = 1""")


async def seen_offline(conn: AsyncConnection) -> list[SeenPayment]:
    """Payments the ledger shows by now, one entry each; where several might be it, none."""
    return [SeenPayment(**row._mapping) for row in await conn.execute(_SEEN)]
