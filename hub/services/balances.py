"""Where the ERP's own balances and the entries held say two things, for an operator."""

from __future__ import annotations

from hub.services.known_landlords import landlord_slugs
from hub.store.balance_rows import Difference, list_differences
from hub.store.engine import scope
from hub.store.handles import Engine


async def find_balance_differences(engine: Engine, landlord: str, *, limit: int = 1000) -> list[Difference]:
    """The landlord's accounts that differ, the largest differences first. NotFoundError for an unknown landlord."""
    await landlord_slugs(engine, landlord)
    async with scope(engine, landlord, readonly=True) as conn:
        return await list_differences(conn, landlord=landlord, limit=limit)
