"""What a payment is follows from the set of what was heard of it: no order, no repetition makes a difference."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import OPEN, PAID, Asked, PaymentState, Projection, erp_totals, mismatch, project

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKED = Asked(10_000)
K, S = EventKind, PaymentState
NO_MONEY = (K.START_REFUSED, K.NOT_FOUND, K.REFUSED, K.ABANDONED, K.CANCELED, K.EXPIRED)
MONEY = (K.AUTHORIZED, K.CAPTURED)
_REASONS = ("", "insufficient_funds", "expired_card")


def heard(
    kind: EventKind, ref: str = "tx-1", cents: int | None = None, *, minute: int = 0, reason: str = ""
) -> PaymentEvent:
    """A fact with an id made from its content, as providers without ids of their own have it."""
    amount = 10_000 if cents is None and kind in MONEY else cents
    ident = f"{ref}:{kind}:{amount}:{minute}:{reason}"
    return PaymentEvent(ident, kind, NOON + timedelta(minutes=minute), ref, amount, "EUR", reason)


EVENTS = st.builds(
    heard,
    st.sampled_from(EventKind),
    st.sampled_from(["tx-1", "tx-2", "re-1", "re-2", "dp-1"]),
    st.sampled_from([None, 0, 1, 2_500, 10_000, 12_000]),
    minute=st.integers(0, 3),
    reason=st.sampled_from(_REASONS),
)
FITTING = EVENTS.map(lambda one: heard(one.kind) if one.kind in MONEY else one)
"""Events whose money is what was asked, of one transaction."""


# --- no order, no repetition ----------------------------------------------------------------------------------------


@settings(max_examples=1_000, deadline=None)
@given(st.data(), st.lists(EVENTS, max_size=8))
def test_any_order_and_any_repetition_give_the_same_projection(data: st.DataObject, events: list[PaymentEvent]) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    mixed = data.draw(st.permutations([*events, *again]))
    assert project(ASKED, mixed) == project(ASKED, events)


@settings(max_examples=500, deadline=None)
@given(st.lists(EVENTS, max_size=8))
def test_amounts_stay_within_what_came(events: list[PaymentEvent]) -> None:
    found = project(ASKED, events)
    assert 0 <= found.refunded_cents + found.lost_cents <= found.gross_cents
    assert 0 <= found.captured_cents <= found.gross_cents
    assert 0 <= found.refundable_cents <= found.net_cents <= found.gross_cents
    assert 0 <= found.contested_cents <= found.gross_cents


# --- states ---------------------------------------------------------------------------------------------------------

A, C = heard(K.AUTHORIZED), heard(K.CAPTURED)
REACHED: dict[PaymentState, list[PaymentEvent]] = {
    S.CREATED: [],
    S.ACTION_REQUIRED: [heard(K.STARTED)],
    S.PROCESSING: [heard(K.STARTED), heard(K.PROCESSING)],
    S.UNKNOWN: [heard(K.START_UNKNOWN)],
    S.AUTHORIZED: [heard(K.STARTED), A],
    S.SUCCEEDED: [A, C],
    S.FAILED: [heard(K.STARTED), heard(K.REFUSED, reason="insufficient_funds")],
    S.CANCELED: [heard(K.STARTED), heard(K.CANCELED, reason="by_tenant")],
    S.EXPIRED: [heard(K.STARTED), heard(K.EXPIRED)],
    S.REVIEW: [heard(K.CAPTURED, cents=9_999)],
    S.PARTIALLY_REFUNDED: [A, C, heard(K.REFUNDED, "re-1", 2_500)],
    S.REFUNDED: [A, C, heard(K.REFUNDED, "re-1", 2_500), heard(K.REFUNDED, "re-2", 7_500)],
    S.DISPUTED: [A, C, heard(K.DISPUTE_OPENED, "dp-1", 10_000)],
    S.CHARGED_BACK: [A, C, heard(K.DISPUTE_OPENED, "dp-1", 10_000), heard(K.DISPUTE_LOST, "dp-1")],
}


def test_every_state_is_reached() -> None:
    assert {state: project(ASKED, events).state for state, events in REACHED.items()} == {s: s for s in PaymentState}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([heard(K.START_REFUSED, reason="x")], S.FAILED),
        ([heard(K.NOT_FOUND)], S.EXPIRED),
        ([heard(K.STARTED), heard(K.ABANDONED)], S.CANCELED),
        ([heard(K.STARTED), heard(K.ATTEMPT_REFUSED, reason="insufficient_funds")], S.ACTION_REQUIRED),
        ([heard(K.START_UNKNOWN), heard(K.STARTED)], S.ACTION_REQUIRED),
        ([A, heard(K.CAPTURE_LOST, reason="capture_failed")], S.FAILED),
        ([A, C, heard(K.CAPTURE_LOST)], S.SUCCEEDED),
        ([A, C, heard(K.DISPUTE_OPENED, "dp-1", 10_000), heard(K.DISPUTE_WON, "dp-1")], S.SUCCEEDED),
        ([A, C, heard(K.REFUNDED, "re-1", 2_500), heard(K.REFUND_FAILED, "re-1")], S.SUCCEEDED),
    ],
)
def test_a_story_ends_in_its_state(events: list[PaymentEvent], state: PaymentState) -> None:
    assert project(ASKED, events).state is state


def test_a_refused_card_tells_its_reason() -> None:
    assert project(ASKED, REACHED[S.FAILED]).reason == "insufficient_funds"
    tries = [heard(K.STARTED), heard(K.ATTEMPT_REFUSED, reason="expired_card", minute=1)]
    assert project(ASKED, tries).reason == "expired_card"
    last = [*tries, heard(K.ATTEMPT_REFUSED, reason="insufficient_funds", minute=2)]
    assert {project(ASKED, each).reason for each in itertools.permutations(last)} == {"insufficient_funds"}


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from([*NO_MONEY, K.STARTED, K.START_UNKNOWN, K.ATTEMPT_REFUSED, K.PROCESSING]).map(
            lambda kind: heard(kind, minute=9)
        ),
        max_size=6,
    )
)
def test_money_that_came_is_never_taken_for_a_failure(others: list[PaymentEvent]) -> None:
    assert project(ASKED, [A, C, *others]) == project(ASKED, [A, C])
    assert project(ASKED, [C, *others]).state is S.SUCCEEDED
    assert project(ASKED, [A, *others]).state is S.AUTHORIZED


@given(st.sampled_from(NO_MONEY))
def test_a_failure_is_overturned_by_a_success_heard_later(kind: EventKind) -> None:
    failed = project(ASKED, [heard(K.STARTED), heard(kind)])
    assert failed.state not in OPEN | PAID
    assert project(ASKED, [heard(K.STARTED), heard(kind), heard(K.CAPTURED, minute=5)]).state is S.SUCCEEDED


# --- what does not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (heard(K.CAPTURED, cents=9_999), "other_amount"),
        (heard(K.AUTHORIZED, cents=10_001), "other_amount"),
        (PaymentEvent("x", K.CAPTURED, NOON, "tx-1", 10_000, "GBP"), "other_currency"),
        (PaymentEvent("x", K.AUTHORIZED, NOON, "tx-1", None), "other_amount"),
        (heard(K.MISMATCH, reason="other_mode"), "other_mode"),
        (heard(K.MISMATCH), "mismatch"),
        (heard(K.CAPTURED, "tx-2"), "paid_twice"),
    ],
)
def test_what_does_not_fit_is_for_a_person_and_nothing_is_told_to_the_erp(event: PaymentEvent, reason: str) -> None:
    first = C if reason == "paid_twice" else heard(K.STARTED)
    found = project(ASKED, [first, event])
    assert (found.state, found.reason) == (S.REVIEW, reason)
    assert erp_totals(found, told_cents=0) == (0, 0)
    assert erp_totals(found, told_cents=10_000) == (10_000, 0)
    assert project(ASKED, [first, event, heard(K.CLEARED, event.id)]).state is not S.REVIEW


@pytest.mark.parametrize("kind", sorted(set(EventKind) - set(MONEY)))
def test_only_money_is_measured_against_what_was_asked(kind: EventKind) -> None:
    assert mismatch(ASKED, PaymentEvent("x", kind, NOON, "tx-1", 1, "GBP")) == ""


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
def test_refunds_never_exceed_what_came(refunds: list[int]) -> None:
    events = [A, C, *(heard(K.REFUNDED, f"re-{place}", cents) for place, cents in enumerate(refunds))]
    found = project(ASKED, events)
    assert found.refunded_cents == min(sum(refunds), 10_000)
    assert found.net_cents == 10_000 - found.refunded_cents


def test_the_same_refund_told_under_another_id_counts_once() -> None:
    twice = [heard(K.REFUNDED, "re-1", 2_500, minute=1), heard(K.REFUNDED, "re-1", 2_500, minute=2)]
    assert project(ASKED, [A, C, *twice]).refunded_cents == 2_500


def test_contested_money_is_not_given_back_as_well() -> None:
    found = project(ASKED, [A, C, heard(K.DISPUTE_OPENED, "dp-1", 4_000), heard(K.REFUNDED, "re-1", 1_000)])
    assert (found.net_cents, found.refundable_cents) == (9_000, 5_000)


# --- what the ERP is told -------------------------------------------------------------------------------------------


def told_step_by_step(events: list[PaymentEvent]) -> tuple[int, int]:
    """What the ERP was told in all, when the plan is made anew after each event, as it is under the payment's lock."""
    paid = back = 0
    for count in range(1, len(events) + 1):
        wanted_paid, wanted_back = erp_totals(project(ASKED, events[:count]), told_cents=paid, back_cents=back)
        paid, back = max(paid, wanted_paid), max(back, wanted_back)
    return paid, back


@settings(max_examples=1_000, deadline=None)
@given(st.lists(FITTING.filter(lambda one: one.kind not in (K.MISMATCH, K.CLEARED)), max_size=8))
def test_what_the_erp_was_told_adds_up_to_what_the_landlord_has(events: list[PaymentEvent]) -> None:
    """Whatever was told on the way (a promise that fell through, a refund that came back) is set right."""
    paid, back = told_step_by_step(events)
    assert paid - back == project(ASKED, events).net_cents
    assert 0 <= back <= paid


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([heard(K.STARTED), heard(K.REFUSED)], (0, 0)),
        ([A], (10_000, 0)),
        ([A, C], (10_000, 0)),
        ([A, heard(K.CAPTURE_LOST)], (10_000, 10_000)),
        ([heard(K.CAPTURE_LOST), A], (0, 0)),
        ([A, C, heard(K.REFUNDED, "re-1", 2_500)], (10_000, 2_500)),
        ([A, C, heard(K.REFUNDED, "re-1", 2_500), heard(K.REFUND_FAILED, "re-1")], (12_500, 2_500)),
        ([A, heard(K.CAPTURE_LOST), heard(K.AUTHORIZED, "tx-2")], (20_000, 10_000)),
        ([A, C, heard(K.DISPUTE_OPENED, "dp-1", 10_000)], (10_000, 0)),
        ([A, C, heard(K.DISPUTE_OPENED, "dp-1", 10_000), heard(K.DISPUTE_LOST, "dp-1")], (10_000, 10_000)),
    ],
)
def test_what_the_erp_is_told_of_a_story(events: list[PaymentEvent], told: tuple[int, int]) -> None:
    assert told_step_by_step(events) == told


def test_a_projection_says_what_is_left() -> None:
    found = Projection(S.PARTIALLY_REFUNDED, 10_000, 10_000, 2_000, 1_000, 500)
    assert (found.net_cents, found.refundable_cents) == (7_000, 6_500)
