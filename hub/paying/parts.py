"""What payments at work share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from hub.config import LandlordConfig
from hub.domain.clock import Clock
from hub.ports import Context, PaymentProvider, ProviderCapabilities
from hub.store.connector_states import get_connector_value, put_connector_state
from hub.store.engine import scope
from hub.store.handles import Engine
from hub.sync.night import load_config
from hub.sync.parts import SyncParts
from hub.sync.state import LookedUpState
from hub.sync.threads import in_thread

PAYMENTS: Final = "payments"
POSTINGS: Final = "postings"
"""The queues: tenants wait for the first, the ERP's pace is the second's."""

log: Final = logging.getLogger("hub.paying")


@dataclass(frozen=True, slots=True)
class PayingParts:
    """Made by bootstrap. `public_url`: where providers find this hub's API, without a final slash."""

    sync: SyncParts
    public_url: str

    @property
    def engine(self) -> Engine:
        return self.sync.engine

    @property
    def clock(self) -> Clock:
        return self.sync.clock

    async def config(self, landlord: str) -> LandlordConfig:
        """The landlord's configuration in force, its secrets opened. Raises NotFoundError."""
        return await load_config(self.sync, landlord)


def able_to(provider: PaymentProvider[Any]) -> ProviderCapabilities:
    """What a provider can do as the landlord set it up."""
    return provider.capabilities_of(provider.settings)


def abilities(config: LandlordConfig, name: str) -> ProviderCapabilities | None:
    """The same without opening it, its secrets at hand; None for one that is configured no more."""
    if name not in config.providers:
        return None
    return config.provider_class(name).capabilities_of(config.build_provider_settings(name))


@asynccontextmanager
async def open_provider(parts: PayingParts, config: LandlordConfig, name: str) -> AsyncIterator[PaymentProvider[Any]]:
    """A landlord's provider, made for one piece of work; what it remembers is kept, and it is closed after it."""
    one = config.provider(name)

    async def look_up(name: str) -> str | None:
        async with scope(parts.engine, config.slug, readonly=True) as conn:
            return await get_connector_value(conn, landlord=config.slug, connector=one.owner, name=name)

    folder = parts.sync.work_dir / "providers" / config.slug / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = LookedUpState(look_up)
    context = Context(
        landlord=config.slug,
        connector=name,
        time_zone=config.identity.time_zone,
        clock=parts.clock,
        network=one.network.policy(),
        state=state,
        folder=folder,
        log=logging.getLogger(f"hub.plugin.{config.slug}.{name}"),
    )
    provider = await in_thread(config.provider_class(name), config.build_provider_settings(name), context)
    try:
        yield provider
    finally:
        await _keep(parts, config.slug, one.owner, state)
        await in_thread(_close, provider, context)


async def _keep(parts: PayingParts, landlord: str, owner: str, state: LookedUpState) -> None:
    if state.changed:
        async with scope(parts.engine, landlord) as conn:
            await put_connector_state(conn, landlord=landlord, connector=owner, values=state.changed)


def _close(provider: PaymentProvider[Any], context: Context) -> None:
    try:
        provider.close()
    except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
        context.log.warning("%s could not be closed: %s", provider.name, type(error).__name__)
