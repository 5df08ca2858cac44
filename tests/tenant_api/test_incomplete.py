"""An account with figures in quarantine says so, to its own tenant alone, and stops saying so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from hub.records import Reject, Stream
from hub.store.engine import scope
from hub.store.gap_rows import find_gaps
from hub.store.handles import StoreError
from hub.store.quarantine_rows import list_quarantine, replace_quarantine, settle_rows

ACCOUNTS = "{ viewer { accounts { number incomplete } } }"
COMPLETE = {"411-1": False, "411-2": False, "411-3": False}


class Refused:
    """Refused rows of landlord Rives, and what its tenants are told of them."""

    def __init__(self, world: Any, api: Any) -> None:
        self.world, self.api = world, api

    async def put(self, stream: Stream, *about: str | None) -> None:
        """The stream's refused rows are these from now on."""
        rejects = [
            Reject("UNKNOWN_CODE", "RGL2 is in no table", line=line, field="kind", file="ECR_1.csv", about=one)
            for line, one in enumerate(about, start=2)
        ]
        async with scope(self.world.sync_engine, "rives") as conn:
            asked = {"landlord": "rives", "feed": stream.value, "now": self.world.clock.now()}
            await replace_quarantine(conn, run_id=1, rejects=rejects, stream=stream, **asked)
            await find_gaps(conn, landlord="rives")

    async def told(self, tenant: str = "claire", landlord: str = "rives") -> dict[str, bool]:
        viewer = (await self.api.ask(ACCOUNTS, tenant=tenant, landlord=landlord))["viewer"]
        return {one["number"]: one["incomplete"] for one in viewer["accounts"]}


@pytest.fixture(scope="module")
async def named(world: Any, seeds_of: Any) -> None:
    """What the ERP calls the things of this world."""
    things = world.things
    async with scope(world.sync_engine, "rives") as conn:
        seeds = seeds_of(conn, "rives")
        await seeds.feed(Stream.PRICE_COMPONENTS, world.clock.now())
        await seeds.feed(Stream.RENT_NOTICE_LINES, world.clock.now())
        await seeds.key("account", "ACC-1", things["account"])
        await seeds.key("account", "ACC-9", world.tenants["bruno"].accounts[0])
        await seeds.key("contract", "CTR-1", things["lease"])
        await seeds.key("rent_notice", "AE-10", things["notice-10"])


@pytest.fixture
async def refused(world: Any, api: Any, named: None) -> AsyncIterator[Refused]:
    made = Refused(world, api)
    yield made
    for stream in (Stream.LEDGER_ENTRIES, Stream.PRICE_COMPONENTS, Stream.RENT_NOTICE_LINES):
        await made.put(stream)


async def test_an_account_without_refused_figures_is_complete(refused: Refused) -> None:
    assert await refused.told() == COMPLETE


async def test_a_refused_entry_makes_its_own_account_incomplete_and_no_other(refused: Refused) -> None:
    await refused.put(Stream.LEDGER_ENTRIES, "ACC-1")

    assert await refused.told() == COMPLETE | {"411-1": True}
    assert await refused.told("bruno") == {"411-9": False}
    assert await refused.told("dora", "tilleuls") == {"411-1": False}


async def test_a_refused_price_concerns_every_account_of_its_contract(refused: Refused) -> None:
    await refused.put(Stream.PRICE_COMPONENTS, "CTR-1")

    assert await refused.told() == dict.fromkeys(COMPLETE, True)


async def test_a_refused_line_of_a_notice_concerns_the_notices_account(refused: Refused) -> None:
    await refused.put(Stream.RENT_NOTICE_LINES, "AE-10")

    assert await refused.told() == COMPLETE | {"411-1": True}


async def test_a_refused_row_that_names_nothing_known_concerns_nobody(refused: Refused) -> None:
    await refused.put(Stream.LEDGER_ENTRIES, None, "ACC-77")

    assert await refused.told() == COMPLETE
    assert await refused.told("bruno") == {"411-9": False}


@pytest.mark.parametrize("state", ["applied", "dismissed"])
async def test_an_account_is_complete_again_once_its_last_row_has_left_the_quarantine(
    refused: Refused, state: Any
) -> None:
    await refused.put(Stream.LEDGER_ENTRIES, "ACC-1", "ACC-1")
    async with scope(refused.world.sync_engine, "rives") as conn:
        first, second = await list_quarantine(conn, landlord="rives")
        now = refused.world.clock.now()
        await settle_rows(conn, [first.id], landlord="rives", state=state, now=now)
        await find_gaps(conn, landlord="rives")
    assert await refused.told() == COMPLETE | {"411-1": True}

    async with scope(refused.world.sync_engine, "rives") as conn:
        await settle_rows(conn, [second.id], landlord="rives", state=state, now=now)
        await find_gaps(conn, landlord="rives")
    assert await refused.told() == COMPLETE


async def test_finding_the_gaps_again_writes_nothing(refused: Refused) -> None:
    await refused.put(Stream.LEDGER_ENTRIES, "ACC-1")
    versions = "select array_agg(ctid::text || xmin::text) from account_gap"
    async with scope(refused.world.sync_engine, "rives") as conn:
        before = (await conn.execute(text(versions))).scalar_one()
    async with scope(refused.world.sync_engine, "rives") as conn:
        await find_gaps(conn, landlord="rives")
        assert before == (await conn.execute(text(versions))).scalar_one()


async def test_the_api_sees_gaps_of_the_sessions_accounts_and_nothing_of_the_quarantine(
    refused: Refused, world: Any
) -> None:
    await refused.put(Stream.LEDGER_ENTRIES, "ACC-1", "ACC-9")
    claire, seen = world.tenants["claire"], text("select distinct account_id from account_gap")

    async with scope(world.engine, "rives", claire.contracts) as conn:
        assert [world.things["account"]] == list((await conn.execute(seen)).scalars())
    async with scope(world.engine, "tilleuls", claire.contracts) as conn:
        assert [] == list((await conn.execute(seen)).scalars())
    with pytest.raises(StoreError, match="permission denied"):
        async with scope(world.engine, "rives", claire.contracts) as conn:
            await conn.execute(text("select excerpt from quarantine"))
