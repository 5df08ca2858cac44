"""Other keys for objects that are held: what a second connector, or an ERP that takes another's place, calls them.

Set-based, in the caller's transaction (role `hub_sync`, landlord set). No object gets another id: tenants' links and
tokens go on as they were. Leaf rows with ids of their own (ledger entries, price components) cannot be mapped
one by one: they wait under `retired_source` until the new ERP brings its own (`hub.store.take_over`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import RECORDS, Stream
from hub.store.tables import table_of
from hub.store.tables.canonical import id_column

Code = Literal["UNKNOWN", "AMBIGUOUS", "DUPLICATED", "MERGED", "TAKEN", "HAS_KEY"]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A line of a map. `kind`: the type of object, None where the old key says it by itself."""

    line: int
    old: str
    new: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """A line that cannot be followed. `other`: what it is at odds with (a kind, a key, a line)."""

    code: Code
    line: int
    key: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class KindCount:
    """What a map says of one type of object: keys to be added, those there already, and objects of the old connector
    that it does not name."""

    kind: str
    added: int
    known: int
    left: int


def retired_source(source: str) -> str:
    """What leaf rows of the ERP before `source` stand under until that one brings its own: no connector's name."""
    return f">{source}"


async def stage_pairs(conn: AsyncConnection, pairs: Sequence[KeyPair], *, landlord: str, old: str) -> None:
    """The map beside the objects its old keys mean, in temporary tables of this transaction."""
    await conn.execute(text("drop table if exists pg_temp.rekey_pair, pg_temp.rekey"))
    await conn.execute(
        text("create temporary table rekey_pair (line int, old text, new text, kind text) on commit drop")
    )
    values: dict[str, Any] = {name: [getattr(pair, name) for pair in pairs] for name in ("line", "old", "new", "kind")}
    await conn.execute(
        text(
            """insert into rekey_pair select * from unnest(
               cast(:line as int[]), cast(:old as text[]), cast(:new as text[]), cast(:kind as text[]))"""
        ),
        values,
    )
    await conn.execute(
        text(
            """create temporary table rekey on commit drop as
               select p.line, p.old, p.new, k.object_type, k.object_id
               from rekey_pair p join external_key k
                 on k.landlord_id = :landlord and k.source = :old and k.external_id = p.old
                and (p.kind is null or k.object_type = p.kind)"""
        ),
        {"landlord": landlord, "old": old},
    )
    for table in ("rekey_pair", "rekey"):
        await conn.execute(text(f"analyze {table}"))


async def key_problems(conn: AsyncConnection, *, landlord: str, new: str) -> list[KeyProblem]:
    """Everything that is wrong with the staged map, by line."""
    found: list[KeyProblem] = []
    for code, query in _PROBLEMS.items():
        rows = await conn.execute(text(query), _named(query, landlord=landlord, new=new))
        found += [KeyProblem(code, row.line, row.key, row.other or "") for row in rows]
    return sorted(found, key=lambda one: (one.line, one.code))


async def count_keys(conn: AsyncConnection, *, landlord: str, old: str, new: str) -> list[KindCount]:
    """What the staged map would do, by type of object."""
    rows = await conn.execute(text(_COUNTS), {"landlord": landlord, "old": old, "new": new})
    return [KindCount(*row) for row in rows]


async def add_keys(conn: AsyncConnection, *, landlord: str, new: str) -> int:
    """Give the mapped objects their new keys too; the old ones stay. Gives how many were added."""
    added = await conn.execute(
        text(
            """insert into external_key (landlord_id, source, object_type, external_id, object_id)
               select distinct :landlord, :new, r.object_type, r.new, r.object_id from rekey r
               where not exists (
                 select from external_key k where k.landlord_id = :landlord and k.source = :new
                   and k.object_type = r.object_type and k.external_id = r.new)"""
        ),
        {"landlord": landlord, "new": new},
    )
    return added.rowcount


async def held_unknown_to(conn: AsyncConnection, *, landlord: str, stream: Stream, before: str, source: str) -> int:
    """How many rows that `before` brought are served, if `source` has no key for anything of their type; else 0."""
    query = f"""
        select count(*) from {table_of(stream).name} t
        where t.landlord_id = :landlord and t.source = :before and t.missing_since is null and not exists (
            select from external_key k
            where k.landlord_id = :landlord and k.source = :source and k.object_type = '{RECORDS[stream].anchor}')"""
    found = await conn.execute(text(query), {"landlord": landlord, "before": before, "source": source})
    held: int = found.scalar_one()
    return held


async def hand_over(conn: AsyncConnection, *, landlord: str, old: str, new: str) -> dict[str, int]:
    """Make the mapped objects, and what hangs on them, the new connector's. Gives the rows moved by stream."""
    values = {"landlord": landlord, "old": old, "new": new, "before": retired_source(old), "wait": retired_source(new)}
    moved: dict[str, int] = {}
    for stream in Stream:
        query = _hand_over(stream)
        count = (await conn.execute(text(query), _named(query, **values))).rowcount
        if count:
            moved[stream.value] = count
    return moved


def _hand_over(stream: Stream) -> str:
    record, table = RECORDS[stream], table_of(stream).name
    if record.anchor:
        return f"""update {table} t set source = :new from rekey r
            where t.landlord_id = :landlord and t.source = :old and t.id = r.object_id
              and r.object_type = '{record.anchor}'"""
    owner = record.concerns if record.key == ("external_id",) else record.key[0]
    kind, column = str(owner).removesuffix("_ref"), id_column(str(owner))
    kind = "rent_notice" if kind == "notice" else kind
    of_mapped = f"r.object_type = '{kind}' and r.object_id = t.{column}"
    if record.key == ("external_id",):
        return f"""update {table} t set source = :wait,
              external_id = case when t.source = :old then :old || ':' || t.external_id else t.external_id end
            from rekey r where t.landlord_id = :landlord and t.source in (:old, :before) and {of_mapped}"""
    return f"""update {table} t set source = :new from rekey r
        where t.landlord_id = :landlord and t.source = :old and {of_mapped}"""


def _named(query: str, **values: str) -> dict[str, str]:
    """The parameters the statement names, of all there are."""
    return {name: values[name] for name in text(query).compile().params}


_PROBLEMS: dict[Code, str] = {
    "UNKNOWN": """select p.line, p.old as key, p.kind as other from rekey_pair p
        where not exists (select from rekey r where r.line = p.line)""",
    "AMBIGUOUS": """select r.line, r.old as key, string_agg(r.object_type, ', ' order by r.object_type) as other
        from rekey r group by r.line, r.old having count(*) > 1""",
    "DUPLICATED": """select r.line, r.old as key, string_agg(distinct o.new, ', ') as other
        from rekey r join rekey o on o.object_type = r.object_type and o.old = r.old and o.new <> r.new
        group by r.line, r.old""",
    "MERGED": """select r.line, r.new as key, string_agg(distinct o.old, ', ') as other
        from rekey r join rekey o on o.object_type = r.object_type and o.new = r.new and o.object_id <> r.object_id
        group by r.line, r.new""",
    "TAKEN": """select r.line, r.new as key, r.object_type as other from rekey r join external_key k
          on k.landlord_id = :landlord and k.source = :new and k.object_type = r.object_type
         and k.external_id = r.new and k.object_id <> r.object_id""",
    "HAS_KEY": """select r.line, r.old as key, min(k.external_id) as other from rekey r join external_key k
          on k.landlord_id = :landlord and k.source = :new and k.object_type = r.object_type
         and k.object_id = r.object_id and k.external_id <> r.new
        group by r.line, r.old""",
}
_COUNTS = """
    with mapped as (select distinct object_type, object_id, new from rekey),
    known as (
        select m.object_type, m.object_id, exists (
            select from external_key k where k.landlord_id = :landlord and k.source = :new
              and k.object_type = m.object_type and k.external_id = m.new) as there
        from mapped m
    ),
    held as (
        select k.object_type, count(distinct k.object_id) filter (where not exists (
            select from mapped m where m.object_type = k.object_type and m.object_id = k.object_id)) as rest
        from external_key k where k.landlord_id = :landlord and k.source = :old group by k.object_type
    )
    select h.object_type, count(*) filter (where not n.there), count(*) filter (where n.there), max(h.rest)
    from held h left join known n using (object_type)
    group by h.object_type order by h.object_type"""
