"""The new ERP's first ledger: its entries take the place of those its predecessor left (`hub.store.rekey_rows`).

An entry is the same where account, day and amount are (and kind, if several are alike): it keeps its id and is served
without a break. When the new ERP first speaks of an account, what it does not bring is no longer served from the first
day on that it speaks of; what lies before that day stays, as history. Nothing is ever counted twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hub.records import Stream
from hub.store.shape import Shape

Run = Callable[[str], Awaitable[list[Any]]]
Count = Callable[[str], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows of a stream are told to be the same: their owner, what must be equal, and the day they count from."""

    owner: str
    like: tuple[tuple[str, ...], ...]
    order: str
    day: str | None = None


_WAYS: dict[Stream, _Way] = {
    Stream.LEDGER_ENTRIES: _Way(
        "account",
        (("posted_on", "amount_cents", "kind"), ("posted_on", "amount_cents")),
        "source_sequence",
        "posted_on",
    ),
    Stream.PRICE_COMPONENTS: _Way("contract", (("kind", "amount_cents"), ("kind",)), "label"),
}


async def take_over(shape: Shape, run: Run, count: Count, *, whole: bool) -> int:
    """Let the staged rows take the place of those left under `:retired`; gives how many of these are served no more.

    `whole`: the staged rows are all there is, so that nothing is left to be history.
    """
    way = _WAYS.get(shape.stream)
    if way is None or not await run(_any_left(shape)):
        return 0
    await run("drop table if exists pg_temp.taken_over")
    await run(_first_words(shape, way))
    for like in way.like:
        await count(_adopt(shape, way, like))
    return await count(_let_go(shape, way, whole=whole))


def _any_left(shape: Shape) -> str:
    return f"select from {shape.table} t where t.landlord_id = :landlord and t.source = :retired limit 1"


def _first_words(shape: Shape, way: _Way) -> str:
    """The owners this source speaks of for the first time, and from which day on."""
    owner, since = f"k_{way.owner}_ref.object_id", f"min(s.{way.day})" if way.day else "null::date"
    return f"""
        create temporary table taken_over on commit drop as
        select {owner} as owner, {since} as since from {shape.stage} s {shape.joins()}
        where not s.refused and not exists (
            select from {shape.table} t
            where t.landlord_id = :landlord and t.{way.owner}_id = {owner} and t.source = :source)
        group by 1"""


def _adopt(shape: Shape, way: _Way, like: tuple[str, ...]) -> str:
    """The n-th of several alike is the n-th of those left."""
    owner = f"k_{way.owner}_ref.object_id"
    equal = " and ".join(f"l.{name} = n.{name}" for name in like)
    staged, left = (", ".join(f"{alias}.{name}" for name in like) for alias in ("s", "t"))
    return f"""
        with brought as (
            select s.external_id, {owner} as owner, {staged},
                   row_number() over (partition by {owner}, {staged} order by s.{way.order}, s.seq) as nth
            from {shape.stage} s {shape.joins()}
            where not s.refused and not exists (
                select from {shape.table} h
                where h.landlord_id = :landlord and h.source = :source and h.external_id = s.external_id)
        ), left_over as (
            select t.id, t.{way.owner}_id as owner, {left},
                   row_number() over (partition by t.{way.owner}_id, {left}
                     order by t.missing_since is not null, t.{way.order}, t.id) as nth
            from {shape.table} t where t.landlord_id = :landlord and t.source = :retired
        ), same as (
            select l.id, n.external_id from brought n
            join left_over l on l.owner = n.owner and l.nth = n.nth and {equal}
        )
        update {shape.table} t set source = :source, external_id = same.external_id
        from same where t.landlord_id = :landlord and t.id = same.id"""


def _let_go(shape: Shape, way: _Way, *, whole: bool) -> str:
    mine = "t.landlord_id = :landlord and t.source = :retired and t.missing_since is null"
    if whole:
        return f"update {shape.table} t set missing_since = :now, changed_run = :run where {mine}"
    later = f"and t.{way.day} >= o.since" if way.day else ""
    return f"""
        update {shape.table} t set missing_since = :now, changed_run = :run
        from taken_over o where {mine} and t.{way.owner}_id = o.owner {later}"""
