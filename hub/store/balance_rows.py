"""The ERP's own balances beside what the entries held add up to, account by account, in one pass.

Compared at the end of the balance's own day: entries posted later are none of it, and an account whose ledger was last
read before that day is not compared. The sum begins at the account's last opening balance (`hub.store.reads.ledger`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_DIFFERING: Final = """
    with comparable as (
        select a.landlord_id, a.id, a.balance_on, a.balance_cents, a.opening_on, coalesce(a.opening_cents, 0) as opening
        from account a
        where a.landlord_id = :landlord and a.missing_since is null
          and a.balance_cents is not null and a.balance_on is not null
          and (a.opening_cents is null or a.opening_on is null or a.opening_on <= a.balance_on)
          and a.balance_on <= (
            select (max(f.as_of) at time zone :zone)::date from feed_state f
            where f.landlord_id = a.landlord_id and f.source = a.source and f.stream = 'ledger_entries')
    ), line as materialized (
        select distinct on (e.account_id) e.account_id, e.posted_on, e.source_sequence, e.id
        from ledger_entry e join comparable c on c.landlord_id = e.landlord_id and c.id = e.account_id
        where e.landlord_id = :landlord and e.kind = 'opening_balance' and e.missing_since is null
          and e.posted_on <= c.balance_on and (c.opening_on is null or e.posted_on >= c.opening_on)
        order by e.account_id, e.posted_on desc, e.source_sequence desc, e.id desc
    ), summed as (
        select c.id, c.balance_on, c.balance_cents,
               (case when l.id is null then c.opening else 0 end + coalesce(sum(e.amount_cents), 0))::bigint as cents
        from comparable c
        left join line l on l.account_id = c.id
        left join ledger_entry e on e.landlord_id = c.landlord_id and e.account_id = c.id
          and e.missing_since is null and e.posted_on <= c.balance_on
          and case when l.id is null then c.opening_on is null or e.posted_on >= c.opening_on
                   else (e.posted_on, e.source_sequence, e.id) >= (l.posted_on, l.source_sequence, l.id) end
        group by c.id, c.balance_on, c.balance_cents, c.opening, l.id
    ), differing as (
        select id as account_id, balance_on, balance_cents, cents from summed where cents <> balance_cents
    )"""

_KEEP: Final = text(f"""{_DIFFERING}, forgotten as (
        delete from balance_difference d
        where d.landlord_id = :landlord and not exists (select from differing n where n.account_id = d.account_id)
    )
    insert into balance_difference as d (landlord_id, account_id, balance_on, of_record_cents, summed_cents, found_at)
    select :landlord, account_id, balance_on, balance_cents, cents, :now from differing
    on conflict (landlord_id, account_id) do update
    set balance_on = excluded.balance_on, of_record_cents = excluded.of_record_cents,
        summed_cents = excluded.summed_cents
    where (d.balance_on, d.of_record_cents, d.summed_cents)
      is distinct from (excluded.balance_on, excluded.of_record_cents, excluded.summed_cents)""")

_COUNT: Final = text("""
    select count(*) as accounts, coalesce(sum(abs(of_record_cents - summed_cents)), 0)::bigint as cents
    from balance_difference where landlord_id = :landlord""")

_LIST: Final = text("""
    select k.external_id as account, a.number, d.balance_on, d.of_record_cents, d.summed_cents, d.found_at,
           exists (select from account_gap g where g.landlord_id = d.landlord_id and g.account_id = d.account_id
           ) as incomplete,
           (select max(f.as_of) from feed_state f
            where f.landlord_id = a.landlord_id and f.source = a.source and f.stream = 'ledger_entries') as ledger_as_of
    from balance_difference d
    join account a on a.landlord_id = d.landlord_id and a.id = d.account_id
    join lateral (
        select min(k.external_id) as external_id from external_key k
        where k.landlord_id = d.landlord_id and k.source = a.source and k.object_type = 'account'
          and k.object_id = d.account_id) k on true
    where d.landlord_id = :landlord
    order by abs(d.of_record_cents - d.summed_cents) desc, k.external_id limit :limit""")


@dataclass(frozen=True, slots=True)
class Differences:
    """How many accounts differ, and by how many cents in all, whichever way."""

    accounts: int = 0
    cents: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One account that differs; cents, + the tenant owes. `account`: its external id; `balance_on`: the day of both;
    `ledger_as_of`: when its entries were read; `incomplete`: lines of it wait in quarantine."""

    account: str
    number: str
    balance_on: date
    of_record_cents: int
    summed_cents: int
    found_at: datetime
    incomplete: bool
    ledger_as_of: datetime | None

    @property
    def difference_cents(self) -> int:
        """What the ERP's balance says beyond the entries."""
        return self.of_record_cents - self.summed_cents


async def find_differences(conn: AsyncConnection, *, landlord: str, time_zone: str, now: datetime) -> Differences:
    """Compare all accounts and keep those that differ; where nothing changed, nothing is written."""
    await conn.execute(_KEEP, {"landlord": landlord, "zone": time_zone, "now": now})
    return await count_differences(conn, landlord=landlord)


async def count_differences(conn: AsyncConnection, *, landlord: str) -> Differences:
    """What the last comparison found."""
    row = (await conn.execute(_COUNT, {"landlord": landlord})).one()
    return Differences(row.accounts, row.cents)


async def list_differences(conn: AsyncConnection, *, landlord: str, limit: int = 1000) -> list[Difference]:
    """The accounts that differ, the largest differences first."""
    found = await conn.execute(_LIST, {"landlord": landlord, "limit": limit})
    return [Difference(**row._mapping) for row in found]
