"""Numbered inputs: what follows what, when numbers begin again, how a gap is told."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.sequence import Numbering, Position, Restarts, missing

DAY = date(2026, 12, 31)
NEVER = Numbering(r"ECR_(\d+)")


def at(number: int, period: str = "") -> Position:
    return Position(period, number)


@pytest.mark.parametrize(
    ("restarts", "period"), [("never", ""), ("yearly", "2026"), ("monthly", "2026-12"), ("daily", "2026-12-31")]
)
def test_a_number_is_read_from_a_name_within_its_period(restarts: Restarts, period: str) -> None:
    found = Numbering(r"ECR_(\d+)", restarts).read("compta/ECR_0042.csv", DAY)
    assert at(42, period) == found
    assert found == Position.parse(found.text)


def test_a_position_is_remembered_with_what_it_was_counted_by() -> None:
    kept = NEVER.keep(at(42))
    assert at(42) == NEVER.recall(kept) == Numbering(r"ECR_(\d+)", resume_at=9).recall(kept)
    assert Numbering(r"ECR_(\d+)", "daily").recall(kept) is None
    assert Numbering(r"SEQ_(\d+)").recall(kept) is None
    assert NEVER.recall(None) is None


def test_a_name_without_a_number_has_none() -> None:
    assert NEVER.read("compta/REPRISE.csv", DAY) is None


@pytest.mark.parametrize(
    ("last", "new", "step"),
    [
        (None, at(77), "next"),
        (at(41), at(42), "next"),
        (at(41), at(41), "again"),
        (at(41), at(40), "earlier"),
        (at(41), at(43), "gap"),
        (at(412, "2026"), at(1, "2027"), "next"),
        (at(412, "2026"), at(2, "2027"), "gap"),
        (at(3, "2027"), at(412, "2026"), "earlier"),
    ],
)
def test_how_one_number_follows_another(last: Position | None, new: Position, step: str) -> None:
    assert step == NEVER.step(last, new)


def test_a_person_may_say_where_to_go_on() -> None:
    resumed = Numbering(r"ECR_(\d+)", resume_at=43)
    assert ("next", "gap") == (resumed.step(at(41), at(43)), resumed.step(at(41), at(44)))
    assert "next" == Numbering(r"ECR_(\d+)", resume_at=1).step(at(412), at(1))


def test_what_is_missing_is_named() -> None:
    assert "42 is missing" == missing(at(41), at(43))
    assert "42 to 44 are missing" == missing(at(41), at(45))
    assert "2 of 2026-11-21 is missing" == missing(at(1, "2026-11-21"), at(3, "2026-11-21"))
    assert "1 of 2027 is missing" == missing(at(9, "2026"), at(2, "2027"))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_whatever_order_files_come_in_each_is_read_once_and_none_before_its_turn(sent: list[int]) -> None:
    last: Position | None = None
    read: list[int] = []
    there: set[int] = {0}
    for number in sent:
        there.add(number)
        for one in sorted(there):
            if NEVER.step(last, at(one)) == "next":
                last = at(one)
                read.append(one)
    assert read == list(range(len(read)))
    assert len(read) == next(n for n in range(32) if n not in there)
