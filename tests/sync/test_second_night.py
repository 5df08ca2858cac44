"""A night on which nothing happened: nothing is written, whatever was read."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
# All that is served, with where each row version lies and which transaction wrote it.
TABLES = (
    *("site", "unit", "person", "contract", "contract_unit", "party", "price_component", "account"),
    *("account_contract", "ledger_entry", "rent_notice", "rent_notice_line", "document", "document_file"),
    *("external_key", "quarantine"),
)


def row_versions(house: Any) -> dict[str, tuple[int, str]]:
    """Each table's row versions: how many, and a digest over their places and writers."""
    found = {}
    with house.admin() as conn:
        for table in TABLES:
            rows = conn.execute(f"select ctid::text || ' ' || xmin::text as version from {table}").fetchall()
            digest = hashlib.sha256("\n".join(sorted(row.version for row in rows)).encode())
            found[table] = (len(rows), digest.hexdigest())
    return found


def stored_files(house: Any) -> list[str]:
    """What lies in the blob store."""
    return sorted(path.name for path in (house.folder / "data" / "blobs").rglob("*") if path.is_file())


@pytest.mark.parametrize("slug", [SOAP, SFTP])
@pytest.mark.parametrize("later", [{"minutes": 1}, {"days": 1}], ids=["a minute later", "a day later"])
async def test_the_same_source_read_again_writes_no_row_version(home: Any, slug: str, later: dict[str, int]) -> None:
    before, dump = row_versions(home), await home.dump(slug)
    home.clock.move(**later)

    run = await home.sync(slug)

    assert run.state == "done"
    assert [] == [one for one in run.feed_runs if one.added or one.changed or one.missing or one.returned]
    assert before == row_versions(home)
    assert dump == await home.dump(slug)


async def test_files_that_were_applied_are_neither_fetched_nor_kept_again(home: Any) -> None:
    kept = stored_files(home)
    run = await home.sync(SFTP)

    assert {"unchanged"} == {one.state for one in run.feed_runs}
    assert {0} == {one.read for one in run.feed_runs}
    assert kept == stored_files(home) != []


async def test_replies_equal_to_earlier_ones_are_not_kept_again(home: Any) -> None:
    await home.sync(SOAP)  # the ledger's first cursor asks for less than no cursor
    kept = stored_files(home)
    await home.sync(SOAP)

    assert kept == stored_files(home)


async def test_calls_are_made_again_and_found_to_say_the_same(home: Any) -> None:
    run = await home.sync(SOAP, "contracts", "persons")

    counts = home.truth(SOAP)["counts"]
    assert {name: counts[name] for name in ("persons", "contracts")} == {
        one.feed: one.unchanged for one in run.feed_runs
    }
    assert all(one.read == one.unchanged for one in run.feed_runs)


async def test_what_is_served_is_dated_by_the_newest_look(home: Any) -> None:
    before = await home.as_of(SOAP, "contracts")
    home.clock.move(hours=3)
    await home.sync(SOAP, "contracts")

    assert home.clock.now() == await home.as_of(SOAP, "contracts")
    assert before < home.clock.now()
