"""The canonical dump: the same for the same content, different for any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Uuid

from hub.records import Stream
from hub.store.dump import VOLATILE
from hub.store.tables import STREAM_TABLES


async def test_two_ways_to_the_same_content_give_one_dump(
    housed: Any, committing: Any, first_night: dict[Stream, list[dict[str, Any]]]
) -> None:
    """Other hub ids, other runs, rows in another order, a night with a detour."""
    committing.run = 400
    people = first_night[Stream.PERSONS]
    await committing.apply(Stream.PERSONS, people[1])
    await committing.apply(Stream.PERSONS, {**people[0], "title": "M."}, people[1])
    await committing.apply(Stream.PERSONS, *people)
    assert await committing.dump() == await housed.dump()


OTHER = {"TEXT": "'changed'", "BIGINT": "4711", "DATE": "date '2101-01-01'", "BOOLEAN": "not {0}"}


@pytest.mark.parametrize("stream", list(Stream))
async def test_a_change_of_any_column_shows(housed: Any, stream: Stream) -> None:
    table = STREAM_TABLES[stream]
    columns = [c for c in table.columns if c.name not in {"landlord_id", *VOLATILE} and not isinstance(c.type, Uuid)]
    before = await housed.dump()
    changes = ", ".join(f"{column.name} = {OTHER[str(column.type)].format(column.name)}" for column in columns)
    await housed.ask(f"update {table.name} set {changes} where id = (select id from {table.name} limit 1) returning 1")
    old, new = _only_in(before, await housed.dump())
    assert {name for name in new if new[name] != old[name]} >= {column.name for column in columns}


def _only_in(before: str, after: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one row that differs, as it was and as it is."""
    old, new = set(before.splitlines()), set(after.splitlines())
    ((_, was),) = [line.split("\t", 1) for line in old - new]
    ((_, now),) = [line.split("\t", 1) for line in new - old]
    return json.loads(was), json.loads(now)


@pytest.mark.parametrize("stream", list(Stream))
async def test_what_is_volatile_does_not_show_but_what_is_missing_does(housed: Any, stream: Stream) -> None:
    table = STREAM_TABLES[stream].name
    before = await housed.dump()
    await _set(housed, table, "changed_run", "9999")
    assert await housed.dump() == before
    await _set(housed, table, "missing_since", "now()")
    missing = await housed.dump()
    assert missing != before
    await _set(housed, table, "missing_since", "now() - interval '1 day'")
    assert await housed.dump() == missing


async def _set(housed: Any, table: str, column: str, value: str) -> None:
    """Change one row."""
    one = f"(select id from {table} order by id limit 1)"
    assert await housed.ask(f"update {table} set {column} = {value} where id = {one} returning 1") == [1]


async def test_references_are_external_ids(housed: Any) -> None:
    lines = (await housed.dump()).splitlines()
    (entry,) = [line for line in lines if line.startswith("ledger_entries") and '"E1"' in line]
    assert '"account_ref" : "erp:A1"' in entry
    assert '"unit_ref" : "erp:U1"' in entry
    before = await housed.dump()
    await housed.ask(
        "update ledger_entry set account_id = (select id from account where number = '411002') returning 1"
    )
    assert await housed.dump() != before


async def test_a_dump_is_one_landlords(housed: Any, landlord: Any) -> None:
    assert await housed.dump() != ""
    assert await landlord.dump() == ""
