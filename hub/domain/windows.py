"""Times of day when nothing may begin: quiet hours of a landlord, maintenance windows of its ERP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hub.domain.schedule import instant_of
from hub.errors import SettingsError

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED: Final = {"daily": range(1, 8), "weekdays": range(1, 6)} | {
    name: range(number, number + 1) for number, name in enumerate(_DAYS, start=1)
}
_WINDOW: Final = re.compile(r"(?:([a-z]+) )?(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_GRAMMAR: Final = 'write "22:00-04:00", "weekdays 08:00-18:00" or "sun 02:00-06:00"'
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """A parsed window, its begin within and its end without, both local minutes of a day.

    `days`: ISO weekdays it begins on. An end that is not after its begin is on the next day.
    """

    text: str
    days: range
    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read "22:00-04:00", "weekdays 08:00-18:00" or "sun 02:00-24:00". Raises SettingsError."""
        plain = " ".join(text.lower().split())
        found = _WINDOW.fullmatch(plain)
        days = _NAMED.get(found[1] or "daily") if found else None
        if found is None or days is None:
            raise SettingsError(f'"{text}" is no window', hint=_GRAMMAR)
        hours = [int(part) for part in found.groups()[1:]]
        begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if max(hours[1], hours[3]) > 59 or begin >= _DAY or end > _DAY or begin == end:
            raise SettingsError(f'"{text}" is no window between two times of day', hint=_GRAMMAR)
        return cls(plain if found[1] else f"daily {plain}", days, begin, end)

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Its begin and end in UTC on a local date; None where it has none that day.

        An hour that comes twice in autumn is within it both times; one that is skipped in spring takes nothing away.
        """
        if day.isoweekday() not in self.days:
            return None
        last = day + timedelta(days=1) if self.end <= self.begin or self.end == _DAY else day
        begin = instant_of(day, _time(self.begin), zone)
        return begin, instant_of(last, _time(self.end % _DAY), zone, last=True)

    def minutes_of_week(self) -> Iterator[int]:
        """Every minute it takes of a week without a change of clocks, from Monday 00:00."""
        length = (self.end - self.begin - 1) % _DAY + 1
        for day in self.days:
            first = (day - 1) * _DAY + self.begin
            yield from ((first + minute) % (7 * _DAY) for minute in range(length))


def leave_no_time(windows: Iterable[Window]) -> bool:
    """Whether the windows together take the whole week: nothing could ever begin."""
    return len({minute for window in windows for minute in window.minutes_of_week()}) == 7 * _DAY


def around(instant: datetime, windows: Iterable[Window], zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The window an instant is in, from the earliest begin to the latest end of those that hold it; None: in none."""
    local = instant.astimezone(zone).date()
    days = [local + timedelta(days=shift) for shift in (-2, -1, 0, 1)]
    spans = [span for window in windows for day in days if (span := window.on(day, zone))]
    holding = [span for span in spans if span[0] <= instant < span[1]]
    return (min(span[0] for span in holding), max(span[1] for span in holding)) if holding else None


def _time(minutes: int) -> time:
    return time(*divmod(minutes, 60))
