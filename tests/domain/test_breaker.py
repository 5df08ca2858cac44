"""A breaker opens after failures one upon the other, waits longer each time, and closes with the first answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker, refusal

NOW = datetime(2026, 11, 20, 3, 51, tzinfo=UTC)


def failed(times: int, held: Breaker | None = None, now: datetime = NOW) -> Breaker:
    held = held or Breaker()
    for _ in range(times):
        held = held.tried(now).failed("DEADLINE", now)
    return held


def test_it_opens_with_the_third_failure_in_a_row_for_a_minute() -> None:
    assert (failed(2).state, failed(2).holds(NOW)) == ("closed", False)
    held = failed(3)
    assert (held.state, held.open_until, held.opened_at) == ("open", NOW + timedelta(minutes=1), NOW)
    assert held.holds(NOW)
    assert not held.holds(NOW + timedelta(minutes=1))


def test_an_answer_between_failures_begins_the_count_anew() -> None:
    assert failed(2, failed(2).answered()).state == "closed"


def test_its_pauses_double_up_to_half_an_hour_and_the_outage_keeps_its_begin() -> None:
    held, now, pauses = failed(3), NOW, []
    for _ in range(8):
        assert held.open_until is not None
        pauses.append((held.open_until - now) // timedelta(minutes=1))
        now = held.open_until
        assert held.tried(now).state == "half_open"
        held = failed(1, held, now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert held.opened_at == NOW


def test_nothing_passes_before_its_time_and_a_trial_that_is_answered_closes_it() -> None:
    held = failed(3)
    assert held.tried(NOW + timedelta(seconds=59)) == held
    trial = held.tried(NOW + timedelta(seconds=60))
    assert trial.state == "half_open"
    assert trial.answered() == Breaker()


def test_it_waits_as_long_as_the_far_side_asked() -> None:
    held = failed(2).failed("RATE_LIMITED", NOW, at_least=timedelta(hours=2))
    assert held.open_until == NOW + timedelta(hours=2)


def test_a_refusal_says_until_when_and_what_opened_it() -> None:
    error = refusal(failed(3), "rives-doise", "erp")
    assert error.message == "the breaker of erp is open until 03:52 UTC, opened by DEADLINE"
    assert "housing-hub connectors reset rives-doise erp" in error.hint


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4000)), max_size=40))
def test_whatever_happens_it_is_tried_again_within_half_an_hour(story: list[tuple[bool, int]]) -> None:
    held, now, in_a_row = Breaker(), NOW, 0
    for answers, seconds in story:
        now += timedelta(seconds=seconds)
        if held.holds(now):
            assert held.open_until is not None
            assert held.open_until - now <= LONGEST_PAUSE
            continue
        held = held.tried(now)
        held = held.answered() if answers else held.failed("UNREACHABLE", now)
        in_a_row = 0 if answers else in_a_row + 1
        assert held.holds(now) == (in_a_row >= FAILURES)
        assert held.failures == in_a_row
    assert FIRST_PAUSE < LONGEST_PAUSE
