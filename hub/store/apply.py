"""Apply: the staged rows of a stream become its held rows, set by set, in the caller's transaction.

Only differences are written: a second identical run writes no row version. Absent rows of a snapshot are marked, never
deleted. A row that cannot be applied is rejected with its place; what is held under its key stays as it is, unmarked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CursorResult, Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.modes import Days, Mode
from hub.errors import InputRefusedError, Where
from hub.records import RECORDS, Reject, Stream
from hub.store.reach import bounds, dated, within
from hub.store.rekey_rows import retired_source
from hub.store.shape import BROUGHT_BY, Reference, Shape, shape_of
from hub.store.take_over import take_over

_WORK_MEM = "64MB"


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What became of the staged rows: each accepted one is added, changed, returned or unchanged.

    `missing`: held rows this snapshot was the first to lack. `returned`: rows that had been missing, changed or not.
    `rejects`: rows refused here, in their order. Identical copies of a row count once.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    returned: int = 0
    rejects: list[Reject] = field(default_factory=list)


async def apply_stream(
    conn: AsyncConnection,
    *,
    landlord: str,
    stream: Stream,
    source: str,
    mode: Mode,
    run_id: int,
    now: datetime,
    complete: bool = True,
    days: Days | None = None,
) -> ApplyResult:
    """Apply what `stage` put into this transaction (role `hub_sync`, landlord set).

    `source` is the connector: external ids are its own. Rows of one key: copies collapse; where they differ, all are
    rejected in a snapshot (it contradicts itself), the last one wins in a delta (a delta is a history). `complete`
    False says that rows of the snapshot could not be read: absence then proves nothing, and marks nothing. `days` are
    those a window is complete for: it is a snapshot of them, silent on all others; rows of other days are rejected.
    Raises InputRefusedError for an empty snapshot where rows are held: an empty file is never a snapshot.
    """
    values = {"landlord": landlord, "source": source, "run": run_id, "now": now, "retired": retired_source(source)}
    work = _Work(conn, shape_of(stream), values, days)
    await work.run(f"select set_config('work_mem', '{_WORK_MEM}', true)")
    if mode != "delta":
        await _refuse_empty(work)
    refused = await _refuse(work, mode)
    await _name_new_objects(work)
    whole = mode == "snapshot" and complete
    gone = await take_over(work.shape, work.run, work.count, whole=whole)
    added, changed, returned, unchanged = await _compare(work)
    await _write_changed(work)
    await _write_new(work)
    missing = await _mark_missing(work) if mode != "delta" and complete else 0
    return ApplyResult(added, changed, unchanged, missing + gone, returned, _in_order(refused))


async def refuse_staged(
    conn: AsyncConnection, *, landlord: str, stream: Stream, source: str, mode: Mode, days: Days | None = None
) -> list[Reject]:
    """Mark as refused the staged rows that `apply_stream` would refuse, one row left a key; writes to no table."""
    work = _Work(conn, shape_of(stream), {"landlord": landlord, "source": source}, days)
    return _in_order(await _refuse(work, mode))


@dataclass(frozen=True, slots=True)
class _Work:
    """One application: the connection, the stream in SQL, and the parameters any statement may use."""

    conn: AsyncConnection
    shape: Shape
    own: dict[str, Any]
    days: Days | None = None

    @property
    def values(self) -> dict[str, Any]:
        return self.own | bounds(self.days)

    async def run(self, statement: str) -> list[Row[Any]]:
        """Execute; gives the rows, if the statement gives any."""
        result = await self._execute(statement)
        return list(result.all()) if result.returns_rows else []

    async def count(self, statement: str) -> int:
        """The number of rows a writing statement touched."""
        return (await self._execute(statement)).rowcount

    async def _execute(self, statement: str) -> CursorResult[Any]:
        """With the parameters the statement names, of all there are."""
        clause = text(statement)
        named = clause.compile().params
        return await self.conn.execute(clause, {name: self.values[name] for name in named})


_Refused = list[tuple[int, Reject]]
"""Rejects with the place of their row in the stage."""


def _in_order(refused: _Refused) -> list[Reject]:
    return [reject for _, reject in sorted(refused, key=lambda pair: pair[0])]


async def _refuse_empty(work: _Work) -> None:
    shape = work.shape
    found = await work.run(
        f"""select from {shape.table} t
            where t.landlord_id = :landlord and t.source = :source and t.missing_since is null
              and not exists (select from {shape.stage}){within(shape, work.days)}
            limit 1"""
    )
    if found:
        raise InputRefusedError(
            f"the snapshot of {shape.stream} is empty, while rows of it are held: nothing was changed",
            hint="an empty file is never a snapshot: ask for the file again",
            where=Where(landlord=work.values["landlord"]),
        )


async def _refuse(work: _Work, mode: Mode) -> _Refused:
    """All rows that cannot be applied; of those that can, one is left a key."""
    refused = await _settle_twins(work, mode)
    if work.days is not None:
        refused += await _refuse_other_days(work, work.days)
    return refused + await _refuse_unknown_references(work)


async def _refuse_other_days(work: _Work, days: Days) -> _Refused:
    shape, day = work.shape, dated(work.shape)
    rows = await work.run(
        f"""
        update {shape.stage} s set refused = true
        where not s.refused and s.{day} not between :first and :last
        returning s.seq, s.line, s.file, {_about(shape)} as about, s.{day} as value"""
    )
    return [(row.seq, _of_another_day(day, row, days)) for row in rows]


def _of_another_day(field: str, row: Row[Any], days: Days) -> Reject:
    return Reject(
        code="OUTSIDE_WINDOW",
        message=f"{row.value} is none of the days this input is complete for ({days}): set `covers` as the source "
        "exports (`ahead` for days to come)",
        line=row.line,
        file=row.file,
        field=field,
        excerpt=str(row.value),
        about=row.about,
    )


# --- rows of one key --------------------------------------------------------------------------------------------------


async def _settle_twins(work: _Work, mode: Mode) -> _Refused:
    """Leave one row a key, or none where a snapshot contradicts itself."""
    twins = f"twin_{work.shape.table}"
    await work.run(f"drop table if exists pg_temp.{twins}")
    await work.run(f"create temporary table {twins} (seq bigint, key text) on commit drop")
    if not await work.count(_find_twins(work.shape, twins)):
        return []
    await work.run(f"analyze {twins}")
    if mode == "delta":
        await work.run(_drop_copies(work.shape, twins, keep="max"))
        return []
    rows = await work.run(_refuse_contradictions(work.shape, twins))
    await work.run(_drop_copies(work.shape, twins, keep="min"))
    return [(row.seq, _contradiction(work.shape, row)) for row in rows]


def _find_twins(shape: Shape, twins: str) -> str:
    return f"""
        with keyed as not materialized (
            select s.seq, {shape.identity()} as key from {shape.stage} s {shape.key_joins("left join")}
        )
        insert into {twins} (seq, key)
        select seq, key from keyed where key in (select key from keyed group by key having count(*) > 1)"""


def _refuse_contradictions(shape: Shape, twins: str) -> str:
    fields = ", ".join(f"s.{name}" for name in shape.fields)
    key = ", ".join(f"s.{name}" for name in shape.key)
    return f"""
        update {shape.stage} s set refused = true from {twins} w
        where w.seq = s.seq and w.key in (
            select w.key from {twins} w join {shape.stage} s using (seq)
            group by w.key having count(distinct ({fields})) > 1
        )
        returning s.seq, s.line, s.file, {_about(shape)} as about, concat_ws(' / ', {key}) as key"""


def _drop_copies(shape: Shape, twins: str, *, keep: Literal["min", "max"]) -> str:
    return f"""
        delete from {shape.stage} s
        using {twins} w join (select key, {keep}(seq) as kept from {twins} group by key) k using (key)
        where w.seq = s.seq and s.seq <> k.kept and not s.refused"""


def _contradiction(shape: Shape, row: Row[Any]) -> Reject:
    return Reject(
        code="DUPLICATE_KEY",
        message=f"several rows of {shape.stream} have this {' + '.join(shape.key)} and differ: none was applied; "
        "have the source give one row each, or map a finer key",
        line=row.line,
        file=row.file,
        field=shape.key[0],
        excerpt=row.key,
        about=row.about,
    )


def _about(shape: Shape) -> str:
    """What a refused row concerns."""
    concerns = RECORDS[shape.stream].concerns
    return f"s.{concerns}" if concerns else "null"


# --- references -------------------------------------------------------------------------------------------------------


async def _refuse_unknown_references(work: _Work) -> _Refused:
    """Refuse what refers to nothing known, and then what refers to a row so refused."""
    refused: _Refused = []
    for reference in work.shape.references:
        while rows := await work.run(_refuse_unknown(work.shape, reference)):
            refused += [(row.seq, _unknown(reference, row)) for row in rows]
            if reference != work.shape.own_reference:
                break
    return refused


def _refuse_unknown(shape: Shape, reference: Reference) -> str:
    beside = ""
    if reference == shape.own_reference:
        beside = f"""
          and not exists (
              select from {shape.stage} p where p.external_id = s.{reference.field} and not p.refused
          )"""
    return f"""
        update {shape.stage} s set refused = true
        where not s.refused and s.{reference.field} is not null
          and not exists (
              select from external_key k
              where k.landlord_id = :landlord and k.source = :source
                and k.object_type = '{reference.object_type}' and k.external_id = s.{reference.field}
          ){beside}
        returning s.seq, s.line, s.file, {_about(shape)} as about, s.{reference.field} as value"""


def _unknown(reference: Reference, row: Row[Any]) -> Reject:
    kind = reference.object_type.replace("_", " ")
    return Reject(
        code="UNKNOWN_REFERENCE",
        message=f'no {kind} "{row.value}" is known: it comes from feed {BROUGHT_BY[reference.object_type]}',
        line=row.line,
        file=row.file,
        field=reference.field,
        excerpt=row.value,
        about=row.about,
    )


async def _name_new_objects(work: _Work) -> None:
    """Give objects met for the first time an id of ours."""
    shape = work.shape
    if shape.anchor is None:
        return
    await work.run(
        f"""
        insert into external_key (landlord_id, source, object_type, external_id, object_id)
        select :landlord, :source, '{shape.anchor}', s.external_id, hub_uuid7(row_number() over (order by s.seq))
        from {shape.stage} s
        where not s.refused and not exists (
            select from external_key k
            where k.landlord_id = :landlord and k.source = :source
              and k.object_type = '{shape.anchor}' and k.external_id = s.external_id
        )"""
    )


# --- compare and write ------------------------------------------------------------------------------------------------


async def _compare(work: _Work) -> tuple[int, int, int, int]:
    """Keep what differs from the held rows as `todo_…`. Gives how many are new, changed, returning and unchanged."""
    shape, todo = work.shape, _todo(work.shape)
    await work.run(f"drop table if exists pg_temp.{todo}")
    await work.run(
        f"""
        create temporary table {todo} on commit drop as
        select null::bigint as seq, false as held, false as returns, t.id, {", ".join(f"t.{n}" for n in shape.names)}
        from {shape.table} t with no data"""
    )
    await work.run(_find_differences(shape))
    await work.run(f"analyze {todo}")
    (found,) = await work.run(
        f"""
        select count(*) filter (where not held) as added,
               count(*) filter (where held and not returns) as changed,
               count(*) filter (where returns) as returned,
               (select count(*) from {shape.stage} s where not s.refused) as accepted
        from {todo}"""
    )
    return found.added, found.changed, found.returned, found.accepted - found.added - found.changed - found.returned


def _find_differences(shape: Shape) -> str:
    new_id = "own.object_id" if shape.anchor else "t.id"
    return f"""
        insert into {_todo(shape)} (seq, held, returns, id, {", ".join(shape.names)})
        select s.seq, t.id is not null, t.missing_since is not null, {new_id}, {", ".join(e for _, e in shape.columns)}
        from {shape.stage} s
        {shape.joins()}
        left join {shape.table} t on {shape.same_row()}
        where not s.refused
          and (t.id is null or t.missing_since is not null or {shape.differs()})"""


async def _write_changed(work: _Work) -> None:
    shape = work.shape
    assignments = ", ".join(f"{name} = d.{name}" for name in shape.names)
    if shape.stream is Stream.CONTRACTS:
        assignments += ", closed_at = null"
    await work.run(
        f"""
        update {shape.table} t
        set source = :source, changed_run = :run, missing_since = null, {assignments}
        from {_todo(shape)} d
        where d.held and t.landlord_id = :landlord and t.id = d.id"""
    )


async def _write_new(work: _Work) -> None:
    """New rows, in the order they came: ids of one statement sort that way."""
    shape = work.shape
    names = ", ".join(shape.names)
    new_id = "d.id" if shape.anchor else "hub_uuid7(row_number() over (order by d.seq))"
    await work.run(
        f"""
        insert into {shape.table} (landlord_id, id, source, changed_run, {names})
        select :landlord, {new_id}, :source, :run, {", ".join(f"d.{name}" for name in shape.names)}
        from {_todo(shape)} d
        where not d.held"""
    )


async def _close_contracts(work: _Work) -> None:
    """A contract that an earlier good snapshot lacked, and this one lacks too, has ended (ADR 0007)."""
    shape = work.shape
    await work.run(
        f"""
        update {shape.table} t set closed_at = :now, changed_run = :run
        where t.landlord_id = :landlord and t.source = :source and t.missing_since is not null and t.closed_at is null
          and t.changed_run <> :run
          and not exists (select from {shape.stage} s {shape.key_joins("join")} where {shape.same_row()})"""
    )


async def _mark_missing(work: _Work) -> int:
    """Mark, once, the rows of this source that are in no staged row, refused ones included."""
    shape = work.shape
    # A table loaded a moment ago has no statistics: planned on a guess, this would be a loop over both sides.
    await work.run("select set_config('enable_nestloop', 'off', true)")
    if shape.stream is Stream.CONTRACTS:
        await _close_contracts(work)
    missing = await work.count(
        f"""
        update {shape.table} t set missing_since = :now, changed_run = :run
        where t.landlord_id = :landlord and t.source = :source and t.missing_since is null
          and not exists (
              select from {shape.stage} s {shape.key_joins("join")} where {shape.same_row()}
          ){within(shape, work.days)}"""
    )
    await work.run("select set_config('enable_nestloop', 'on', true)")
    return missing


def _todo(shape: Shape) -> str:
    return f"todo_{shape.table}"
