"""Rows that could not be read or applied, kept with their place and reason until they are applied or dismissed.

Open rows wait for a person, parked rows for what they refer to. Both are left by being applied by a retry, dismissed
with a reason, or superseded: the same input, or a newer one that says all there is, was read without that fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import RECORDS, Reject, Stream, field_specs
from hub.records.excerpt import outlined
from hub.store.artifact_rows import Seen
from hub.store.tables import quarantine

QuarantineState = Literal["open", "parked", "applied", "dismissed", "superseded"]
WAITING: Final = ("open", "parked")

_FIELDS: Final = (
    "id",
    "run_id",
    "feed",
    "file",
    "line",
    "field",
    "code",
    "message",
    "excerpt",
    "created_at",
    "state",
    "artifact",
    "needs_type",
    "settled_at",
    "settled_by",
    "settled_run",
    "reason",
)

_FRESH: Final = """
    with fresh as (
        select distinct on (file, line, field, code) * from jsonb_to_recordset(:rows) as r
            (file text, line bigint, field text, code text, message text, excerpt text,
             artifact text, about text, about_type text, needs_type text)
        order by file, line, field, code)"""

# Place and code are the key of a waiting row: reading the same input again writes nothing, and what a person dismissed
# stays dismissed as long as the input is the same.
_ADD: Final = text(f"""
    {_FRESH}
    insert into quarantine as q (landlord_id, run_id, feed, file, line, field, code, message, excerpt, artifact, about,
        about_type, needs_type, state, created_at)
    select :landlord, :run_id, :feed, file, line, field, code, message, excerpt, artifact, about,
        about_type, needs_type, case when needs_type is null then 'open' else 'parked' end, :now
    from fresh f
    where f.artifact = '' or not exists (
        select from quarantine d
        where d.landlord_id = :landlord and d.feed = :feed and d.state = 'dismissed'
          and (d.artifact, d.file, d.line, d.field, d.code) = (f.artifact, f.file, f.line, f.field, f.code))
    on conflict (landlord_id, feed, file, line, field, code) where state in ('open', 'parked')
    do update set run_id = excluded.run_id, message = excluded.message, excerpt = excluded.excerpt,
        artifact = excluded.artifact, about = excluded.about, about_type = excluded.about_type,
        needs_type = excluded.needs_type, state = excluded.state
    where (q.message, q.excerpt, q.artifact) is distinct from (excluded.message, excluded.excerpt, excluded.artifact)
    """).bindparams(bindparam("rows", type_=JSONB))

_SUPERSEDE: Final = text(f"""
    {_FRESH}
    update quarantine q set state = 'superseded'
    where q.landlord_id = :landlord and q.feed = :feed and q.state in ('open', 'parked')
      and (cast(:files as text[]) is null or q.file = any(:files) or q.artifact = any(cast(:contents as text[])))
      and not exists (
        select from fresh f where (f.file, f.line, f.field, f.code) = (q.file, q.line, q.field, q.code))
    """).bindparams(bindparam("rows", type_=JSONB))

_READY: Final = text("""
    select q.id from quarantine q
    join external_key k on k.landlord_id = q.landlord_id and k.source = :source and k.object_type = q.needs_type
      and k.external_id = q.excerpt
    where q.landlord_id = :landlord and q.feed = :feed and q.state = 'parked' order by q.id""")


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A refused row. `line` is None where the source has none; `excerpt` is masked when the field is personal.

    `artifact`: sha256 of the raw input it stands in. `needs_type`: what a parked row waits for (its `excerpt` names
    it). `settled_…`: when and by whom it was dismissed, or by which run it was applied.
    """

    id: int
    run_id: int
    feed: str
    file: str | None
    line: int | None
    field: str | None
    code: str
    message: str
    excerpt: str | None
    created_at: datetime
    state: QuarantineState = "open"
    artifact: str = ""
    needs_type: str | None = None
    settled_at: datetime | None = None
    settled_by: str | None = None
    settled_run: int | None = None
    reason: str | None = None


async def replace_quarantine(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str,
    run_id: int,
    rejects: Sequence[Reject],
    now: datetime,
    stream: Stream | None = None,
    inputs: Sequence[Seen] = (),
    files: Sequence[str] | None = None,
) -> int:
    """A snapshot says all there is: its rejects are the feed's waiting rows from now on. Gives how many there are.

    `inputs`: the raw inputs the rejects stand in. `files`: only rows of these names, or of these inputs, are taken
    back, as when files of a delta are read again under a mended mapping.
    """
    asked: dict[str, Any] = {"landlord": landlord, "feed": feed, "rows": _rows(rejects, stream, inputs)}
    asked |= {"files": None if files is None else [*files], "contents": [seen.sha256 for seen in inputs]}
    await conn.execute(_SUPERSEDE, asked)
    return await add_quarantine(
        conn, landlord=landlord, feed=feed, run_id=run_id, rejects=rejects, now=now, stream=stream, inputs=inputs
    )


async def add_quarantine(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str,
    run_id: int,
    rejects: Sequence[Reject],
    now: datetime,
    stream: Stream | None = None,
    inputs: Sequence[Seen] = (),
) -> int:
    """A delta's lines are sent once: they stay waiting beside the earlier ones. Gives how many of the feed wait.

    Rows are told apart by file, line, field and code: inputs of one delta feed need names of their own. With `stream`,
    rows that refer to what is not known yet are parked instead of open.
    """
    if rejects:
        asked = {"landlord": landlord, "feed": feed, "run_id": run_id, "now": now}
        await conn.execute(_ADD, asked | {"rows": _rows(rejects, stream, inputs)})
    return (await count_quarantine(conn, landlord=landlord)).get(feed, 0)


async def count_quarantine(
    conn: AsyncConnection, *, landlord: str, states: Sequence[QuarantineState] = WAITING
) -> dict[str, int]:
    """Waiting rows by feed, those in other states where they are named."""
    mine = (quarantine.c.landlord_id == landlord, quarantine.c.state.in_(states))
    statement = select(quarantine.c.feed, func.count().label("open")).where(*mine).group_by(quarantine.c.feed)
    return {row.feed: row.open for row in await conn.execute(statement)}


async def list_quarantine(
    conn: AsyncConnection, *, landlord: str, feed: str | None = None, before: int | None = None, limit: int = 50
) -> list[QuarantinedRow]:
    """The landlord's waiting rows, newest first; `before` goes on after the last id seen."""
    wanted: list[ColumnElement[bool]] = [quarantine.c.state.in_(WAITING)]
    wanted += [quarantine.c.feed == feed] if feed is not None else []
    wanted += [quarantine.c.id < before] if before is not None else []
    rows = await conn.execute(_chosen(landlord).where(*wanted).order_by(quarantine.c.id.desc()).limit(limit))
    return [_quarantined(row) for row in rows]


async def quarantined_rows(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str | None = None,
    ids: Sequence[int] | None = None,
    lock: bool = False,
) -> list[QuarantinedRow]:
    """Rows by id whatever their state, or all a feed (the landlord) has waiting; in the order they came. `lock`: nobody
    else settles them until this transaction ends."""
    wanted: list[ColumnElement[bool]] = (
        [quarantine.c.id.in_(ids)] if ids is not None else [quarantine.c.state.in_(WAITING)]
    )
    wanted += [quarantine.c.feed == feed] if feed is not None else []
    statement = _chosen(landlord).where(*wanted).order_by(quarantine.c.id)
    rows = await conn.execute(statement.with_for_update() if lock else statement)
    return [_quarantined(row) for row in rows]


async def ready_to_apply(conn: AsyncConnection, *, landlord: str, feed: str, source: str) -> list[int]:
    """The feed's parked rows whose reference is known by now."""
    return list((await conn.execute(_READY, {"landlord": landlord, "feed": feed, "source": source})).scalars())


async def feeds_with_parked(conn: AsyncConnection, *, landlord: str) -> set[str]:
    """Feeds that have parked rows."""
    mine = (quarantine.c.landlord_id == landlord, quarantine.c.state == "parked")
    return set((await conn.execute(select(quarantine.c.feed).where(*mine).distinct())).scalars())


async def settle_rows(
    conn: AsyncConnection,
    ids: Sequence[int],
    *,
    landlord: str,
    state: Literal["applied", "dismissed", "superseded"],
    now: datetime,
    run_id: int | None = None,
    by: str | None = None,
    reason: str | None = None,
) -> None:
    """Rows that wait no more, and why."""
    settled = {"state": state, "settled_at": now, "settled_run": run_id, "settled_by": by, "reason": reason}
    mine = (quarantine.c.landlord_id == landlord, quarantine.c.id.in_(ids), quarantine.c.state.in_(WAITING))
    await conn.execute(update(quarantine).where(*mine).values(settled))


def _chosen(landlord: str) -> Select[Any]:
    return select(*(quarantine.c[name] for name in _FIELDS)).where(quarantine.c.landlord_id == landlord)


def _rows(rejects: Sequence[Reject], stream: Stream | None, inputs: Sequence[Seen]) -> list[dict[str, Any]]:
    """In the key nothing is null: an unknown file or field is empty, an unknown line 0."""
    refers = _references(stream)
    concerns = RECORDS[stream].concerns if stream else None
    return [
        {
            "file": reject.file or "",
            "line": reject.line or 0,
            "field": reject.field or "",
            "code": reject.code,
            "message": outlined(reject.message),
            "excerpt": None if reject.excerpt is None else outlined(reject.excerpt),
            "artifact": _input_of(reject, inputs),
            "about": about,
            "about_type": refers.get(concerns or "") if about else None,
            "needs_type": refers.get(reject.field or "") if reject.code == "UNKNOWN_REFERENCE" else None,
        }
        for reject in rejects
        for about in [_no_persons(reject.about)]
    ]


def _no_persons(reference: str | None) -> str | None:
    """A reference, unless a moved column put a person's data in its place: that names no object of ours."""
    return reference if reference is None or outlined(reference) == reference else None


def _references(stream: Stream | None) -> dict[str, str]:
    """The kind of object each referring field of a stream names."""
    specs = field_specs(RECORDS[stream]) if stream else ()
    return {spec.name: spec.column.refers for spec in specs if spec.column.refers}


def _input_of(reject: Reject, inputs: Sequence[Seen]) -> str:
    if len(inputs) == 1:
        return inputs[0].sha256
    return next((seen.sha256 for seen in inputs if seen.name == reject.file), "")


def _quarantined(row: Any) -> QuarantinedRow:
    values = {name: getattr(row, name) for name in _FIELDS}
    values |= {name: values[name] or None for name in ("file", "line", "field")}
    return QuarantinedRow(**values)
