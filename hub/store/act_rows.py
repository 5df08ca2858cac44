"""What operators decided about payments by hand, as rows nobody changes: who, when, why."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.redaction import mask_cards
from hub.store.tables import payment_act

What = Literal[
    "accepted", "said_paid", "said_not_paid", "asked", "reposted", "said_absent", "said_there", "tied", "assigned"
]


@dataclass(frozen=True, slots=True)
class ActRow:
    """One decision. `subject`: the posting or remittance it was about, where it was not the payment as a whole."""

    id: int
    what: What
    subject: str
    why: str
    done_by: str
    done_at: datetime


_COLUMNS = tuple(payment_act.c[field.name] for field in fields(ActRow))


async def note_act(
    conn: AsyncConnection,
    *,
    landlord: str,
    payment_id: UUID,
    what: What,
    by: str,
    now: datetime,
    why: str = "",
    subject: str = "",
) -> None:
    """Keep a decision with the change it makes. A card number in an operator's words is masked."""
    row = {
        "landlord_id": landlord,
        "payment_id": payment_id,
        "what": what,
        "subject": subject,
        "why": mask_cards(why)[:500],
        "done_by": by[:200],
        "done_at": now,
    }
    await conn.execute(insert(payment_act).values(row))


async def acts_of(conn: AsyncConnection, payment_id: UUID) -> list[ActRow]:
    """The decisions about a payment, oldest first."""
    statement = select(*_COLUMNS).where(payment_act.c.payment_id == payment_id).order_by(payment_act.c.id)
    return [ActRow(**row._mapping) for row in await conn.execute(statement)]
