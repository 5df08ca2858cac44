"""How far a whole input reaches: held rows it says nothing about are neither missed nor counted.

A window reaches from its first to its last day. A ledger that begins with an opening balance (*solde à nouveau*), on a
line of its own or with the account, reaches from that day on: what came before is summed up in it. In these pieces of
SQL `t` is the held row; parameters: `:landlord`, `:source`, and `:first`, `:last` of a window.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.modes import Days
from hub.records import RECORDS, Stream
from hub.store.shape import Shape, shape_of

# One pass over the stage, one over the accounts: both small beside the ledger, and joined by the account.
_NOT_CARRIED_FORWARD: Final = """
      and not exists (
          select from account a
          where a.landlord_id = :landlord and a.id = t.account_id and a.opening_cents is not null
            and t.posted_on < a.opening_on)
      and not exists (
          select from (
              select k.object_id as account_id, min(s.posted_on) as first_on
              from stage_ledger_entry s
              join external_key k on k.landlord_id = :landlord and k.source = :source
                and k.object_type = 'account' and k.external_id = s.account_ref
              where s.account_ref in (select o.account_ref from stage_ledger_entry o where o.kind = 'opening_balance')
              group by k.object_id
              having min(s.posted_on) filter (where s.kind = 'opening_balance') = min(s.posted_on)
          ) begun
          where begun.account_id = t.account_id and t.posted_on < begun.first_on)"""


def within(shape: Shape, days: Days | None) -> str:
    """A condition on `t`, beginning with "and": the input at hand speaks of this row. Empty where it speaks of all."""
    of_window = f" and t.{dated(shape)} between :first and :last" if days is not None else ""
    return of_window + (_NOT_CARRIED_FORWARD if shape.stream is Stream.LEDGER_ENTRIES else "")


def bounds(days: Days | None) -> dict[str, date]:
    """The parameters of a window."""
    return {} if days is None else {"first": days.first, "last": days.last}


def dated(shape: Shape) -> str:
    """The field that says which day a row belongs to."""
    field = RECORDS[shape.stream].dated
    if field is None:
        raise TypeError(f"{shape.stream} has no days")
    return field


async def staged_days(conn: AsyncConnection, stream: Stream) -> Days | None:
    """The first and the last day of what is staged; None where nothing is."""
    shape = shape_of(stream)
    day = dated(shape)
    found: Any = (await conn.execute(text(f"select min({day}) as first, max({day}) as last from {shape.stage}"))).one()
    return None if found.first is None else Days(found.first, found.last)
