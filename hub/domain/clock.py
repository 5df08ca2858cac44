"""Business time is given, never read: thirty days can be simulated."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Anything that tells the time, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def today(clock: Clock, time_zone: str) -> date:
    """The date it is at the landlord's: due dates are dates, not instants."""
    return clock.now().astimezone(ZoneInfo(time_zone)).date()
