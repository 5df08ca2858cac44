"""Ledger entries: pages of many accounts at once, each entry with the balance it left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import TextClause, text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading


@dataclass(frozen=True, slots=True)
class EntryPosition:
    """An entry's place in the total order of its account."""

    posted_on: date
    source_sequence: int
    id: UUID


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A ledger entry; `running_cents` is the balance after it, over all entries held whatever is filtered."""

    id: UUID
    account_id: UUID
    unit_id: UUID | None
    posted_on: date
    source_sequence: int
    value_on: date | None
    due_on: date | None
    period_from: date | None
    period_to: date | None
    kind: str
    label: str
    amount_cents: int
    running_cents: int

    @property
    def position(self) -> EntryPosition:
        return EntryPosition(self.posted_on, self.source_sequence, self.id)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries: posted between two days, both included, and of these kinds. None: no such limit."""

    from_on: date | None = None
    to_on: date | None = None
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StatementRow:
    """The sums of a period, in cents: credits are negative; closing = opening + debits + credits."""

    opening_cents: int
    debits_cents: int
    credits_cents: int


def _balanced(accounts: str) -> str:
    """The entries of some accounts (an SQL condition on `e.account_id`), each with its running balance.

    The balance begins at each opening balance (*solde à nouveau*), on a line (`lines`: how many so far) or with the
    account (`after` its day), whatever came before: nothing is counted twice. Before the first one it is worked out
    backwards from it, so that entries of an earlier year keep the balance they left behind.
    """
    order = "g.posted_on, g.source_sequence, g.id"
    return f"""
        select r.*, cast(r.upto_cents + case
            when r.lines = 0 and not r.after then coalesce(r.next_cents - r.all_cents, 0)
            when r.first_kind = 'opening_balance' then 0
            else r.account_cents end as bigint) as running_cents
        from (
          select g.*,
            sum(g.amount_cents) over (part order by {order}) as upto_cents,
            sum(g.amount_cents) over part as all_cents,
            first_value(g.kind) over (part order by {order}) as first_kind,
            case when g.line_on < coalesce(g.account_on, 'infinity') or g.account_cents is null
              then g.line_cents else g.account_cents end as next_cents
          from (
            select e.*, a.opening_on as account_on, a.opening_cents as account_cents,
              count(*) filter (where e.kind = 'opening_balance') over upto as lines,
              a.opening_cents is not null and (a.opening_on is null or e.posted_on >= a.opening_on) as after,
              min(e.posted_on) filter (where e.kind = 'opening_balance') over whole as line_on,
              (array_agg(e.amount_cents) filter (where e.kind = 'opening_balance') over whole)[1] as line_cents
            from ledger_entry e
            join account a on a.landlord_id = e.landlord_id and a.id = e.account_id
            where e.account_id {accounts} and e.missing_since is null
            window upto as (partition by e.account_id order by e.posted_on, e.source_sequence, e.id),
              whole as (partition by e.account_id order by e.posted_on, e.source_sequence, e.id
                rows between unbounded preceding and unbounded following)
          ) as g
          window part as (partition by g.account_id, g.lines, g.after)
        ) as r"""


def _pages(*, newest_first: bool) -> TextClause:
    direction, beyond = ("desc", "<") if newest_first else ("asc", ">")
    order = ", ".join(f"{column} {direction}" for column in ("posted_on", "source_sequence", "id"))
    return text(f"""
        select page.*
        from unnest(cast(:ids as uuid[])) with ordinality as asked (account_id, place)
        cross join lateral (
          select {listed(EntryRow, "b")} from ({_balanced("= asked.account_id")}) as b
          where (cast(:from_on as date) is null or b.posted_on >= :from_on)
            and (cast(:to_on as date) is null or b.posted_on <= :to_on)
            and (cast(:kinds as text[]) is null or b.kind = any(:kinds))
            and (cast(:after_id as uuid) is null or (b.posted_on, b.source_sequence, b.id) {beyond}
              (cast(:posted_on as date), cast(:sequence as bigint), cast(:after_id as uuid)))
          order by {order} limit :take
        ) as page
        order by asked.place, {order}""")


_NEWEST_FIRST, _OLDEST_FIRST = _pages(newest_first=True), _pages(newest_first=False)

_MOVES = "b.posted_on between :from_on and :to_on and b.kind <> 'opening_balance'"
_IN_ACCOUNTS = "in (select named.account_id from ledger_entry named where named.id = any(cast(:ids as uuid[])))"
_BY_IDS = text(f"""
    select {listed(EntryRow, "b")} from ({_balanced(_IN_ACCOUNTS)}) as b where b.id = any(cast(:ids as uuid[]))""")

_STATEMENTS = text(f"""
    select asked.id, cast(coalesce(s.closing_cents, s.before_cents, asked.opening_cents, 0)
        - coalesce(s.debits_cents, 0) - coalesce(s.credits_cents, 0) as bigint),
      cast(coalesce(s.debits_cents, 0) as bigint), cast(coalesce(s.credits_cents, 0) as bigint)
    from account asked
    cross join lateral (
      select
        sum(b.amount_cents) filter (where {_MOVES} and b.amount_cents > 0) as debits_cents,
        sum(b.amount_cents) filter (where {_MOVES} and b.amount_cents < 0) as credits_cents,
        (array_agg(b.running_cents order by b.posted_on desc, b.source_sequence desc, b.id desc) filter (
          where b.posted_on <= :to_on))[1] as closing_cents,
        (array_agg(b.running_cents - case when b.kind = 'opening_balance' then 0 else b.amount_cents end
          order by b.posted_on, b.source_sequence, b.id))[1] as before_cents
      from ({_balanced("= asked.id")}) as b) as s
    where asked.id = any(cast(:ids as uuid[]))""")


async def pages(
    reading: Reading,
    accounts: Sequence[UUID],
    *,
    take: int,
    after: EntryPosition | None = None,
    chosen: EntryFilter | None = None,
    newest_first: bool = True,
) -> dict[UUID, list[EntryRow]]:
    """The next `take` entries of each account in its total order, newest first unless asked otherwise."""
    chosen = chosen or EntryFilter()
    found = await reading.rows(
        _NEWEST_FIRST if newest_first else _OLDEST_FIRST,
        ids=list(accounts),
        take=take,
        posted_on=after and after.posted_on,
        sequence=after and after.source_sequence,
        after_id=after and after.id,
        from_on=chosen.from_on,
        to_on=chosen.to_on,
        kinds=None if chosen.kinds is None else list(chosen.kinds),
    )
    rows = [EntryRow(*row) for row in found]
    return grouped((row.account_id, row) for row in rows)


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[EntryRow]:
    """The entries among `ids` this session may see, in no order."""
    return [EntryRow(*row) for row in await reading.rows(_BY_IDS, ids=list(ids))]


async def statements(
    reading: Reading, accounts: Sequence[UUID], *, from_on: date, to_on: date
) -> dict[UUID, StatementRow]:
    """The sums of each account over the days from `from_on` to `to_on`, both included."""
    found = await reading.rows(_STATEMENTS, ids=list(accounts), from_on=from_on, to_on=to_on)
    return {row[0]: StatementRow(*row[1:]) for row in found}
