"""A year of slots where clocks change at night, at midnight or by half an hour: each once, whoever looks when."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from hub.domain.plan import Plan
from hub.domain.windows import around

ZONES = ("Europe/Paris", "America/Santiago", "Australia/Lord_Howe", "Pacific/Auckland")
BEGIN, END = datetime(2027, 12, 30, tzinfo=UTC), datetime(2029, 1, 3, tzinfo=UTC)  # around a year with a 29 February
PLANS = (
    "daily 02:30",
    "daily 00:00",
    "daily 23:59, jitter 900 seconds",
    "weekdays 04:30, not daily 22:00-04:00",
    "daily 03:00, jitter 300 seconds, not daily 22:00-04:00, not sun 02:00-06:00",
    "daily 01:30, not daily 23:30-01:45, not sat 23:00-03:30",
    "every 6 hours, not daily 22:00-04:00",
)


def slots(plan: Plan, zone: str) -> list[datetime]:
    found, at = [], BEGIN
    while at < END:
        following = plan.next_after(at, zone, key="rives-doise")
        assert following is not None
        found.append(following)
        at = following
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", PLANS)
def test_whenever_one_looks_the_next_slot_is_the_same(zone: str, text: str) -> None:
    """So a slot is neither passed over nor met twice, however late or often the schedules are looked at."""
    plan, rng = Plan.parse(text), Random(f"{zone} {text}")
    walked = slots(plan, zone)
    assert all(before < after for before, after in pairwise(walked))
    assert [] == [slot for slot in walked if around(slot, plan.closed, ZoneInfo(zone))]
    looks = [BEGIN + timedelta(seconds=rng.uniform(0, 366 * 86400)) for _ in range(150)]
    looks += [
        slot + shift for slot in rng.sample(walked[:-1], 60) for shift in (-timedelta(microseconds=1), timedelta())
    ]
    for look in looks:
        assert plan.next_after(look, zone, key="rives-doise") == walked[bisect_right(walked, look)], look


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", ["daily 02:30", "daily 00:00", "daily 03:00, jitter 300 seconds, not sun 02:00-06:00"])
def test_every_day_of_the_year_has_its_one_slot(zone: str, text: str) -> None:
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in slots(Plan.parse(text), zone)]
    year = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]
    assert year == [day for day in days if day.year == 2028]
    assert {date(2028, 2, 29), date(2028, 12, 31)} <= set(days)


@pytest.mark.parametrize("zone", ZONES)
def test_quiet_hours_across_midnight_move_an_evenings_slot_to_their_end_once(zone: str) -> None:
    here = ZoneInfo(zone)
    moved = slots(Plan.parse("daily 23:00, not daily 22:00-04:00"), zone)
    assert 366 == sum(slot.astimezone(here).year == 2028 for slot in moved)
    assert {(4, 0)} == {(slot.astimezone(here).hour, slot.astimezone(here).minute) for slot in moved}
