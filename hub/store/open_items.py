"""Our side of the reconciliation: money that came or went back so many days ago and that no remittance holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_HELD: Final = "l.payment_id = p.id and l.state in ('matched', 'assigned')"
_OPEN: Final = text(f"""
    with item as (
        select p.id, p.provider, p.reference, 'payment' as kind,
            p.captured_cents - coalesce((select sum(l.gross_cents) from settlement_line l
                where {_HELD} and l.kind = 'payment'), 0) as open_cents,
            (select min(e.occurred_at) from payment_event e
                where e.payment_id = p.id and e.kind in ('captured', 'authorized')) as since
        from payment p where p.captured_cents > 0
        union all
        select p.id, p.provider, p.reference, 'refund',
            -p.refunded_cents - coalesce((select sum(l.gross_cents) from settlement_line l
                where {_HELD} and l.kind = 'refund'), 0),
            (select max(e.occurred_at) from payment_event e where e.payment_id = p.id and e.kind = 'refunded')
        from payment p where p.refunded_cents > 0
        union all
        select p.id, p.provider, p.reference, 'dispute',
            -p.lost_cents - coalesce((select sum(l.gross_cents) from settlement_line l
                where {_HELD} and l.kind = 'dispute'), 0),
            (select max(e.occurred_at) from payment_event e where e.payment_id = p.id and e.kind = 'dispute_lost')
        from payment p where p.lost_cents > 0)
    select id, provider, reference, kind, cast(open_cents as bigint) as open_cents, since
    from item where open_cents <> 0 and since < :before and provider = any(:providers)
    order by since, reference, kind limit :limit""")


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Money of a payment that remittances do not hold yet. `open_cents` signed: + is to come in, - is to be taken off;
    the other way round, remittances hold more than the payment."""

    id: UUID
    provider: str
    reference: str
    kind: Literal["payment", "refund", "dispute"]
    open_cents: int
    since: datetime


async def open_items(
    conn: AsyncConnection, *, providers: Sequence[str], before: datetime, limit: int = 500
) -> list[OpenItem]:
    """What these providers have not remitted of what happened before then, oldest first."""
    rows = await conn.execute(_OPEN, {"providers": list(providers), "before": before, "limit": limit})
    return [OpenItem(**row._mapping) for row in rows]
