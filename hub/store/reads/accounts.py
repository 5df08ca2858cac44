"""Tenant accounts with the figures their balance is worked out from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account. `balance_cents` is the ERP's own where it gives one; sums are over the entries held, in cents, from
    the last opening balance on (`opening_cents` is None where that is an entry). `truth`: of_record or summed, as the
    landlord says which of the two tenants see.

    `flight_cents`: postings no entry shows yet, signed as in the ledger; `gap_cents`: what the ERP's own balance was
    above the summed one when they were made, None where there are none. `open_cents`: payments begun and not ended.
    `due_debits_cents`: what has fallen due up to the day asked about; `credits_cents`: all credits, negative.
    `as_of`: when the older of its two feeds (accounts, ledger) was last read. `incomplete`: figures of it are refused.
    """

    id: UUID
    kind: str
    number: str
    opening_on: date | None
    opening_cents: int | None
    balance_on: date | None
    balance_cents: int | None
    entries: int
    entries_cents: int
    due_debits_cents: int
    credits_cents: int
    last_posted_on: date | None
    as_of: datetime | None
    incomplete: bool
    truth: str = "of_record"
    flight_cents: int = 0
    gap_cents: int | None = None
    open_cents: int = 0


# PostgreSQL sums a bigint as numeric; a landlord's whole ledger stays inside a bigint (hub.domain.money).
# An opening balance (solde à nouveau) is no movement: the sum begins at the last one, on a line or with the account.
_FIGURES = """
    select count(*) as entries, max(e.posted_on) as last_posted_on, bool_or(line.id is not null) as begun,
      cast(coalesce(sum(e.amount_cents) filter (where counts.yes), 0) as bigint) as entries_cents,
      cast(coalesce(sum(e.amount_cents) filter (
        where counts.yes and e.amount_cents > 0 and coalesce(e.due_on, e.posted_on) <= :today), 0) as bigint
      ) as due_debits_cents,
      cast(coalesce(sum(e.amount_cents) filter (where counts.yes and e.amount_cents < 0), 0) as bigint) as credits_cents
    from ledger_entry e
    left join lateral (
      select o.posted_on, o.source_sequence, o.id from ledger_entry o
      where o.landlord_id = a.landlord_id and o.account_id = a.id and o.kind = 'opening_balance'
        and o.missing_since is null and (a.opening_cents is null or a.opening_on is null or o.posted_on >= a.opening_on)
      order by o.posted_on desc, o.source_sequence desc, o.id desc limit 1) as line on true
    cross join lateral (
      select case when line.id is null
        then a.opening_cents is null or a.opening_on is null or e.posted_on >= a.opening_on
        else (e.posted_on, e.source_sequence, e.id) >= (line.posted_on, line.source_sequence, line.id) end as yes
    ) as counts
    where e.landlord_id = a.landlord_id and e.account_id = a.id and e.missing_since is null"""
_OPENING = "case when figures.begun then null else a.opening_cents end"
_TRUTH = "(select l.balance from landlord l where l.landlord_id = a.landlord_id)"
# Feeds of the account's own connector; where that brings no entries, of whichever does.
_AS_OF = """(
    select min(f.as_of) from feed_state f
    where f.landlord_id = a.landlord_id and f.stream in ('accounts', 'ledger_entries')
      and (f.source = a.source or not exists (
        select from feed_state g
        where g.landlord_id = f.landlord_id and g.stream = f.stream and g.source = a.source)))"""
_INCOMPLETE = """exists (
    select from account_gap g where g.landlord_id = a.landlord_id and g.account_id = a.id)"""
_FLIGHT = """
    select cast(coalesce(sum(case p.kind when 'payment' then -p.amount_cents else p.amount_cents end), 0) as bigint)
        as flight_cents,
      (array_agg(p.gap_cents order by p.id desc))[1] as gap_cents
    from erp_posting p
    where p.landlord_id = a.landlord_id and p.account_id = a.id and p.state not in ('reflected', 'void')"""
_OPEN = """(
    select cast(coalesce(sum(t.amount_cents), 0) as bigint) from payment_part t
    where t.landlord_id = a.landlord_id and t.account_id = a.id and t.is_open)"""
_IN_FLIGHT = ("flight_cents", "gap_cents")
_SUMS = ("entries", "entries_cents", "due_debits_cents", "credits_cents", "last_posted_on")
_COLUMNS = listed(
    AccountRow,
    "a",
    as_of=_AS_OF,
    incomplete=_INCOMPLETE,
    opening_cents=_OPENING,
    truth=_TRUTH,
    open_cents=_OPEN,
    **{name: f"figures.{name}" for name in _SUMS},
    **{name: f"flight.{name}" for name in _IN_FLIGHT},
)
_ORDER = "a.kind <> 'rent', a.number, a.id"

_OF_CONTRACTS = text(f"""
    select ac.contract_id, {_COLUMNS}
    from account_contract ac
    join account a on a.landlord_id = ac.landlord_id and a.id = ac.account_id
    cross join lateral ({_FIGURES}) as figures
    cross join lateral ({_FLIGHT}) as flight
    where ac.contract_id = any(cast(:ids as uuid[])) and ac.missing_since is null
    order by {_ORDER}""")

_BY_IDS = text(f"""
    select {_COLUMNS}
    from account a
    cross join lateral ({_FIGURES}) as figures
    cross join lateral ({_FLIGHT}) as flight
    where a.id = any(cast(:ids as uuid[])) and exists (
      select 1 from account_contract ac
      where ac.landlord_id = a.landlord_id and ac.account_id = a.id and ac.missing_since is null)
    order by {_ORDER}""")


async def of_contracts(reading: Reading, contracts: Sequence[UUID], *, today: date) -> dict[UUID, list[AccountRow]]:
    """The accounts that cover each contract, rent accounts first; an account may stand under several."""
    found = await reading.rows(_OF_CONTRACTS, ids=list(contracts), today=today)
    return grouped((row[0], AccountRow(*row[1:])) for row in found)


async def by_ids(reading: Reading, ids: Sequence[UUID], *, today: date) -> list[AccountRow]:
    """The accounts among `ids` this session may see, rent accounts first."""
    return [AccountRow(*row) for row in await reading.rows(_BY_IDS, ids=list(ids), today=today)]
