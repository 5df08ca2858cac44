"""What the guard asks of the database: the staged rows beside the held ones, in a few set-based statements.

In the transaction that staged them, before `apply_stream`. Every statement is one pass over the staged and the held
rows of a stream, joined by their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.guard import LedgerFacts, SnapshotFacts
from hub.domain.modes import Days
from hub.records import Stream
from hub.store.reach import bounds, within
from hub.store.shape import Shape, shape_of

SAMPLE: Final = 20
"""How many of the rows concerned a person is shown."""

_KIND_OF_SAMPLE: Final[dict[Stream, str]] = {Stream.CONTRACTS: "t.reference", Stream.ACCOUNTS: "t.number"}

_SETTLED: Final = timedelta(days=92)
"""How long after its end a tenancy may leave the export: accounts are settled and deposits given back within two months
of the keys, a month more for the export's own habits."""

_HAS_ENDED: Final = """
    ({contract}.status in ('ended', 'under_notice')
     and coalesce({contract}.move_out_on, {contract}.ends_on) between :settled and :day)"""

_LINKS_TO_CONTRACTS: Final = {
    Stream.PERSONS: ("party", "person_id"),
    Stream.ACCOUNTS: ("account_contract", "account_id"),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """The counts of a whole set, and the references of a few rows that would disappear."""

    facts: SnapshotFacts
    sample: tuple[str, ...] = ()


async def compare_snapshot(
    conn: AsyncConnection,
    *,
    landlord: str,
    source: str,
    stream: Stream,
    refused: int,
    drip_since: datetime,
    as_of: date,
    days: Days | None = None,
) -> Compared:
    """How the staged set differs from the one held. `refused`: rows of it that could not be read; `as_of`: its day, by
    which a tenancy may have ended; `days`: those a window is complete for."""
    shape = shape_of(stream)
    values = {"landlord": landlord, "source": source, "since": drip_since, "sample": SAMPLE} | bounds(days)
    values |= {"day": as_of, "settled": as_of - _SETTLED}
    # A table loaded a moment ago has no statistics: planned on a guess, this would be a loop over both sides.
    await conn.execute(text("select set_config('enable_nestloop', 'off', true)"))
    counts = (await _ask(conn, _counts(shape, days), values)).one()
    facts = SnapshotFacts(
        held=counts.held,
        staged=counts.staged,
        common=counts.common,
        refused=refused,
        dripped=counts.dripped,
        ended=counts.ended,
        known=counts.known,
    )
    sample = (await _ask(conn, _gone(shape, days), values)).scalars().all() if facts.disappearing else ()
    await conn.execute(text("select set_config('enable_nestloop', 'on', true)"))
    return Compared(facts, tuple(sample))


async def compare_ledger(
    conn: AsyncConnection, *, landlord: str, source: str, as_of: date, old_days: int
) -> LedgerFacts:
    """What the staged entries would add and change, and what a month's rent roll makes on `as_of`."""
    values = {"landlord": landlord, "source": source, "day": as_of, "old": as_of - timedelta(days=old_days)}
    row = (await _ask(conn, _LEDGER, values)).one()
    old_held = (await _ask(conn, _OLD, values)).scalar_one() if row.old_changed else 0
    return LedgerFacts(**row._mapping, old_held=old_held)


async def last_applied(conn: AsyncConnection, *, landlord: str, feed: str, before_run: int) -> bool:
    """Whether an earlier run brought this feed: its first load is never held, however many files and attempts."""
    found = await conn.execute(_EARLIER, {"landlord": landlord, "feed": feed, "run": before_run})
    return found.first() is not None


async def applied_group(conn: AsyncConnection, *, landlord: str, feed: str) -> str:
    """The newest date in the names of what is applied now, "" where names have none."""
    group: str | None = (await conn.execute(_GROUP, {"landlord": landlord, "feed": feed})).scalar_one()
    return group or ""


async def applied_written(conn: AsyncConnection, *, landlord: str, feed: str) -> datetime | None:
    """When the newest file of what is applied now was written, by its server's clock; None where files have no time."""
    written: datetime | None = (await conn.execute(_WRITTEN, {"landlord": landlord, "feed": feed})).scalar_one()
    return written


async def _ask(conn: AsyncConnection, statement: str, values: Mapping[str, Any]) -> Any:
    """With the parameters the statement names, of all there are."""
    clause = text(statement)
    return await conn.execute(clause, {name: values[name] for name in clause.compile().params})


def _matched(shape: Shape) -> str:
    """The held rows the staged ones are about."""
    return f"""
        with matched as materialized (
            select distinct t.id from {shape.stage} s {shape.key_joins("join")}
            join {shape.table} t on {shape.same_row()}
        )"""


def _counts(shape: Shape, days: Days | None) -> str:
    return f"""{_matched(shape)}
        select count(*) filter (where t.missing_since is null) as held,
               count(*) filter (where t.missing_since is null and m.id is not null) as common,
               count(*) filter (where t.missing_since > :since and m.id is null and not {_ended(shape)}) as dripped,
               count(*) filter (where t.missing_since is null and m.id is null and {_ended(shape)}) as ended,
               (select count(*) from {shape.stage}) as staged, ({_known(shape)}) as known
        from {shape.table} t left join matched m on m.id = t.id
        where t.landlord_id = :landlord and t.source = :source and (m.id is not null or (true{within(shape, days)}))"""


def _known(shape: Shape) -> str:
    """Staged rows of things that are known, for those that live and die with them."""
    if shape.anchor or not shape.references:
        return "null::bigint"
    return f"select count(*) from {shape.stage} s {shape.references[0].join('join')}"


def _ended(shape: Shape) -> str:
    """Whether a held row is of a tenancy that ended not long ago, as its contract said before. Many leave at once: the
    students of a residence in June. What ended long ago and was told ever since should not vanish."""
    if shape.stream is Stream.CONTRACTS:
        return f"coalesce({_HAS_ENDED.format(contract='t')}, false)"
    if link := _LINKS_TO_CONTRACTS.get(shape.stream):
        table, column = link
        ended = _HAS_ENDED.format(contract="c")
        return f"""coalesce((
            select bool_and(coalesce({ended}, false))
            from {table} l join contract c on c.landlord_id = :landlord and c.id = l.contract_id
            where l.landlord_id = :landlord and l.{column} = t.id), false)"""
    if any(reference.field == "contract_ref" for reference in shape.references):
        ended = f"({_HAS_ENDED.format(contract='c')} or c.missing_since is not null)"
        return f"exists (select from contract c where c.landlord_id = :landlord and c.id = t.contract_id and {ended})"
    return "false"


def _gone(shape: Shape, days: Days | None) -> str:
    """A few of the rows that would disappear, by the name a person knows: a reference, an external id."""
    named = _KIND_OF_SAMPLE.get(shape.stream, "k.external_id" if shape.anchor else _key_text(shape))
    joined = ""
    if shape.anchor and shape.stream not in _KIND_OF_SAMPLE:
        joined = f"""
            join external_key k on k.landlord_id = :landlord and k.source = :source
              and k.object_type = '{shape.anchor}' and k.object_id = t.id"""
    return f"""{_matched(shape)}
        select {named} as name from {shape.table} t left join matched m on m.id = t.id {joined}
        where t.landlord_id = :landlord and t.source = :source and t.missing_since is null and m.id is null
          {within(shape, days)} and not {_ended(shape)}
        order by name limit :sample"""


def _key_text(shape: Shape) -> str:
    """What a row without a name of its own is called: its external id, or the contract or notice it belongs to."""
    if "external_id" in shape.key:
        return "t.external_id"
    first = next(reference for reference in shape.references if reference.field == shape.key[0])
    return f"""(
        select min(k.external_id) from external_key k
        where k.landlord_id = :landlord and k.source = :source
          and k.object_type = '{first.object_type}' and k.object_id = t.{first.field.removesuffix("_ref")}_id)"""


_LEDGER: Final = """
    with entries as (
        select s.amount_cents as staged_cents, t.id, t.posted_on,
               (s.amount_cents, s.posted_on, k.object_id) is distinct from
                 (t.amount_cents, t.posted_on, t.account_id) as differs
        from stage_ledger_entry s
        left join external_key k on k.landlord_id = :landlord and k.source = :source
          and k.object_type = 'account' and k.external_id = s.account_ref
        left join ledger_entry t on t.landlord_id = :landlord and t.source = :source and t.external_id = s.external_id
        where s.kind <> 'opening_balance'  -- no movement: it changes with the day the ledger begins on
    )
    select coalesce(sum(staged_cents) filter (where id is null and staged_cents > 0), 0)::bigint as new_debits_cents,
           count(*) filter (where posted_on < :old and differs) as old_changed,
           (select coalesce(sum(p.amount_cents), 0)::bigint from price_component p
            where p.landlord_id = :landlord and p.missing_since is null
              and (p.from_on is null or p.from_on <= :day) and (p.to_on is null or p.to_on >= :day)
           ) as rent_roll_cents
    from entries"""

_OLD: Final = """
    select count(*) from ledger_entry t
    where t.landlord_id = :landlord and t.source = :source and t.posted_on < :old"""

_EARLIER: Final = text("""
    select from feed_run
    where landlord_id = :landlord and feed = :feed and run_id < :run and added + changed + unchanged > 0
    limit 1""")
_WRITTEN: Final = text("""
    select max(modified) from artifact
    where landlord_id = :landlord and feed = :feed and state = 'applied'""")

_GROUP: Final = text("""
    select max(group_key) from artifact where landlord_id = :landlord and feed = :feed and state = 'applied'""")
