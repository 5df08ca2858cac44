"""When data is late: older than its schedule can explain."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub.domain.plan import Plan
from hub.domain.schedule import Schedule

_PERIODS = 1.5
_GRACE = timedelta(minutes=15)
_LONGEST_GAP = timedelta(days=4)
"""Longer than any two slots of a daily schedule lie apart (Friday to Monday)."""


def late_after(plan: Plan, as_of: datetime, zone: str | ZoneInfo, *, key: str) -> datetime | None:
    """When data true at `as_of` begins to be late: after one and a half periods, and at least a quarter of an hour
    after the next one. None for a manual schedule. `key`: whom the plan is for.

    A period is the longest step between the slots around `as_of`: for weekdays only it is three days over a weekend,
    and for every few minutes it may be the quiet night.
    """
    first = plan.next_after(as_of, zone, key=key)
    if first is None:
        return None
    second = plan.next_after(first, zone, key=key) or first
    before = latest_slot(plan.schedule, as_of, zone) if plan.schedule.at is not None else None
    period = max(first - (before or as_of), second - first)
    return as_of + max(period * _PERIODS, period + _GRACE)


def latest_slot(schedule: Schedule, now: datetime, zone: str | ZoneInfo) -> datetime | None:
    """The newest slot of a daily schedule that has come; None for others."""
    if schedule.at is None:
        return None
    found, following = None, schedule.next_after(now - _LONGEST_GAP, zone)
    while following is not None and following <= now:
        found, following = following, schedule.next_after(following, zone)
    return found
