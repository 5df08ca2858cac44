"""What an account's charges and credits are, so that it can be said which debts a payment settles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from hub.store.reads.columns import grouped
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A charge of an account, counted from its last opening balance on; that balance is a charge of its own where the
    tenant owed it. `id` None: the opening balance kept with the account."""

    account_id: UUID
    id: UUID | None
    due_on: date
    label: str
    amount_cents: int


# The entries that count are those of `hub.store.reads.accounts`: from the last opening balance on.
_CHARGES = text("""
    select a.id as account_id, e.id, coalesce(e.due_on, e.posted_on) as due_on, e.label, e.amount_cents
    from account a
    join ledger_entry e on e.landlord_id = a.landlord_id and e.account_id = a.id and e.missing_since is null
    left join lateral (
      select o.posted_on, o.source_sequence, o.id from ledger_entry o
      where o.landlord_id = a.landlord_id and o.account_id = a.id and o.kind = 'opening_balance'
        and o.missing_since is null and (a.opening_cents is null or a.opening_on is null or o.posted_on >= a.opening_on)
      order by o.posted_on desc, o.source_sequence desc, o.id desc limit 1) as line on true
    where a.id = any(cast(:ids as uuid[])) and e.amount_cents > 0
      and case when line.id is null
        then a.opening_cents is null or a.opening_on is null or e.posted_on >= a.opening_on
        else (e.posted_on, e.source_sequence, e.id) >= (line.posted_on, line.source_sequence, line.id) end
    union all
    select a.id, null, coalesce(a.opening_on, '-infinity'::date), 'opening balance', a.opening_cents
    from account a
    where a.id = any(cast(:ids as uuid[])) and a.opening_cents > 0 and not exists (
      select from ledger_entry o where o.landlord_id = a.landlord_id and o.account_id = a.id
        and o.kind = 'opening_balance' and o.missing_since is null
        and (a.opening_on is null or o.posted_on >= a.opening_on))
    order by 3, 2""")


async def charges(reading: Reading, accounts: Sequence[UUID]) -> dict[UUID, list[ChargeRow]]:
    """The charges of each account, oldest due first."""
    rows = [ChargeRow(*row) for row in await reading.rows(_CHARGES, ids=list(accounts))]
    return grouped((row.account_id, row) for row in rows)
