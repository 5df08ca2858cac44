"""When a feed runs: a few plain words, one instant a slot, whatever the clocks do in March and October."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.errors import SettingsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"second": 1, "minute": 60, "hour": 3600}
_DURATION = re.compile(r"(?:(\d{1,6}) )?(second|minute|hour)s?")
_AT = re.compile(r"(daily|weekdays) (\d{2}):(\d{2})")
_GRAMMAR = 'write "daily 04:30", "weekdays 04:30", "every 15 minutes" or "manual"'


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule. `text`: its plain form. Either `at` (a local time of day) or `seconds`; neither is manual."""

    text: str
    at: time | None = None
    seconds: int | None = None
    weekdays_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read "daily 04:30", "weekdays 04:30", "every 15 minutes" or "manual". Raises SettingsError."""
        plain = " ".join(text.lower().split())
        if plain == "manual":
            return cls(plain)
        if found := _AT.fullmatch(plain):
            return cls(plain, at=_time(int(found[2]), int(found[3])), weekdays_only=found[1] == "weekdays")
        if plain.startswith("every ") and (seconds := duration(plain.removeprefix("every "))):
            return cls(plain, seconds=seconds)
        raise SettingsError(f'"{text}" is no schedule', hint=_GRAMMAR)

    def next_after(self, instant: datetime, zone: str | ZoneInfo) -> datetime | None:
        """The first slot after an aware instant, in UTC; None for a manual schedule.

        A local time that is skipped in spring runs at the instant the clocks jump; one that comes twice in autumn runs
        the first time only. Intervals count from 1 January 1970 UTC: every machine has the same slots.
        """
        if self.seconds is not None:
            step = timedelta(seconds=self.seconds)
            return _EPOCH + ((instant - _EPOCH) // step + 1) * step
        if self.at is None:
            return None
        return self._next_day(self.at, instant, ZoneInfo(zone) if isinstance(zone, str) else zone)

    def _next_day(self, at: time, instant: datetime, zone: ZoneInfo) -> datetime:
        # A slot moved by a gap may belong to the day before the instant's local one.
        day = instant.astimezone(zone).date() - timedelta(days=1)
        while not self._runs_on(day) or instant_of(day, at, zone) <= instant:
            day += timedelta(days=1)
        return instant_of(day, at, zone)

    def _runs_on(self, day: date) -> bool:
        return not self.weekdays_only or day.isoweekday() <= 5


def duration(text: str) -> int:
    """The seconds of "5 minutes", "hour", "30 seconds"; 0 for what is none."""
    found = _DURATION.fullmatch(" ".join(text.lower().split()))
    return int(found[1] or 1) * _UNITS[found[2]] if found else 0


def _time(hour: int, minute: int) -> time:
    try:
        return time(hour, minute)
    except ValueError:
        raise SettingsError(f"{hour:02}:{minute:02} is no time of day", hint=_GRAMMAR) from None


def instant_of(day: date, at: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The one instant, in UTC, of a local time on a date: the first of two unless the last is asked for, and where the
    clocks jump over it the instant of the jump."""
    local = datetime.combine(day, at.replace(fold=int(last)), tzinfo=zone)
    instant = local.astimezone(UTC)
    exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    if exists:
        return instant
    return _jump(local.replace(fold=1).astimezone(UTC), local.replace(fold=0).astimezone(UTC), zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (before, after] at which the zone's offset changes, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
