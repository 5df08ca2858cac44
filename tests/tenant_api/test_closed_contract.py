"""A contract that two good snapshots lacked is served as ended, and as the ERP says once it is back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from hub.store.engine import scope

ASK = "{ viewer { contracts(first: 10) { nodes { reference status accounts { number } } } } }"


async def close(world: Any, at: datetime | None) -> None:
    async with scope(world.sync_engine, "rives") as conn:
        await conn.execute(text("update contract set missing_since = :at, closed_at = :at"), {"at": at})


async def told(api: Any) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await api.ask(ASK))["viewer"]["contracts"]["nodes"]
    return nodes


@pytest.fixture
async def closed(world: Any, api: Any) -> Any:
    """All contracts of landlord Rives are closed; afterwards they are not."""
    before = await told(api)
    await close(world, world.clock.now())
    yield before
    await close(world, None)


async def test_a_closed_contract_is_served_as_ended_with_its_accounts(closed: Any, world: Any, api: Any) -> None:
    now = await told(api)
    assert {"ENDED"} == {one["status"] for one in now}
    assert {one["reference"]: one["accounts"] for one in closed} == {one["reference"]: one["accounts"] for one in now}
    assert "CURRENT" in {one["status"] for one in closed}

    await close(world, None)
    assert closed == await told(api)
