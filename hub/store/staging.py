"""Staging: checked rows into a temporary table of the transaction that will apply them.

PostgreSQL refuses COPY into a table under row-level security; a temporary table is seen by its own session only, and
is gone with the transaction.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

import psycopg
import pyarrow as pa
import pyarrow.csv as pc
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import RECORDS, Stream, arrow_schema, field_specs
from hub.store.tables import table_of

BLOCK_ROWS = 20_000
_TYPES = {"text": "text", "enum": "text", "cents": "bigint", "int": "bigint", "date": "date", "bool": "boolean"}
_CSV = pc.WriteOptions(include_header=False, quoting_style="needed")


class CheckedRows(Protocol):
    """Rows that passed the checks of `hub.records` (a `CheckedBatch` is one).

    `table` has the record's whole Arrow schema; `lines` (int64) the line each row came from, of the same length.
    """

    @property
    def table(self) -> pa.Table: ...
    @property
    def lines(self) -> pa.Array | None: ...
    @property
    def file(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class StagedTable:
    """What was staged of a stream, under which name, until the transaction ends."""

    stream: Stream
    name: str
    rows: int


def stage_name(stream: Stream) -> str:
    """The temporary table of a stream."""
    return f"stage_{table_of(stream).name}"


async def stage(
    conn: AsyncConnection, stream: Stream, blocks: AsyncIterable[CheckedRows] | Iterable[CheckedRows]
) -> StagedTable:
    """Copy all `blocks` into a fresh temporary table, in the order they come, and analyze it.

    Beside the stream's fields a row has `seq` (its place, from 1), `line`, `file` and `refused` (set by apply).
    An ordinary iterable is read on the event loop: it is for rows in hand. The rows were checked before: what COPY
    refuses here is a fault of ours, not of the file.
    """
    name = stage_name(stream)
    await conn.execute(text(f"drop table if exists pg_temp.{name}"))
    await conn.execute(text(f"create temporary table {name} ({_columns(stream)}) on commit drop"))
    rows = 0
    async for block in _each(blocks):
        rows += await _copy(conn, stream, block)
    await conn.execute(text(f"analyze {name}"))
    return StagedTable(stream, name, rows)


def _columns(stream: Stream) -> str:
    fields = [f"{spec.name} {_TYPES[spec.column.type]}" for spec in field_specs(RECORDS[stream])]
    own = [
        "seq bigint generated always as identity",
        "line bigint",
        "file text",
        "refused boolean not null default false",
    ]
    return ", ".join([*fields, *own])


async def _each(blocks: AsyncIterable[CheckedRows] | Iterable[CheckedRows]) -> AsyncIterator[CheckedRows]:
    if isinstance(blocks, AsyncIterable):
        async for block in blocks:
            yield block
    else:
        for block in blocks:
            yield block


async def _copy(conn: AsyncConnection, stream: Stream, block: CheckedRows) -> int:
    """One COPY a block, so that a slow source is not one endless statement."""
    rows = _with_place(stream, block)
    raw = (await conn.get_raw_connection()).driver_connection
    if not isinstance(raw, psycopg.AsyncConnection):
        raise TypeError("staging needs a psycopg connection")
    async with raw.cursor() as cursor, cursor.copy(_copy_statement(stream, rows.column_names)) as copy:
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            await copy.write(await asyncio.to_thread(_as_csv, rows.slice(start, BLOCK_ROWS)))
    return int(rows.num_rows)


def _with_place(stream: Stream, block: CheckedRows) -> pa.Table:
    """The block's fields in the record's order, then `line` and `file`."""
    rows = block.table.select(arrow_schema(RECORDS[stream]).names)
    lines = pa.nulls(rows.num_rows, pa.int64()) if block.lines is None else block.lines
    files = pa.nulls(rows.num_rows, pa.string()) if block.file is None else pa.repeat(block.file, rows.num_rows)
    return rows.append_column("line", lines).append_column("file", files)


def _copy_statement(stream: Stream, columns: list[str]) -> sql.Composed:
    return sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(stage_name(stream)), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _as_csv(rows: pa.Table) -> bytes:
    """Texts quoted, null as nothing: what COPY's csv tells apart."""
    into = io.BytesIO()
    pc.write_csv(rows, into, _CSV)
    return into.getvalue()
