"""Compare: what apply would do, told beforehand in the same figures, without writing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.records import Stream
from hub.store.compare import Comparison, FieldChange, Sample, compare_staged
from hub.store.staging import stage

Night = dict[Stream, list[dict[str, Any]]]


async def compared(landlord: Any, stream: Stream, *rows: dict[str, Any], mode: str = "snapshot") -> Comparison:
    async with landlord.scope() as conn:
        await conn.exec_driver_sql("drop table if exists pg_temp.compared")
        await stage(conn, stream, [landlord.rows(stream, *rows)])
        return await compare_staged(conn, landlord=landlord.name, stream=stream, source="erp", mode=mode)  # type: ignore[arg-type]


def figures(found: Any) -> tuple[int, ...]:
    return found.added, found.changed, found.unchanged, found.returned, found.missing, len(found.rejects)


@pytest.mark.parametrize("stream", list(Stream))
async def test_what_is_held_compares_as_unchanged(housed: Any, first_night: Night, stream: Stream) -> None:
    found = await compared(housed, stream, *first_night[stream])
    assert figures(found) == (0, 0, len(first_night[stream]), 0, 0, 0)


@pytest.mark.parametrize("stream", list(Stream))
async def test_into_an_empty_house_everything_that_knows_its_parents_is_new(
    landlord: Any, first_night: Night, stream: Stream
) -> None:
    found = await compared(landlord, stream, *first_night[stream])
    assert (await landlord.versions(), figures(found)[1:5]) == ([], (0, 0, 0, 0))
    assert found.added + len(found.rejects) == len(first_night[stream])


@pytest.mark.parametrize(
    ("stream", "rows"),
    [
        (Stream.LEDGER_ENTRIES, [{"label": "corrigé"}, None, {"external_id": "E9"}, {"account_ref": "A9"}]),
        (Stream.CONTRACTS, [None, {"external_id": "C2", "status": "current"}]),
        (Stream.PARTIES, [{"is_solidary": False}]),
        (Stream.UNITS, [{"site_ref": "S1"}, {"external_id": "U9"}]),
    ],
)
async def test_its_figures_are_those_apply_then_gives(
    housed: Any, first_night: Night, stream: Stream, rows: list[dict[str, Any] | None]
) -> None:
    tonight = [{**first_night[stream][0], **change} for change in rows if change is not None]
    before = await housed.versions()
    told = await compared(housed, stream, *tonight)
    assert await housed.versions() == before
    assert figures(told) == figures(await housed.apply(stream, *tonight))


async def test_a_row_that_had_been_missing_compares_as_back(housed: Any, first_night: Night) -> None:
    await housed.apply(Stream.CONTRACTS, first_night[Stream.CONTRACTS][0])
    found = await compared(housed, Stream.CONTRACTS, *first_night[Stream.CONTRACTS])
    assert figures(found) == (0, 0, 1, 1, 0, 0)


async def test_a_delta_misses_nothing(housed: Any, first_night: Night) -> None:
    found = await compared(housed, Stream.LEDGER_ENTRIES, first_night[Stream.LEDGER_ENTRIES][0], mode="delta")
    assert figures(found) == (0, 0, 1, 0, 0, 0)


async def test_fields_are_shown_as_people_write_them(housed: Any, first_night: Night) -> None:
    entry = {**first_night[Stream.LEDGER_ENTRIES][0], "amount_cents": 23_858, "posted_on": date(2018, 6, 27)}
    found = await compared(housed, Stream.LEDGER_ENTRIES, entry)
    assert found.fields == (
        FieldChange("amount", 1, (Sample("E1", "238.57", "238.58"),)),
        FieldChange("posted_on", 1, (Sample("E1", "2018-06-26", "2018-06-27"),)),
    )
    assert found.missing_keys == ("E2",)


async def test_a_reference_is_shown_by_its_external_id(housed: Any, first_night: Night) -> None:
    unit = {**first_night[Stream.UNITS][0], "site_ref": "S1"}
    found = await compared(housed, Stream.UNITS, unit, {**first_night[Stream.UNITS][1], "external_id": "U9"})
    assert found.fields == (FieldChange("site_ref", 1, (Sample("U1", "B1", "S1"),)),)
    assert (found.added_keys, found.missing_keys) == (("U9",), ("U2",))


async def test_a_new_parent_from_the_same_input_is_a_change(housed: Any, first_night: Night) -> None:
    building, site = first_night[Stream.SITES]
    found = await compared(housed, Stream.SITES, building, {**site, "parent_ref": "S9"}, {**site, "external_id": "S9"})
    assert figures(found) == (1, 1, 1, 0, 0, 0)
    assert found.fields == (FieldChange("parent_ref", 1, (Sample("S1", None, "S9"),)),)


async def test_personal_values_are_outlined(housed: Any, first_night: Night) -> None:
    zoe = {**first_night[Stream.PERSONS][0], "family_name": "Martin-Roux", "birth_date": date(1981, 3, 1)}
    found = await compared(housed, Stream.PERSONS, zoe, first_night[Stream.PERSONS][1])
    assert [(change.field, change.samples[0].held, change.samples[0].staged) for change in found.fields] == [
        ("birth_date", "9999-99-99", "9999-99-99"),
        ("family_name", "Xxxxxxx", "Xxxxxx-Xxxx"),
    ]
