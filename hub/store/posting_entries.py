"""Which ledger entry shows a posting, where a person has to say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.posting_rows import PostingRow
from hub.store.tables import erp_posting

_FREE: Final = """
    select e.id, e.external_id, e.posted_on, e.kind, e.amount_cents, e.account_id,
        (select q.reference from erp_posting q where q.landlord_id = e.landlord_id and q.entry_id = e.id) as taken_by
    from ledger_entry e where e.missing_since is null"""
_CANDIDATES: Final = text(f"""
    {_FREE} and e.account_id = :account and e.amount_cents = :signed
        and e.posted_on between :day - :days and :day + :days
        and not exists (select from erp_posting q where q.landlord_id = e.landlord_id and q.entry_id = e.id)
    order by e.posted_on, e.source_sequence, e.id limit 20""")
_NAMED: Final = text(f"{_FREE} and e.external_id = :named order by e.account_id = :account desc limit 2")


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry. `external_id` is the ERP's own; `taken_by`: the posting it shows already."""

    id: UUID
    external_id: str
    posted_on: date
    kind: str
    amount_cents: int
    account_id: UUID
    taken_by: str | None


async def entries_like(conn: AsyncConnection, posting: PostingRow, *, days: int) -> list[Entry]:
    """Entries of the posting's account and amount around its day that show no other posting, whatever their kind."""
    asked = {"account": posting.account_id, "signed": posting.signed_cents, "day": posting.paid_on, "days": days}
    return [Entry(**row._mapping) for row in await conn.execute(_CANDIDATES, asked)]


async def entries_named(conn: AsyncConnection, external_id: str, *, account: UUID) -> Sequence[Entry]:
    """Entries the ERP calls so; of the account first."""
    rows = await conn.execute(_NAMED, {"named": external_id, "account": account})
    return [Entry(**row._mapping) for row in rows]


async def tie(conn: AsyncConnection, *, landlord: str, posting_id: int, entry: UUID, now: datetime) -> bool:
    """From now on the entry shows the posting; False when one shows it already, or it was void."""
    mine = (
        erp_posting.c.landlord_id == landlord,
        erp_posting.c.id == posting_id,
        erp_posting.c.state.not_in(("reflected", "void")),
    )
    values = {"state": "reflected", "entry_id": entry, "reflected_at": now, "candidates": 0}
    return (await conn.execute(update(erp_posting).where(*mine).values(values))).rowcount == 1
