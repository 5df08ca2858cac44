"""Late is what the schedule cannot explain, over weekends and changes of the clocks too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.lateness import late_after, latest_slot
from hub.domain.plan import Plan
from hub.domain.schedule import Schedule
from hub.domain.windows import Window

PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "as_of", "late"),
    [
        ("daily 04:30", "2026-11-18T03:30:05", "2026-11-19T15:30:05"),  # read at the slot itself: a day and a half
        ("daily 04:30", "2026-11-17T22:00:00", "2026-11-19T10:00:00"),  # exported the evening before
        ("weekdays 04:30", "2026-11-20T03:30:05", "2026-11-24T15:30:05"),  # Friday's data is Tuesday's at the latest
        ("weekdays 04:30", "2026-11-18T03:30:05", "2026-11-19T15:30:05"),
        ("every 4 hours", "2026-11-18T08:10:00", "2026-11-18T14:10:00"),
        ("every 1 minute", "2026-11-18T08:10:00", "2026-11-18T08:26:00"),  # never before a quarter of an hour
    ],
)
def test_data_is_late_after_one_and_a_half_periods(schedule: str, as_of: str, late: str) -> None:
    assert late_after(Plan.parse(schedule), at(as_of), PARIS, key="aubes") == at(late)


def test_manual_data_is_never_late() -> None:
    assert late_after(Plan.parse("manual"), at("2020-01-01T00:00:00"), PARIS, key="aubes") is None


def test_a_year_of_good_nights_is_never_late() -> None:
    """Each night's data, exported at most a day before its slot, is good until the next one has had hours to come."""
    for text in ("daily 02:30", "weekdays 04:30"):
        schedule, slot = Schedule.parse(text), at("2026-01-01T00:00:00")
        for _ in range(250):
            slot = schedule.next_after(slot, PARIS) or slot
            following = schedule.next_after(slot, PARIS)
            for age in (timedelta(0), timedelta(hours=8)):
                deadline = late_after(Plan(schedule), slot - age, PARIS, key="aubes")
                assert following is not None
                assert deadline is not None
                assert deadline - following >= timedelta(hours=3)


def test_the_latest_slot_is_the_one_that_has_come() -> None:
    daily = Schedule.parse("daily 07:00")
    assert latest_slot(daily, at("2026-11-20T05:59:59"), PARIS) == at("2026-11-19T06:00:00")
    assert latest_slot(daily, at("2026-11-20T06:00:00"), PARIS) == at("2026-11-20T06:00:00")


def test_a_quiet_night_makes_nothing_late() -> None:
    plan = Plan.of(Schedule.parse("every 15 minutes"), (Window.parse("22:00-04:00"),))
    last_before = at("2026-11-20T20:45:00")  # 21:45 in Paris
    deadline = late_after(plan, last_before, PARIS, key="aubes")
    assert deadline is not None
    assert deadline > at("2026-11-21T03:15:00")  # the night ends at 03:00 UTC
    assert late_after(plan, at("2026-11-20T12:01:00"), PARIS, key="aubes") == at("2026-11-20T12:31:00")
