"""One landlord's transaction, rolled back at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store.engine import make_engine
from hub.store.landlord_rows import LandlordRow, put_landlord
from hub.store.roles import Role

NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)
RIVES = LandlordRow("rives-doise", "Rives d'Oise Habitat", "fr-FR", "Europe/Paris", ("locataires.rives.example",))


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
async def sync_engine(database: Any) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database.url_for(Role.SYNC), Role.SYNC)
    yield engine
    await engine.dispose()


@pytest.fixture
async def conn(sync_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of Rives d'Oise as hub_sync; the landlord is in the directory."""
    async with sync_engine.connect() as connection:
        await connection.execution_options(landlord=RIVES.slug)
        transaction = await connection.begin()
        await put_landlord(connection, RIVES, now=NOW)
        yield connection
        await transaction.rollback()
