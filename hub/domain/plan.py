"""When a feed really begins: its schedule, kept out of quiet hours and maintenance, a little apart from others'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from hub.domain.schedule import Schedule, duration
from hub.domain.windows import Window, around, leave_no_time
from hub.errors import SettingsError

_INSTANT: Final = timedelta(microseconds=1)
_NOT: Final = "not "
_JITTER: Final = "jitter "


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule, the windows in which nothing begins, and the most seconds a slot is delayed.

    A slot within a window is moved to the window's end; several moved to the same end are one. Every machine computes
    the same slots: the delay is drawn from the name of whom it is for.
    """

    schedule: Schedule
    closed: tuple[Window, ...] = ()
    jitter: int = 0

    @classmethod
    def of(cls, schedule: Schedule, closed: tuple[Window, ...] = (), jitter: int = 0) -> Plan:
        """A plan with its windows in one order, each once. Raises SettingsError when they leave no time at all."""
        if leave_no_time(closed):
            raise SettingsError(
                "its quiet hours and maintenance windows leave no time to begin", hint="shorten one of them"
            )
        return cls(schedule, tuple(sorted(set(closed), key=lambda one: one.text)), jitter)

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read what `text` says. Raises SettingsError."""
        first, *rest = text.split(", ")
        closed = tuple(Window.parse(part.removeprefix(_NOT)) for part in rest if part.startswith(_NOT))
        jitters = [duration(part.removeprefix(_JITTER)) for part in rest if part.startswith(_JITTER)]
        if len(closed) + len(jitters) != len(rest) or 0 in jitters:
            raise SettingsError(f'"{text}" is no plan', hint="apply the landlord's file again")
        return cls.of(Schedule.parse(first), closed, max(jitters, default=0))

    @property
    def text(self) -> str:
        """In words: "daily 04:30, jitter 300 seconds, not sun 02:00-06:00"."""
        jitter = [f"{_JITTER}{self.jitter} seconds"] if self.jitter else []
        return ", ".join([self.schedule.text, *jitter, *(f"{_NOT}{window.text}" for window in self.closed)])

    def next_after(self, instant: datetime, zone: str | ZoneInfo, *, key: str) -> datetime | None:
        """The first slot after an aware instant, in UTC; None for a manual schedule. `key`: whom it is for."""
        zone = ZoneInfo(zone) if isinstance(zone, str) else zone
        delay = self._delay(key)
        # Moving keeps the order of slots, so the first that lands after the instant follows from one look back.
        landed = self._latest_within(self._latest_within(instant, zone) - delay, zone)
        slot = self.schedule.next_after(landed, zone)
        return None if slot is None else self._opening(self._opening(slot, zone) + delay, zone)

    def _delay(self, key: str) -> timedelta:
        drawn = int.from_bytes(sha256(f"{key} {self.schedule.text}".encode()).digest()[:8])
        return timedelta(seconds=drawn % (self.jitter + 1))

    def _opening(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant itself, or the end of the windows it is in."""
        while (found := around(instant, self.closed, zone)) is not None:
            instant = found[1]
        return instant

    def _latest_within(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The latest instant that `_opening` does not move beyond the one given."""
        while (found := around(instant, self.closed, zone)) is not None:
            instant = found[0] - _INSTANT
        return instant
