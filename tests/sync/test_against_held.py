"""`preview --against-held`: what today's input would become under a new mapping, told without writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.config import LandlordConfig, read_landlord
from hub.sync.against_held import compare_feed

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"


def changed(home: Any, slug: str, change: Callable[[str], str]) -> LandlordConfig:
    path = home.files[slug].with_name(f"tried-{slug}.toml")
    path.write_text(change(home.files[slug].read_text(encoding="utf-8")), encoding="utf-8")
    return read_landlord(path, home.parts.registry)


async def test_the_same_input_under_the_same_mapping_changes_nothing(home: Any) -> None:
    for slug in (SOAP, SFTP):
        config = changed(home, slug, lambda text: text)
        for feed in ("contracts", "ledger"):
            found = await compare_feed(home.parts, config, feed)
            told = found.comparison
            assert (told.added, told.changed, told.returned, told.missing, told.fields) == (0, 0, 0, 0, ()), feed
            assert told.unchanged == found.read - len(found.refused) > 0


async def test_a_new_mapping_is_told_by_field_and_nothing_is_written(home: Any) -> None:
    before, artifacts = await home.dump(SFTP), await home.rows(SFTP, "select from artifact")
    config = changed(
        home, SFTP, lambda text: text.replace('country = { const = "FR" }', 'country = { const = "BE" }', 1)
    )
    found = await compare_feed(home.parts, config, "sites")
    told = found.comparison
    assert told.changed == found.read > 0
    assert [(one.field, one.rows, one.samples[0].held, one.samples[0].staged) for one in told.fields] == [
        ("country", found.read, "FR", "BE")
    ]
    assert found.files
    assert await home.dump(SFTP) == before
    assert len(await home.rows(SFTP, "select from artifact")) == len(artifacts)


async def test_a_mapping_that_refuses_rows_says_how_many(home: Any) -> None:
    config = changed(home, SFTP, lambda text: text.replace('RES = "site", BAT = "building"', 'RES = "site"', 1))
    found = await compare_feed(home.parts, config, "sites")
    assert {(one.code, one.field) for one in found.refused} == {("UNKNOWN_CODE", "kind")}
    assert found.comparison.missing == len(found.refused) > 0
