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

SFTP, SOAP = "cite-des-tilleuls", "rives-doise"
SOME = """
    select e.id, k.external_id as account, e.amount_cents, a.balance_on from ledger_entry e
    join account a on a.id = e.account_id
    join external_key k on k.object_type = 'account' and k.object_id = a.id
    where e.missing_since is null and e.posted_on <= a.balance_on
      and (a.opening_on is null or e.posted_on >= a.opening_on)
      and not exists (select from account_gap g where g.account_id = a.id)
    order by e.posted_on desc, e.id limit 1"""


async def do(house: Any, slug: str, sql: str, **values: Any) -> None:
    async with scope(house.parts.engine, slug) as conn:
        await conn.execute(text(sql), values)


async def differing(house: Any, slug: str) -> dict[str, Any]:
    return {one.account: one for one in await find_balance_differences(house.parts.engine, slug)}


async def test_after_a_good_night_only_refused_lines_make_a_difference(home: Any) -> None:
    assert {} == await differing(home, SOAP)
    found = await differing(home, SFTP)
    assert found
    assert all(one.incomplete for one in found.values())
    async with scope(home.parts.engine, SFTP) as conn:
        counted = await count_differences(conn, landlord=SFTP)
    assert Differences(len(found), sum(abs(one.difference_cents) for one in found.values())) == counted


@pytest.mark.parametrize("slug", [SFTP, SOAP])
async def test_an_entry_that_is_lost_is_a_difference_and_blocks_nothing(home: Any, slug: str) -> None:
    before = await differing(home, slug)
    (one,) = await home.rows(slug, SOME)
    await do(home, slug, "update ledger_entry set missing_since = now() where id = :id", id=one.id)
    home.sandbox.advance(days=1)
    home.clock.move(days=1)

    run = await home.sync(slug, "accounts")

    assert "done" == run.state
    new = await differing(home, slug)
    (account,) = set(new) - set(before)
    assert (one.account, one.amount_cents) == (account, new[account].difference_cents)
    assert f"{len(new)} account" in run.feed_runs[0].note
    assert f"`housing-hub balances {slug}`" in run.feed_runs[0].note


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
    shown = await asyncio.to_thread(CliRunner().invoke, build(), ["balances", SFTP, "--json"])
    assert 0 == shown.exit_code, shown.output
    rows = json.loads(shown.stdout)
    assert list(await differing(home, SFTP)) == [row["account"] for row in rows]
    assert {"account", "balance_on", "of_record", "summed", "difference", "ledger_as_of"} <= set(rows[0])
