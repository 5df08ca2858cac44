"""Which accounts have figures waiting in quarantine: all the API may know of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FORGET: Final = text("""
    delete from account_gap g using quarantine q
    where g.landlord_id = :landlord and q.landlord_id = g.landlord_id and q.id = g.quarantine_id
      and q.state not in ('open', 'parked')""")

# A row names an account, a notice (of an account) or a contract (of accounts), by what its feed's connector calls it.
_FIND: Final = text("""
    with concerned as (
        select q.id, q.about_type, k.object_id
        from quarantine q
        join feed_state f on f.landlord_id = q.landlord_id and f.feed = q.feed
        join external_key k on k.landlord_id = q.landlord_id and k.source = f.source
          and k.object_type = q.about_type and k.external_id = q.about
        where q.landlord_id = :landlord and q.state in ('open', 'parked') and q.about is not null)
    insert into account_gap (landlord_id, account_id, quarantine_id)
    select :landlord, object_id, id from concerned where about_type = 'account'
    union
    select :landlord, n.account_id, c.id from concerned c
      join rent_notice n on n.landlord_id = :landlord and n.id = c.object_id and c.about_type = 'rent_notice'
    union
    select :landlord, l.account_id, c.id from concerned c
      join account_contract l on l.landlord_id = :landlord and l.contract_id = c.object_id
        and c.about_type = 'contract' and l.missing_since is null
    on conflict do nothing""")


async def find_gaps(conn: AsyncConnection, *, landlord: str) -> None:
    """Bring the landlord's gaps in step with its quarantine; where nothing changed, nothing is written."""
    await conn.execute(_FORGET, {"landlord": landlord})
    await conn.execute(_FIND, {"landlord": landlord})
