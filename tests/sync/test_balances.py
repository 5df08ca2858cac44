"""The ERP's own balances beside summed entries, after real runs of both landlords; opening balances that move."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from hub.cli.app import build
from hub.services.balances import find_balance_differences
from hub.store.balance_rows import Differences, count_differences, find_differences
from hub.store.engine import scope
from hub.store.run_rows import Run

SFTP, SOAP = "cite-des-tilleuls", "rives-doise"
SOME = """
    select e.id, k.external_id as account, e.amount_cents, a.balance_on from ledger_entry e
    join account a on a.id = e.account_id
    join external_key k on k.object_type = 'account' and k.object_id = a.id
    where e.missing_since is null and e.posted_on <= a.balance_on
      and (a.opening_on is null or e.posted_on >= a.opening_on)
      and not exists (select from account_gap g where g.account_id = a.id)
    order by e.posted_on, e.id limit 1"""


async def do(house: Any, slug: str, sql: str, **values: Any) -> None:
    async with scope(house.parts.engine, slug) as conn:
        await conn.execute(text(sql), values)


async def differing(house: Any, slug: str) -> dict[str, Any]:
    return {one.account: one for one in await find_balance_differences(house.parts.engine, slug)}


async def lose_one(house: Any, slug: str) -> tuple[Any, Run]:
    """An old entry, that no delta brings again, is lost; then nights pass, the last of which brings entries."""
    (one,) = await house.rows(slug, SOME)
    await do(house, slug, "update ledger_entry set missing_since = now() where id = :id", id=one.id)
    house.sandbox.advance(days=12)
    house.clock.move(days=12)
    return one, await house.sync(slug, "accounts", "ledger")


async def test_after_good_nights_nothing_differs(home: Any) -> None:
    assert ({}, {}) == (await differing(home, SOAP), await differing(home, SFTP))
    home.sandbox.advance(days=12)
    home.clock.move(days=12)
    for slug in (SOAP, SFTP):
        assert [None, None] == [report.note for report in (await home.sync(slug, "accounts", "ledger")).feed_runs]
        assert {} == await differing(home, slug)


@pytest.mark.parametrize("slug", [SFTP, SOAP])
async def test_an_entry_that_is_lost_is_a_difference_and_blocks_nothing(home: Any, slug: str) -> None:
    one, run = await lose_one(home, slug)

    assert "done" == run.state
    ((account, found),) = (await differing(home, slug)).items()
    assert (one.account, one.amount_cents) == (account, found.difference_cents)
    assert run.feed_runs[-1].note is not None
    assert run.feed_runs[-1].note.startswith("1 account differs from the ERP's own balance, by ")
    assert f"`housing-hub balances {slug}`" in run.feed_runs[-1].note
    async with scope(home.parts.engine, slug) as conn:
        assert Differences(1, abs(one.amount_cents)) == await count_differences(conn, landlord=slug)


async def test_an_entry_of_a_later_day_is_no_difference(home: Any) -> None:
    (one,) = await home.rows(SOAP, SOME)
    yesterday, cents = date(2026, 11, 19), "balance_cents - :cents"
    of_entry = "id = (select account_id from ledger_entry where id = :id)"
    await do(home, SOAP, "delete from ledger_entry where posted_on = date '2026-11-20' and id <> :id", id=one.id)
    await do(
        home, SOAP, f"update account set balance_cents = {cents} where {of_entry}", cents=one.amount_cents, id=one.id
    )
    await do(home, SOAP, f"update account set balance_on = :day where {of_entry}", day=yesterday, id=one.id)
    await do(home, SOAP, "update ledger_entry set posted_on = date '2026-11-20' where id = :id", id=one.id)
    async with scope(home.parts.engine, SOAP) as conn:
        await find_differences(conn, landlord=SOAP, time_zone="Europe/Paris", now=home.clock.now())
    assert one.account not in await differing(home, SOAP)


async def test_a_balance_that_is_newer_than_the_ledger_is_not_compared(home: Any) -> None:
    (one,) = await home.rows(SOAP, SOME)
    await do(home, SOAP, "update ledger_entry set missing_since = now() where id = :id", id=one.id)
    await do(home, SOAP, "update account set balance_on = date '2026-11-21'")
    await home.sync(SOAP, "ledger")
    assert {} == await differing(home, SOAP)


async def test_a_difference_that_is_over_is_forgotten(home: Any) -> None:
    (one,) = await home.rows(SOAP, SOME)
    more = "update account set balance_cents = balance_cents + 100"
    await do(home, SOAP, f"{more} where id = (select account_id from ledger_entry where id = :id)", id=one.id)
    await home.sync(SOAP, "ledger")
    assert {one.account: 100} == {name: each.difference_cents for name, each in (await differing(home, SOAP)).items()}
    await home.sync(SOAP, "accounts", "ledger")
    assert {} == await differing(home, SOAP)


async def test_the_command_lists_what_differs(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_HUB_DATABASE_URL", home.settings.database_url)
    monkeypatch.setenv("HOUSING_HUB_DATA_DIR", str(home.settings.data_dir))
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", home.settings.master_key.get_secret_value())
    await lose_one(home, SFTP)
    shown = await asyncio.to_thread(CliRunner().invoke, build(), ["balances", SFTP, "--json"])
    assert 0 == shown.exit_code, shown.output
    rows = json.loads(shown.stdout)
    assert list(await differing(home, SFTP)) == [row["account"] for row in rows]
    assert {"account", "balance_on", "of_record", "summed", "difference", "ledger_as_of"} <= set(rows[0])
