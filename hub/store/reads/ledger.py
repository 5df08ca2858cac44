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
    """The entries of some accounts (an SQL condition on `e.account_id`), each with its running balance."""
    return f"""
        select e.*, cast(coalesce(a.opening_cents, 0) + sum(e.amount_cents) over (
          partition by e.account_id order by e.posted_on, e.source_sequence, e.id) as bigint) as running_cents
        from ledger_entry e
        join account a on a.landlord_id = e.landlord_id and a.id = e.account_id
        where e.account_id {accounts} and e.missing_since is null"""


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

_IN_ACCOUNTS = "in (select named.account_id from ledger_entry named where named.id = any(cast(:ids as uuid[])))"
_BY_IDS = text(f"""
    select {listed(EntryRow, "b")} from ({_balanced(_IN_ACCOUNTS)}) as b where b.id = any(cast(:ids as uuid[]))""")

_STATEMENTS = text("""
    select a.id,
      cast(coalesce(a.opening_cents, 0) + coalesce(sum(e.amount_cents) filter (
        where e.posted_on < :from_on), 0) as bigint),
      cast(coalesce(sum(e.amount_cents) filter (
        where e.posted_on >= :from_on and e.amount_cents > 0), 0) as bigint),
      cast(coalesce(sum(e.amount_cents) filter (
        where e.posted_on >= :from_on and e.amount_cents < 0), 0) as bigint)
    from account a
    left join ledger_entry e on e.landlord_id = a.landlord_id and e.account_id = a.id
      and e.missing_since is null and e.posted_on <= :to_on
    where a.id = any(cast(:ids as uuid[]))
    group by a.landlord_id, a.id""")


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
