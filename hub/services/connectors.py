"""The landlord's connectors as an operator sees and handles them: who is left alone, until when, and trying at once."""

from __future__ import annotations

from hub.domain.clock import Clock
from hub.errors import NotFoundError
from hub.jobs import RUN_QUEUE, Bell
from hub.services.known_landlords import landlord_slugs
from hub.store.breaker_rows import ConnectorRow, change_breaker, get_breaker, list_connectors, wake_waiting
from hub.store.engine import scope
from hub.store.handles import Engine


async def read_connectors(engine: Engine, landlord: str | None = None) -> list[tuple[str, ConnectorRow]]:
    """The connectors of a landlord, or of all, by name. Raises NotFoundError for an unknown landlord."""
    found: list[tuple[str, ConnectorRow]] = []
    for slug in await landlord_slugs(engine, landlord):
        async with scope(engine, slug, readonly=True) as conn:
            found += [(slug, row) for row in await list_connectors(conn, landlord=slug)]
    return found


async def reset_connector(engine: Engine, clock: Clock, bell: Bell, landlord: str, connector: str) -> int:
    """Close a connector's breaker and let what waits for it begin at once; gives how many jobs that is.

    Raises NotFoundError when the landlord has no such connector.
    """
    now = clock.now()
    async with scope(engine, landlord) as conn:
        if await get_breaker(conn, landlord=landlord, connector=connector) is None:
            names = [row.connector for row in await list_connectors(conn, landlord=landlord)]
            raise NotFoundError(
                f"{landlord} has no connector {connector}", hint=f"its connectors are {', '.join(names) or 'none'}"
            )
        await change_breaker(conn, landlord=landlord, connector=connector, change=lambda held: held.answered(), now=now)
        woken = await wake_waiting(conn, landlord=landlord, connector=connector, now=now)
    bell.ring(RUN_QUEUE)
    return woken
