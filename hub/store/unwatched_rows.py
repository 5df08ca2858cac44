"""Payments and postings nobody looks after any more: their job was given up, or lost its turn."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NO_JOB: Final = """not exists (
    select from job j where j.landlord_id = {0}.landlord_id and j.kind = '{1}' and j.dedup_key = {2}
      and (j.state in ('ready', 'leased') or j.state = 'dead' and j.finished_at > :since))"""
_PAYMENTS: Final = text(f"""
    select p.id from payment p
    where p.state in ('created', 'action_required', 'processing', 'unknown', 'authorized')
      and {_NO_JOB.format("p", "pay.check", "p.id::text")} order by p.id limit 100""")
_POSTINGS: Final = text(f"""
    select g.id, g.account_id from erp_posting g
    where (g.state = 'pending' or g.state = 'unknown' and g.code <> 'NOT_KNOWN')
      and {_NO_JOB.format("g", "erp.post", "g.id::text")}
      and {_NO_JOB.format("g", "erp.batch", "g.connector")} order by g.id limit 100""")


async def unwatched_payments(conn: AsyncConnection, *, since: datetime) -> list[UUID]:
    """Payments of the landlord that are to be looked at and have no job for it; not those given up on since then."""
    return list((await conn.execute(_PAYMENTS, {"since": since})).scalars())


async def unwatched_postings(conn: AsyncConnection, *, since: datetime) -> list[Any]:
    """Postings still to be told, likewise: id and account_id."""
    return list((await conn.execute(_POSTINGS, {"since": since})).all())
