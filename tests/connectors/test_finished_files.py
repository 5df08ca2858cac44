"""A file without control file is taken once its size and time stand still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from erp_connectors.sftp_files.looks import Looks
from hub.testing.fakes import MemoryState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def look(state: MemoryState, *, minutes: float, size: int, modified: datetime | None = NOON) -> bool:
    looks = Looks(state, "ledger", NOON + timedelta(minutes=minutes), 60)
    try:
        return looks.unchanged("compta/a.csv", size, modified)
    finally:
        looks.keep()


def test_a_file_is_finished_when_it_stands_still_between_two_looks():
    state = MemoryState()
    assert [look(state, minutes=minutes, size=10) for minutes in (1, 1.5, 2.1)] == [False, False, True]


def test_a_growing_file_is_never_finished():
    state = MemoryState()
    assert not any(look(state, minutes=minutes, size=minutes) for minutes in range(1, 10))


def test_a_file_written_anew_with_the_same_size_starts_again():
    state = MemoryState()
    look(state, minutes=1, size=10)
    assert not look(state, minutes=3, size=10, modified=NOON + timedelta(minutes=2))


def test_an_old_file_needs_no_second_look_and_no_memory():
    state = MemoryState()
    assert look(state, minutes=1, size=10, modified=NOON - timedelta(days=2))
    assert state.values == {}


def test_without_a_time_the_size_alone_has_to_stand_still():
    state = MemoryState()
    assert [look(state, minutes=minutes, size=size, modified=None) for minutes, size in ((1, 9), (3, 10), (5, 10))] == [
        False,
        False,
        True,
    ]


def test_files_that_are_gone_are_forgotten():
    state = MemoryState()
    look(state, minutes=1, size=10)
    Looks(state, "ledger", NOON, 60).keep()
    assert "a.csv" not in state.get("looks:ledger")
