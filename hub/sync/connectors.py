"""A landlord's connector, made for one piece of work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hub.config import LandlordConfig
from hub.ports import Context, ErpConnector
from hub.store.connector_states import get_connector_state
from hub.store.engine import scope
from hub.sync.parts import SyncParts
from hub.sync.state import BufferedState
from hub.sync.threads import in_thread


@asynccontextmanager
async def open_connector(
    parts: SyncParts, landlord: str, config: LandlordConfig, name: str
) -> AsyncIterator[ErpConnector[Any]]:
    """A landlord's connector, made for one piece of work and closed after it."""
    async with scope(parts.engine, landlord) as conn:
        held = await get_connector_state(conn, landlord=landlord, connector=name)
    folder = parts.work_dir / "connectors" / landlord / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    context = Context(
        landlord=landlord,
        connector=name,
        time_zone=config.identity.time_zone,
        clock=parts.clock,
        network=config.network(name),
        state=BufferedState(held),
        folder=folder,
        log=logging.getLogger(f"hub.plugin.{landlord}.{name}"),
    )
    connector = await in_thread(config.connector_class(name), config.build_settings(name), context)
    try:
        yield connector
    finally:
        await in_thread(_close, connector, context)


def _close(connector: ErpConnector[Any], context: Context) -> None:
    """What went well stays so when a connector cannot even leave."""
    try:
        connector.close()
    except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
        context.log.warning("%s could not be closed: %s", connector.name, type(error).__name__)
