"""What the tenant API is built from; `hub.bootstrap` fills it, a test gives its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry

from hub.domain.clock import Clock
from hub.jobs import Bell, NoBell
from hub.store.blobs import BlobStore
from hub.store.handles import Engine
from hub.store.vault import Vault

Profile = Literal["developer", "production"]


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The parts of one API process.

    `engine` connects as `hub_api`. `link_key` comes from `download.link_key(master_key)`. `public_url` is what
    download links begin with, without a final slash; empty: the address the request came to.
    """

    engine: Engine
    blobs: BlobStore
    vault: Vault
    link_key: bytes
    clock: Clock
    profile: Profile
    public_url: str
    metrics: CollectorRegistry
    bell: Bell = field(default_factory=NoBell)

    async def close(self) -> None:
        """Give back the connections."""
        self.bell.close()
        await self.engine.dispose()
