"""A connector's memory while it works: read before, written back when its work is kept."""

from __future__ import annotations

from collections.abc import Mapping


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
