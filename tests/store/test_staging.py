"""Staging: what goes in through COPY is what lies there, in order, for one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.records import RECORDS, Batch, PersonRecord, Stream, arrow_schema
from hub.records.check import check_batch
from hub.store.engine import make_engine, scope
from hub.store.roles import Role
from hub.store.staging import BLOCK_ROWS, StagedTable, stage

TRICKY = ["a;b", 'say "hi"', "l'été à Œuilly", "\\.", "\\N", "NULL", "comma, comma", "a\u2028b", "🏠"]


async def _all(conn: AsyncConnection, query: str) -> list[Any]:
    return [tuple(row) for row in (await conn.execute(text(query))).all()]


async def test_every_text_and_every_nothing_arrives_as_it_was(transaction: AsyncConnection) -> None:
    people = [
        PersonRecord(external_id=f"P{n}", family_name=name, birth_date=date(1980, 1, 1) if n % 2 else None)
        for n, name in enumerate(TRICKY)
    ]
    checked = check_batch(PersonRecord, Batch(people, lines=list(range(10, 10 + len(people))), file="PERS é.txt"))
    assert checked.rejects == []
    staged = await stage(transaction, Stream.PERSONS, [checked])
    assert staged == StagedTable(Stream.PERSONS, "stage_person", len(TRICKY))
    found = await _all(transaction, "select seq, family_name, title, birth_date, line, file, refused from stage_person")
    assert found == [
        (n + 1, name, None, date(1980, 1, 1) if n % 2 else None, 10 + n, "PERS é.txt", False)
        for n, name in enumerate(TRICKY)
    ]


@pytest.mark.parametrize("stream", list(Stream))
async def test_a_stage_has_the_columns_of_its_record(transaction: AsyncConnection, stream: Stream) -> None:
    staged = await stage(transaction, stream, [])
    types = {pa.string(): "text", pa.int64(): "bigint", pa.date32(): "date", pa.bool_(): "boolean"}
    expected = {field.name: types[field.type] for field in arrow_schema(RECORDS[stream])}
    found = await _all(
        transaction,
        f"""select attname, format_type(atttypid, null) from pg_attribute
            where attrelid = '{staged.name}'::regclass and attnum > 0""",
    )
    own = {"seq": "bigint", "line": "bigint", "file": "text", "refused": "boolean"}
    assert dict(found) == expected | own


async def test_blocks_keep_their_order_and_the_planner_knows_the_size(
    transaction: AsyncConnection, housed: Any
) -> None:
    rows = 2 * BLOCK_ROWS + 7
    one = housed.rows(Stream.SITES, {"external_id": "S", "name": "x"}, file=None).table
    columns = {name: pa.repeat(one[name][0], rows) for name in one.column_names}
    table = pa.table(columns | {"external_id": pa.array([str(n) for n in range(rows)])}, schema=one.schema)

    async def blocks() -> AsyncIterator[Any]:
        for start in (0, 15_000):
            yield _Block(table.slice(start, 15_000 if start == 0 else rows))

    staged = await stage(transaction, Stream.SITES, blocks())
    assert staged.rows == rows
    assert await _all(transaction, "select count(*) from stage_site where external_id = (seq - 1)::text") == [(rows,)]
    assert await _all(transaction, "select reltuples::int from pg_class where oid = 'stage_site'::regclass") == [
        (rows,)
    ]


class _Block:
    lines = None
    file = None

    def __init__(self, table: pa.Table) -> None:
        self.table = table


async def test_staging_again_starts_anew(transaction: AsyncConnection, housed: Any) -> None:
    for name in ("first", "second"):
        await stage(transaction, Stream.SITES, [housed.rows(Stream.SITES, {"external_id": name, "name": name})])
    assert await _all(transaction, "select external_id from stage_site") == [("second",)]


async def test_a_stage_is_gone_with_its_transaction(world_url: str, housed: Any) -> None:
    engine = make_engine(world_url, Role.SYNC, pool_size=1)
    async with scope(engine, "neuve") as conn:
        await stage(conn, Stream.SITES, [housed.rows(Stream.SITES, {"external_id": "S", "name": "x"})])
    async with scope(engine, "neuve") as conn:
        with pytest.raises(ProgrammingError, match="does not exist"):
            await conn.execute(text("select from stage_site"))
    await engine.dispose()


async def test_requests_cannot_stage(world_url: str) -> None:
    engine = make_engine(world_url, Role.API)
    with pytest.raises(ProgrammingError, match="permission denied to create temporary tables"):
        async with scope(engine, "neuve") as conn:
            await stage(conn, Stream.SITES, [])
    await engine.dispose()
