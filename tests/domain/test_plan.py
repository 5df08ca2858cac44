"""Quiet hours, maintenance and jitter move slots; each stays one slot, whatever the clocks do."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.plan import Plan
from hub.domain.schedule import Schedule
from hub.domain.windows import Window, leave_no_time
from hub.errors import SettingsError

PARIS = "Europe/Paris"
ZONES = [PARIS, "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Cayenne", "UTC"]


def plan(text: str, *windows: str, jitter: int = 0) -> Plan:
    return Plan.of(Schedule.parse(text), tuple(map(Window.parse, windows)), jitter)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(made: Plan, start: datetime, end: datetime, zone: str = PARIS, key: str = "rives-doise") -> list[datetime]:
    found, instant = [], start
    while (following := made.next_after(instant, zone, key=key)) is not None and following < end:
        assert following > instant
        found.append(instant := following)
    return found


def local(found: list[datetime], zone: str = PARIS) -> list[str]:
    return [one.astimezone(ZoneInfo(zone)).strftime("%a %d %H:%M:%S") for one in found]


def test_a_slot_within_quiet_hours_runs_once_when_they_end() -> None:
    made = plan("daily 23:30", "22:00-04:00")
    assert local(slots(made, utc("2026-01-05"), utc("2026-01-08"))) == [
        "Mon 05 04:00:00",
        "Tue 06 04:00:00",
        "Wed 07 04:00:00",
    ]


def test_the_many_slots_of_a_quiet_night_become_one() -> None:
    made = plan("every 15 minutes", "22:00-04:00")
    found = local(slots(made, utc("2026-01-05 20:30"), utc("2026-01-06 03:20")))
    assert found == ["Mon 05 21:45:00", "Tue 06 04:00:00", "Tue 06 04:15:00"]


def test_a_window_of_one_weekday_leaves_the_others_alone() -> None:
    made = plan("daily 04:30", "sun 02:00-06:00")
    assert local(slots(made, utc("2026-01-09 12:00"), utc("2026-01-12 12:00"))) == [
        "Sat 10 04:30:00",
        "Sun 11 06:00:00",
        "Mon 12 04:30:00",
    ]


def test_windows_that_touch_are_one() -> None:
    made = plan("daily 01:00", "23:30-00:30", "00:30-02:00", "01:45-03:15")
    assert local(slots(made, utc("2026-01-05"), utc("2026-01-05 12:00"))) == ["Mon 05 03:15:00"]


def test_a_whole_day_can_be_quiet() -> None:
    made = plan("daily 12:00", "sun 00:00-24:00")
    found = local(slots(made, utc("2026-01-10"), utc("2026-01-12 12:00")))
    assert found == ["Sat 10 12:00:00", "Mon 12 00:00:00", "Mon 12 12:00:00"]


def test_two_hundred_landlords_do_not_begin_in_one_second() -> None:
    made = plan("daily 04:30", jitter=300)
    begun = [made.next_after(utc("2026-01-05"), PARIS, key=f"landlord-{number}") for number in range(200)]
    assert min(begun) >= utc("2026-01-05 03:30")  # type: ignore[type-var]
    assert max(begun) <= utc("2026-01-05 03:35")  # type: ignore[type-var]
    assert max(Counter(begun).values()) <= 6
    assert len(set(begun)) > 100


def test_jitter_also_parts_those_a_window_moved_to_the_same_end_and_never_leads_into_a_window() -> None:
    made = plan("daily 03:00", "02:00-04:00", "04:02-04:30", jitter=300)
    keys = [f"landlord-{number}" for number in range(50)]
    begun = {key: slots(made, utc("2026-01-05"), utc("2026-01-06"), key=key) for key in keys}
    assert all(len(found) == 1 for found in begun.values())
    times = {found[0].astimezone(ZoneInfo(PARIS)).strftime("%H:%M") for found in begun.values()}
    assert times == {"04:00", "04:01", "04:30"}


def test_a_landlord_is_delayed_alike_each_night() -> None:
    found = slots(plan("daily 04:30", jitter=3600), utc("2026-01-05"), utc("2026-02-05"))
    assert len({one.astimezone(ZoneInfo(PARIS)).time() for one in found}) == 1


def test_a_manual_plan_has_no_slot() -> None:
    assert plan("manual", "22:00-04:00", jitter=60).next_after(utc("2026-01-05"), PARIS, key="k") is None


@pytest.mark.parametrize(
    ("zone", "first", "nights"),
    [
        (PARIS, "2026-03-27 12:00", ["Sat 28 02:30:00", "Sun 29 03:00:00", "Mon 30 02:30:00"]),
        (PARIS, "2026-10-23 12:00", ["Sat 24 02:30:00", "Sun 25 02:30:00", "Mon 26 02:30:00"]),
        (PARIS, "2028-02-27 12:00", ["Mon 28 02:30:00", "Tue 29 02:30:00", "Wed 01 02:30:00"]),
        (PARIS, "2027-02-26 12:00", ["Sat 27 02:30:00", "Sun 28 02:30:00", "Mon 01 02:30:00"]),
        ("Australia/Lord_Howe", "2026-10-02 12:00", ["Sat 03 02:30:00", "Sun 04 02:30:00", "Mon 05 02:30:00"]),
    ],
)
def test_nights_when_the_clocks_change_and_months_end_have_one_slot_each(
    zone: str, first: str, nights: list[str]
) -> None:
    made = plan("daily 02:30", "22:00-23:00")
    assert local(slots(made, utc(first), utc(first) + timedelta(days=3)), zone) != []
    assert local(slots(made, utc(first), utc(first) + timedelta(days=3), zone), zone) == nights


def test_the_hour_that_comes_twice_is_quiet_both_times() -> None:
    made = plan("every 10 minutes", "02:00-02:30")
    found = slots(made, utc("2026-10-24 23:45"), utc("2026-10-25 02:00"))
    assert [one.strftime("%H:%M") for one in found] == ["23:50", "01:30", "01:40", "01:50"]


def test_the_hour_that_is_skipped_makes_no_window_longer() -> None:
    made = plan("every 30 minutes", "02:15-02:45")
    found = slots(made, utc("2026-03-29 00:15"), utc("2026-03-29 02:15"))
    assert [one.strftime("%H:%M") for one in found] == ["00:30", "01:00", "01:30", "02:00"]


@pytest.mark.parametrize(
    "text",
    ["", "22-04", "22:00-22:00", "25:00-26:00", "12:00-24:30", "10:61-11:00", "24:00-01:00", "sunday 02:00-06:00"],
)
def test_what_is_no_window_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(SettingsError, match="weekdays 08:00-18:00"):
        Window.parse(text)


def test_windows_that_leave_no_time_are_refused() -> None:
    with pytest.raises(SettingsError, match="leave no time"):
        plan("daily 04:30", "00:00-12:00", "12:00-24:00")
    assert not leave_no_time([Window.parse("daily 00:00-23:59")])


@given(
    st.sampled_from(["daily 02:30", "weekdays 04:30", "every 47 minutes", "manual"]),
    st.lists(
        st.sampled_from(["22:00-04:00", "sun 02:00-06:00", "weekdays 08:00-18:00", "00:00-24:00"][:3]), max_size=3
    ),
    st.integers(0, 7200),
)
def test_a_plan_is_read_back_from_its_words(text: str, windows: list[str], jitter: int) -> None:
    made = plan(text, *windows, jitter=jitter)
    assert Plan.parse(made.text) == made


@pytest.mark.parametrize("text", ["daily 04:30, noon", "daily 04:30, jitter soon", "daily 04:30, not now"])
def test_words_that_are_no_plan_are_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        Plan.parse(text)


# --- against the plainest reading of the rule -------------------------------------------------------------------------


def quiet_at(instant: datetime, windows: tuple[Window, ...], zone: ZoneInfo) -> bool:
    """Whether the wall clock is within a window, to the minute."""
    wall = instant.astimezone(zone)
    minute = (wall.isoweekday() - 1) * 1440 + wall.hour * 60 + wall.minute
    return any(minute in _minutes(window) for window in windows)


@cache
def _minutes(window: Window) -> frozenset[int]:
    return frozenset(window.minutes_of_week())


_times = st.builds(lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(0, 1439))
_window = (
    st.tuples(st.sampled_from(["daily", "weekdays", "sun", "sat"]), _times, _times)
    .filter(lambda parts: parts[1] != parts[2])
    .map(lambda parts: Window.parse(f"{parts[0]} {parts[1]}-{parts[2]}"))
)
_changes = [
    date(2026, 3, 28),
    date(2026, 10, 24),
    date(2026, 4, 3),
    date(2026, 10, 2),
    date(2026, 3, 7),
    date(2026, 10, 31),
]
_starts = st.one_of(
    st.dates(date(2020, 1, 1), date(2032, 1, 1)),
    st.sampled_from([*_changes, date(2028, 2, 28), date(2027, 12, 30), date(2026, 2, 14), date(2026, 3, 21)]),
)
_schedules = st.one_of(
    _times.map(lambda at: f"daily {at}"), _times.map(lambda at: f"weekdays {at}"), st.just("every 40 minutes")
)


@settings(max_examples=60, deadline=None)
@given(
    _schedules, st.lists(_window, max_size=3), st.sampled_from([0, 0, 90, 900, 7200]), _starts, st.sampled_from(ZONES)
)
def test_every_slot_is_moved_out_of_its_windows_and_runs_exactly_once(
    text: str, windows: list[Window], jitter: int, first: date, zone_name: str
) -> None:
    if leave_no_time(windows):
        return
    schedule, zone = Schedule.parse(text), ZoneInfo(zone_name)
    made = Plan.of(schedule, tuple(windows), jitter)
    start = datetime.combine(first, time(), tzinfo=UTC)
    end = start + timedelta(days=3)
    found = slots(made, start, end, zone_name)
    assert not [one for one in found if quiet_at(one, made.closed, zone)]

    expected, slot = set(), start - timedelta(days=9)
    delay = made._delay("rives-doise")
    while slot < end:
        following = schedule.next_after(slot, zone)
        assert following is not None
        slot = following
        landed = made._opening(made._opening(slot, zone) + delay, zone)
        if start < landed < end:
            expected.add(landed)
    assert found == sorted(expected)
