"""Which debts a payment settles (Civil Code art. 1342-10), and when a provider is asked again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.allocation import Debt, Share, allocate, outstanding, split, split_rest
from hub.domain.payments import OPEN, PaymentState
from hub.domain.polling import next_check

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEBTS = st.lists(st.tuples(st.integers(-400, 60), st.integers(1, 90_000)), min_size=1, max_size=8).map(
    lambda rows: [Debt(str(n), TODAY + timedelta(days=day), cents) for n, (day, cents) in enumerate(rows)]
)


def debt(key: str, day: date, cents: int) -> Debt:
    return Debt(key, day, cents)


OLD, NEW, LATER = (
    debt("sept", date(2026, 9, 5), 30_000),
    debt("nov", date(2026, 11, 5), 30_000),
    debt("dec", date(2026, 12, 5), 30_000),
)


def shares(cents: int, debts: list[Debt], *chosen: str) -> dict[str, int]:
    return {one.key: one.amount_cents for one in allocate(cents, debts, today=TODAY, chosen=chosen).shares}


def test_the_oldest_debt_that_has_fallen_due_comes_first() -> None:
    assert shares(40_000, [LATER, NEW, OLD]) == {"sept": 30_000, "nov": 10_000}


def test_what_has_not_fallen_due_comes_last() -> None:
    assert shares(70_000, [LATER, OLD, NEW]) == {"sept": 30_000, "nov": 30_000, "dec": 10_000}
    due_today = debt("today", TODAY, 10_000)
    assert shares(5_000, [debt("tomorrow", TODAY + timedelta(days=1), 10_000), due_today]) == {"today": 5_000}


def test_debts_of_one_day_are_settled_pro_rata_by_the_largest_remainder() -> None:
    day = date(2026, 11, 5)
    three = [debt("rent", day, 10_000), debt("water", day, 10_000), debt("garage", day, 10_000)]
    assert shares(10_000, three) == {"rent": 3_334, "water": 3_333, "garage": 3_333}
    uneven = [debt("rent", day, 70_000), debt("water", day, 20_000), debt("garage", day, 10_000)]
    assert shares(101, uneven) == {"rent": 71, "water": 20, "garage": 10}
    assert shares(105, uneven) == {"rent": 74, "water": 21, "garage": 10}  # 73.5 and 10.5: the first of equals


def test_debts_the_tenant_chose_come_first_in_that_order() -> None:
    assert shares(70_000, [OLD, NEW, LATER], "dec", "nov") == {"dec": 30_000, "nov": 30_000, "sept": 10_000}
    assert shares(10_000, [OLD, NEW], "nov", "nov", "gone") == {"nov": 10_000}


def test_what_is_left_over_is_an_advance() -> None:
    found = allocate(50_000, [OLD], today=TODAY)
    assert (found.shares, found.advance_cents) == ((Share("sept", 30_000),), 20_000)
    assert (found.strategy, found.version) == ("fr_1342_10", 1)
    assert allocate(500, [], today=TODAY).advance_cents == 500


@settings(max_examples=500, deadline=None)
@given(DEBTS, st.integers(0, 900_000), st.data())
def test_shares_add_up_and_no_debt_is_paid_more_than_it_is(debts: list[Debt], cents: int, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from([one.key for one in debts]), max_size=3))
    found = allocate(cents, debts, today=TODAY, chosen=chosen)
    held = {one.key: one.amount_cents for one in debts}
    assert sum(one.amount_cents for one in found.shares) + found.advance_cents == cents
    assert all(0 < one.amount_cents <= held[one.key] for one in found.shares)
    assert found.advance_cents == max(0, cents - sum(held.values()))


@settings(max_examples=500, deadline=None)
@given(DEBTS, st.integers(0, 900_000))
def test_no_debt_is_touched_while_one_before_it_is_left(debts: list[Debt], cents: int) -> None:
    paid = shares(cents, debts)
    for first in debts:
        for other in debts:
            if (first.due_on > TODAY, first.due_on) < (other.due_on > TODAY, other.due_on) and other.key in paid:
                assert paid.get(first.key) == first.amount_cents


@settings(max_examples=500, deadline=None)
@given(DEBTS, st.integers(0, 900_000))
def test_what_is_outstanding_is_the_charges_less_the_credits(debts: list[Debt], credited: int) -> None:
    left = outstanding(debts, credited, today=TODAY)
    assert sum(one.amount_cents for one in left) == max(0, sum(one.amount_cents for one in debts) - credited)
    assert all(one.amount_cents > 0 for one in left)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**8), min_size=1, max_size=6))
def test_a_split_adds_up_and_is_a_cent_from_exact_at_most(cents: int, weights: list[int]) -> None:
    found, total = split(cents, weights), sum(weights)
    assert sum(found) == (cents if total else 0)
    assert all(
        abs(share * total - cents * weight) < total for share, weight in zip(found, weights, strict=True) if total
    )


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=5))
def test_a_total_that_grows_step_by_step_adds_up_at_every_step(weights: list[int], steps: list[int]) -> None:
    given_, total = [0] * len(weights), 0
    for step in steps:
        total = min(total + step, sum(weights))
        given_ = [has + more for has, more in zip(given_, split_rest(total, weights, given_), strict=True)]
        assert sum(given_) == total
        assert all(has <= weight for has, weight in zip(given_, weights, strict=True))


def test_the_alabama_paradox_takes_nothing_back() -> None:
    """11 cents split anew would give the third account 1, and it has 2 of the first 10 already."""
    weights = [6, 6, 2]
    assert (split(10, weights), split(11, weights)) == ([4, 4, 2], [5, 5, 1])
    assert split_rest(11, weights, [4, 4, 2]) == [1, 0, 0]


def test_more_than_all_weights_is_split_by_them() -> None:
    assert split_rest(30, [6, 2, 2], [6, 2, 2]) == [12, 4, 4]
    assert split_rest(5, [6, 2, 2], [6, 2, 2]) == [0, 0, 0]


# --- asking again ---------------------------------------------------------------------------------------------------


def seconds(state: PaymentState, checks: int) -> float | None:
    due = next_check(state, checks, now=NOW)
    return None if due is None else (due - NOW).total_seconds()


@pytest.mark.parametrize("state", [PaymentState.CREATED, PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING])
def test_an_open_payment_is_asked_after_1_5_15_60_minutes_6_and_24_hours_and_then_daily(state: PaymentState) -> None:
    assert [seconds(state, n) for n in range(8)] == [60, 300, 900, 3600, 21_600, 86_400, 86_400, 86_400]


def test_what_nobody_knows_is_asked_within_seconds() -> None:
    found = [seconds(PaymentState.UNKNOWN, n) for n in range(12)]
    assert found[:3] == [2, 8, 30]
    assert found == sorted(found, key=lambda one: one or 0)
    assert found[-1] == 86_400


def test_an_open_or_promised_payment_is_never_given_up() -> None:
    for state in (*OPEN, PaymentState.AUTHORIZED):
        assert seconds(state, 1_000) == 86_400


@pytest.mark.parametrize("state", [PaymentState.CANCELED, PaymentState.EXPIRED])
def test_an_end_without_money_is_looked_at_twice_more(state: PaymentState) -> None:
    assert [seconds(state, n) for n in range(3)] == [3600, 86_400, None]


@pytest.mark.parametrize(
    "state",
    [
        PaymentState.SUCCEEDED,
        PaymentState.FAILED,
        PaymentState.REVIEW,
        PaymentState.REFUNDED,
        PaymentState.CHARGED_BACK,
    ],
)
def test_what_is_settled_is_left_alone(state: PaymentState) -> None:
    assert seconds(state, 0) is None
