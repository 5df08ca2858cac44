"""Compare: what staged rows would change of the held ones, counted and shown field by field; writes to no table.

Unlike `apply`, which writes what differs, this gives no new object an id: nothing waits for it, and it for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.modes import Days, Mode
from hub.domain.money import to_decimal
from hub.records import RECORDS, FieldSpec, Reject, Stream, field_specs
from hub.records.excerpt import excerpt
from hub.store.apply import refuse_staged
from hub.store.reach import bounds, within
from hub.store.shape import Shape, shape_of
from hub.store.tables.canonical import stored_name


@dataclass(frozen=True, slots=True)
class Sample:
    """One row's change of one field. `key`: its external id, or those it consists of. Personal values are outlined."""

    key: str
    held: str | None
    staged: str | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """How many rows would change in a field, and a few of them."""

    field: str
    rows: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What applying the staged rows would do, in the words of `ApplyResult`; some keys of new and missing rows."""

    added: int
    changed: int
    unchanged: int
    returned: int
    missing: int
    rejects: tuple[Reject, ...]
    fields: tuple[FieldChange, ...]
    added_keys: tuple[str, ...]
    missing_keys: tuple[str, ...]


async def compare_staged(
    conn: AsyncConnection,
    *,
    landlord: str,
    stream: Stream,
    source: str,
    mode: Mode,
    days: Days | None = None,
    samples: int = 3,
) -> Comparison:
    """Compare what `stage` put into this transaction with what is held. `missing` counts in a snapshot,
    and in a window for its `days`."""
    rejects = await refuse_staged(conn, landlord=landlord, stream=stream, source=source, mode=mode, days=days)
    ask = _Asking(conn, shape_of(stream), {"landlord": landlord, "source": source, "limit": samples} | bounds(days))
    await ask.run(_find(ask.shape))
    await ask.run("analyze compared")
    (counts,) = await ask.run(
        """select count(*) filter (where added) as added, count(*) filter (where returned) as returned,
                  count(*) filter (where not added and not returned and cardinality(fields) > 0) as changed,
                  count(*) as accepted
           from compared"""
    )
    missing = await ask.run(_absent(ask.shape, days)) if mode != "delta" else []
    return Comparison(
        added=counts.added,
        changed=counts.changed,
        unchanged=counts.accepted - counts.added - counts.returned - counts.changed,
        returned=counts.returned,
        missing=missing[0].total if missing else 0,
        rejects=tuple(rejects),
        fields=await _field_changes(ask),
        added_keys=tuple(row.key for row in await ask.run(_new(ask.shape))),
        missing_keys=tuple(row.key for row in missing),
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """The connection, the stream in SQL, and the parameters any statement may use."""

    conn: AsyncConnection
    shape: Shape
    values: Mapping[str, Any]

    async def run(self, statement: str) -> list[Row[Any]]:
        clause = text(statement)
        named = clause.compile().params
        result = await self.conn.execute(clause, {name: self.values[name] for name in named})
        return list(result.all()) if result.returns_rows else []

    @property
    def specs(self) -> dict[str, FieldSpec]:
        return {spec.name: spec for spec in field_specs(RECORDS[self.shape.stream])}


def _find(shape: Shape) -> str:
    """One row for each accepted staged row: the held row it belongs to, and which fields differ."""
    own = shape.key_joins("left join") if shape.anchor else ""
    differing = ", ".join(f"case when {_differs(shape, name)} then '{name}' end" for name in _kept(shape))
    return f"""
        create temporary table compared on commit drop as
        select s.seq, t.id, t.id is null as added, t.missing_since is not null as returned,
               case when t.id is null then '{{}}'::text[] else array_remove(array[{differing}], null) end as fields
        from {shape.stage} s
        {own}
        {" ".join(reference.join() for reference in shape.references)}
        left join {shape.table} t on {shape.same_row()}
        where not s.refused"""


def _differs(shape: Shape, name: str) -> str:
    reference = next((one for one in shape.references if one.field == name), None)
    if reference is None:
        return f"t.{name} is distinct from s.{name}"
    # What refers to an object this very input brings has no id to compare with yet.
    known = f"{reference.alias}.object_id"
    return f"(t.{_column(shape, name)} is distinct from {known} or (s.{name} is not null and {known} is null))"


async def _field_changes(ask: _Asking) -> tuple[FieldChange, ...]:
    counted = await ask.run(
        "select field, count(*) as rows from compared, unnest(fields) as field group by field order by 2 desc, 1"
    )
    changes = []
    for row in counted:
        spec = ask.specs[row.field]
        samples = tuple(_sample(spec, one) for one in await ask.run(_changed(ask.shape, row.field)))
        changes.append(FieldChange(spec.mapping_name, row.rows, samples))
    return tuple(changes)


def _sample(spec: FieldSpec, row: Row[Any]) -> Sample:
    return Sample(row.key, _shown(spec, row.held), _shown(spec, row.staged))


def _shown(spec: FieldSpec, value: str | None) -> str | None:
    if value is not None and spec.column.type == "cents":
        return str(to_decimal(int(value)))
    return excerpt(value, personal=spec.column.personal)


def _changed(shape: Shape, name: str) -> str:
    return f"""
        select {_staged_key(shape)} as key, {_held(shape, name)} as held, s.{name}::text as staged
        from compared c join {shape.stage} s using (seq)
        join {shape.table} t on t.landlord_id = :landlord and t.id = c.id
        where '{name}' = any (c.fields) order by seq limit :limit"""


def _new(shape: Shape) -> str:
    return f"""
        select {_staged_key(shape)} as key from compared c join {shape.stage} s using (seq)
        where c.added order by seq limit :limit"""


def _absent(shape: Shape, days: Days | None) -> str:
    """Held rows of this source that are in no staged row, refused ones included."""
    key = ", ".join(_held(shape, name) for name in shape.key)
    return f"""
        select concat_ws(' / ', {key}) as key, count(*) over () as total
        from {shape.table} t
        where t.landlord_id = :landlord and t.source = :source and t.missing_since is null
          and not exists (select from {shape.stage} s {shape.key_joins("join")} where {shape.same_row()})
          {within(shape, days)}
        order by t.id limit :limit"""


def _staged_key(shape: Shape) -> str:
    return f"concat_ws(' / ', {', '.join(f's.{name}' for name in shape.key)})"


def _held(shape: Shape, name: str) -> str:
    """A field of the held row as its source writes it: an id of ours is nothing a person knows."""
    kind = shape.anchor if name == "external_id" else None
    kind = next((one.object_type for one in shape.references if one.field == name), kind)
    if kind is None:
        return f"t.{name}::text"
    column = "id" if name == "external_id" else _column(shape, name)
    return f"""(
        select k.external_id from external_key k
        where k.landlord_id = :landlord and k.source = :source and k.object_type = '{kind}' and k.object_id = t.{column}
        order by k.external_id limit 1)"""


def _kept(shape: Shape) -> list[str]:
    return [name for name in shape.fields if not (shape.anchor and name == "external_id")]


def _column(shape: Shape, name: str) -> str:
    return next(stored_name(spec) for spec in field_specs(RECORDS[shape.stream]) if spec.name == name)
