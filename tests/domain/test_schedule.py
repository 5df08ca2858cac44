"""Schedules in plain words give one slot a day, also on the days the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.schedule import Schedule
from hub.errors import SettingsError

PARIS = "Europe/Paris"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(text: str, start: str, count: int, zone: str = PARIS) -> list[str]:
    schedule, instant, found = Schedule.parse(text), utc(start), []
    for _ in range(count):
        following = schedule.next_after(instant, zone)
        assert following is not None
        instant = following
        found.append(instant.strftime("%Y-%m-%d %H:%M:%S"))
    return found


def test_a_daily_slot_is_local_time_in_winter_and_summer() -> None:
    assert slots("daily 04:30", "2026-01-10", 2) == ["2026-01-10 03:30:00", "2026-01-11 03:30:00"]
    assert slots("daily 04:30", "2026-07-10", 1) == ["2026-07-10 02:30:00"]


def test_a_slot_is_after_the_instant_never_at_it() -> None:
    assert slots("daily 04:30", "2026-01-10 03:30", 1) == ["2026-01-11 03:30:00"]


def test_weekdays_leave_out_saturday_and_sunday() -> None:
    assert slots("weekdays 04:30", "2026-01-09 12:00", 1) == ["2026-01-12 03:30:00"]


def test_a_slot_in_the_spring_gap_runs_once_when_the_clocks_jump() -> None:
    expected = ["2026-03-28 01:30:00", "2026-03-29 01:00:00", "2026-03-30 00:30:00"]
    assert slots("daily 02:30", "2026-03-28", 3) == expected


def test_a_slot_that_comes_twice_in_autumn_runs_the_first_time_only() -> None:
    expected = ["2026-10-24 00:30:00", "2026-10-25 00:30:00", "2026-10-26 01:30:00"]
    assert slots("daily 02:30", "2026-10-24", 3) == expected


def test_a_day_that_a_zone_skipped_altogether_runs_when_the_next_begins() -> None:
    assert slots("daily 12:00", "2011-12-29 23:00", 2, "Pacific/Apia") == ["2011-12-30 10:00:00", "2011-12-30 22:00:00"]


def test_intervals_are_the_same_slots_on_every_machine() -> None:
    assert slots("every 15 minutes", "2026-01-10 10:07:31", 2) == ["2026-01-10 10:15:00", "2026-01-10 10:30:00"]
    assert slots("every 30 seconds", "2026-01-10 10:00:00", 1) == ["2026-01-10 10:00:30"]
    assert slots("Every  hour", "2026-01-10 10:07", 1) == ["2026-01-10 11:00:00"]


def test_a_manual_schedule_has_no_slot() -> None:
    assert Schedule.parse("manual").next_after(utc("2026-01-10"), PARIS) is None


def test_the_zone_may_be_given_as_an_object() -> None:
    following = Schedule.parse("daily 00:00").next_after(utc("2026-01-10"), ZoneInfo("America/Cayenne"))
    assert following == utc("2026-01-10 03:00")


@pytest.mark.parametrize(
    "text", ["", "dayly 04:30", "daily 4:30", "daily 24:00", "every 0 minutes", "every -1 hours", "04:30"]
)
def test_what_is_no_schedule_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(SettingsError, match="every 15 minutes"):
        Schedule.parse(text)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),
    st.times(),
    st.sampled_from([PARIS, "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
)
def test_every_day_has_exactly_one_slot(start: datetime, at: object, zone: str) -> None:
    schedule, instant, days = Schedule.parse(f"daily {at:%H:%M}"), start.replace(tzinfo=UTC), []
    for _ in range(4):
        following = schedule.next_after(instant, zone)
        assert following is not None
        assert timedelta(0) < following - instant <= timedelta(hours=26)
        instant = following
        days.append(instant.astimezone(ZoneInfo(zone)).date())
    assert all(after - before == timedelta(days=1) for before, after in pairwise(days))
