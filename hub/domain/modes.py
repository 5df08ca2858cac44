"""How a feed's input stands to what is held: all there is, what is new, or all there is between two dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

Mode = Literal["snapshot", "delta", "window"]

BY_ROWS: Final = "rows"
"""Written for days that are told by the input itself: those of its first and last row."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Covers:
    """Which days a window is complete for: the last `days` up to the day it was true at, that day included, and `ahead`
    days after it; None leaves it to the input's own rows."""

    days: int | None = None
    ahead: int = 0

    def of(self, day: date) -> Days | None:
        """The days an input of `day` is complete for; None where only its rows tell."""
        if self.days is None:
            return None
        return Days(day - timedelta(days=self.days - 1), day + timedelta(days=self.ahead))


def hole(last_seen: date, days: Days) -> Days | None:
    """The days that no window brought: after the last day data was read on, and before the first of the new window."""
    if last_seen >= days.first - timedelta(days=1):
        return None
    return Days(last_seen + timedelta(days=1), days.first - timedelta(days=1))
