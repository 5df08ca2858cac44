"""Which landlord a request is for, from its path or its host name: settled before anyone is known."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hub.store.handles import Engine
from hub.store.landlord_rows import LandlordRow
from hub.store.reads import directory

_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")
_HOST: Final = re.compile(r"[a-z0-9.-]{1,253}")
_REMEMBERED_SECONDS: Final = 5.0
_MOST_REMEMBERED: Final = 1_000


@dataclass(slots=True)
class Landlords:
    """The directory, remembered for some seconds: a landlord just applied is found soon, a flood of requests asks once.

    `tick` tells seconds that only go forward.
    """

    engine: Engine
    tick: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, str], tuple[float, LandlordRow | None]] = field(default_factory=dict)

    async def by_slug(self, slug: str) -> LandlordRow | None:
        """The landlord of a path segment, None when there is none."""
        return await self._find("slug", slug) if _SLUG.fullmatch(slug) else None

    async def by_host(self, host: str) -> LandlordRow | None:
        """The landlord a `Host` header leads to (its port does not matter), None when there is none."""
        name = host.partition(":")[0].lower().rstrip(".")
        return await self._find("host", name) if _HOST.fullmatch(name) else None

    async def _find(self, kind: str, name: str) -> LandlordRow | None:
        until, found = self._known.get((kind, name), (0.0, None))
        if self.tick() < until:
            return found
        found = await directory.find(self.engine, **{kind: name})
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[kind, name] = (self.tick() + _REMEMBERED_SECONDS, found)
        return found
