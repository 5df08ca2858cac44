"""Rows that could not be read or applied, kept with their place and reason until good ones supersede them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import Reject
from hub.store.tables import quarantine

_FIELDS: Final = ("id", "run_id", "feed", "file", "line", "field", "code", "message", "excerpt", "created_at")

_FRESH: Final = """
    with fresh as (
        select distinct on (file, line, field, code) * from jsonb_to_recordset(:rows) as r
            (file text, line bigint, field text, code text, message text, excerpt text)
        order by file, line, field, code)"""

# Place and code are the key of an open row: reading the same input again writes nothing.
_ADD: Final = text(f"""
    {_FRESH}
    insert into quarantine as q (landlord_id, run_id, feed, file, line, field, code, message, excerpt, created_at)
    select :landlord, :run_id, :feed, file, line, field, code, message, excerpt, :now from fresh
    on conflict (landlord_id, feed, file, line, field, code) where state = 'open'
    do update set run_id = excluded.run_id, message = excluded.message, excerpt = excluded.excerpt
    where (q.message, q.excerpt) is distinct from (excluded.message, excluded.excerpt)
    """).bindparams(bindparam("rows", type_=JSONB))

_SUPERSEDE: Final = text(f"""
    {_FRESH}
    update quarantine q set state = 'superseded'
    where q.landlord_id = :landlord and q.feed = :feed and q.state = 'open'
      and (cast(:files as text[]) is null or q.file = any(:files)) and not exists (
        select from fresh f where (f.file, f.line, f.field, f.code) = (q.file, q.line, q.field, q.code))
    """).bindparams(bindparam("rows", type_=JSONB))


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A refused row. `line` is None where the source has none; `excerpt` is masked when the field is personal."""

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


async def replace_quarantine(
    conn: AsyncConnection,
    *,
    landlord: str,
    feed: str,
    run_id: int,
    rejects: Sequence[Reject],
    now: datetime,
    files: Sequence[str] | None = None,
) -> int:
    """A snapshot says all there is: its rejects are the feed's open rows from now on. Gives how many rows are open.

    `files`: only rows of these are taken back, as when files of a delta are read again under a mended mapping.
    """
    asked = {"landlord": landlord, "feed": feed, "rows": _rows(rejects), "files": None if files is None else [*files]}
    await conn.execute(_SUPERSEDE, asked)
    return await add_quarantine(conn, landlord=landlord, feed=feed, run_id=run_id, rejects=rejects, now=now)


async def add_quarantine(
    conn: AsyncConnection, *, landlord: str, feed: str, run_id: int, rejects: Sequence[Reject], now: datetime
) -> int:
    """A delta's lines are sent once: they stay open beside the earlier ones. Gives how many of the feed are open.

    Rows are told apart by file, line, field and code: inputs of one delta feed need names of their own.
    """
    if rejects:
        asked = {"landlord": landlord, "feed": feed, "run_id": run_id, "now": now, "rows": _rows(rejects)}
        await conn.execute(_ADD, asked)
    return (await count_quarantine(conn, landlord=landlord)).get(feed, 0)


async def count_quarantine(conn: AsyncConnection, *, landlord: str) -> dict[str, int]:
    """Open rows by feed."""
    mine = (quarantine.c.landlord_id == landlord, quarantine.c.state == "open")
    statement = select(quarantine.c.feed, func.count().label("open")).where(*mine).group_by(quarantine.c.feed)
    return {row.feed: row.open for row in await conn.execute(statement)}


async def list_quarantine(
    conn: AsyncConnection, *, landlord: str, feed: str | None = None, before: int | None = None, limit: int = 50
) -> list[QuarantinedRow]:
    """The landlord's open rows, newest first; `before` goes on after the last id seen."""
    wanted = [quarantine.c.landlord_id == landlord, quarantine.c.state == "open"]
    wanted += [quarantine.c.feed == feed] if feed is not None else []
    wanted += [quarantine.c.id < before] if before is not None else []
    columns = (quarantine.c[name] for name in _FIELDS)
    rows = await conn.execute(select(*columns).where(*wanted).order_by(quarantine.c.id.desc()).limit(limit))
    return [_quarantined(row) for row in rows]


def _rows(rejects: Sequence[Reject]) -> list[dict[str, Any]]:
    """In the key nothing is null: an unknown file or field is empty, an unknown line 0."""
    return [
        {
            "file": reject.file or "",
            "line": reject.line or 0,
            "field": reject.field or "",
            "code": reject.code,
            "message": reject.message,
            "excerpt": reject.excerpt,
        }
        for reject in rejects
    ]


def _quarantined(row: Any) -> QuarantinedRow:
    values = {name: getattr(row, name) for name in _FIELDS}
    values |= {name: values[name] or None for name in ("file", "line", "field")}
    return QuarantinedRow(**values)
