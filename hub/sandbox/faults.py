"""How a door of the sandbox misbehaves; may be changed while it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from threading import Event

from hub.sandbox.model import World

_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Faults:
    """Never answers, drips (seconds a piece), is busy for so many calls, breaks down.

    `left`: so many calls more (a call is a request, or a connection to the file server); None: until told otherwise.
    """

    hang: bool = False
    drip_seconds: float = 0.0
    busy: int = 0
    fault: bool = False
    left: int | None = None

    def meet(self) -> None:
        """One more call has come."""
        if self.left is not None and self.left <= 0:
            self.clear()
        elif self.left is not None:
            self.left -= 1

    def clear(self) -> None:
        """Behave again."""
        good = type(self)()
        for one in fields(self):
            setattr(self, one.name, getattr(good, one.name))

    def hold(self, stopping: Event) -> None:
        """Come back when it no longer hangs."""
        while self.hang and not stopping.wait(_LOOK_SECONDS):
            pass


@dataclass(slots=True)
class SoapFaults(Faults):
    """By operation: another world to answer from, a change to every text of a reply, a business message in the place
    of the rows, a reply cut in the middle, a connection that breaks off once all is done (`mute`)."""

    worlds: Mapping[str, World] = field(default_factory=dict)
    edits: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
