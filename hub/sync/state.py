"""A connector's memory while it works: read before, written back when its work is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping


class BufferedState:
    """A `hub.ports.State`; `changed` is what is to be kept."""

    def __init__(self, held: Mapping[str, str]) -> None:
        self._held = dict(held)
        self.changed: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.changed.get(name, self._held.get(name))

    def put(self, name: str, value: str) -> None:
        if self.get(name) != value:
            self.changed[name] = value


class LookedUpState:
    """A `hub.ports.State` of which each value is looked up when it is first asked for: a payment provider remembers
    something of every payment there ever was. Made in the event loop, used in a plugin's thread.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[str | None]]) -> None:
        self._look_up, self._loop = look_up, asyncio.get_running_loop()
        self._held: dict[str, str | None] = {}
        self.changed: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        if name in self.changed:
            return self.changed[name]
        if name not in self._held:
            self._held[name] = asyncio.run_coroutine_threadsafe(self._ask(name), self._loop).result()
        return self._held[name]

    def put(self, name: str, value: str) -> None:
        if self.get(name) != value:
            self.changed[name] = value

    async def _ask(self, name: str) -> str | None:
        return await self._look_up(name)
