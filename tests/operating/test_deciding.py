"""What only a person can decide about a payment: accept, state, give back; who and why is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.errors import ConflictError, InvalidAskError
from hub.paying.resolve import resolve
from hub.paying.story import tell_story

SLUG = "aubes"
CARD = "4111 1111 1111 1111"


async def decide(office: Any, held: Any, decision: Any, **how: Any) -> Any:
    known = {"why": "seen in the back office", "by": "anne", **how}
    return await resolve(office.parts, office.bell, SLUG, held.reference, decision=decision, **known)


async def test_what_came_is_accepted_and_the_erp_is_told_of_it(office: Any) -> None:
    held = await office.paid(came=29_900)
    await office.work()
    assert office.ledger.entered == [], "nothing is credited by guess"

    said = await office.type(
        "payments",
        "resolve",
        SLUG,
        held.reference[:6],
        "--accept",
        "--reason",
        f"told by phone, {CARD}",
        "--by",
        "anne",
    )
    await office.work()

    assert f"payment {held.reference} was review and is succeeded" in said.out
    assert [one.amount_cents for one in office.ledger.entered] == [29_900]
    story = await tell_story(office.parts, SLUG, held.reference)
    (cleared,) = [row for row in story.events if row.event.kind is EventKind.CLEARED]
    assert (cleared.event.reason, cleared.channel, cleared.told_by) == ("other_amount", "operator", "anne")
    assert cleared.event.ref == story.events[0].event.id, "it names the fact it is about"
    (act,) = story.acts
    assert (act.what, act.done_by) == ("accepted", "anne")
    assert act.why.startswith("told by phone")
    assert CARD not in act.why, "a card number is masked wherever it is typed"


async def test_what_was_accepted_says_nothing_of_what_comes_later(office: Any) -> None:
    held = await office.paid(came=29_900)
    await decide(office, held, "accept")

    await office.hear(held, office.captured(held, 30_000, ref="tx-second"))

    again = await office.payment(held.id)
    assert (again.state, again.reason) == ("review", "paid_twice")
    await office.work()
    assert [one.amount_cents for one in office.ledger.entered] == [29_900]


async def test_an_accepted_promise_is_not_asked_about_again_once_it_is_captured(office: Any) -> None:
    held = await office.begin()
    await office.hear(held, office.fact(EventKind.AUTHORIZED, ref="tx-1", cents=29_900))
    await decide(office, held, "accept")

    await office.hear(held, office.captured(held, 29_900, ref="tx-1"))
    assert (await office.payment(held.id)).state == "succeeded"


async def test_a_third_payment_is_looked_at_though_the_second_was_accepted(office: Any) -> None:
    held = await office.paid()
    await office.hear(held, office.captured(held, ref="tx-2"))
    await decide(office, held, "accept")
    assert ((await office.payment(held.id)).state, (await office.payment(held.id)).gross_cents) == ("succeeded", 60_000)

    await office.hear(held, office.captured(held, ref="tx-3"))
    assert (await office.payment(held.id)).reason == "paid_twice"


async def test_two_operators_at_once_decide_once(office: Any) -> None:
    held = await office.paid(came=29_900)

    done = await asyncio.gather(
        decide(office, held, "accept", by="anne"), decide(office, held, "accept", by="bruno"), return_exceptions=True
    )
    await office.work()

    (told,) = [one for one in done if isinstance(one, Exception)]
    assert isinstance(told, ConflictError)
    assert "it is" not in told.message and "the payment is succeeded" in told.message
    assert len(office.ledger.entered) == 1
    assert len((await tell_story(office.parts, SLUG, held.reference)).acts) == 1


async def test_a_payment_nobody_can_find_out_about_is_said_to_be_paid_once(office: Any) -> None:
    held = await office.begin()
    await office.hear(held, office.fact(EventKind.START_UNKNOWN))

    await decide(office, held, "paid", transaction="tx-of-the-bank")
    await office.hear(held, office.captured(held, ref="tx-of-the-bank"))
    await office.work()

    found = await office.payment(held.id)
    assert (found.state, found.gross_cents) == ("succeeded", 30_000), "told later by the provider, it counts once"
    assert [one.amount_cents for one in office.ledger.entered] == [30_000]


async def test_money_needs_the_name_the_provider_has_for_it(office: Any) -> None:
    held = await office.begin()
    with pytest.raises(InvalidAskError, match="second payment"):
        await decide(office, held, "paid")
    assert (await office.payment(held.id)).state == "created"


async def test_a_payment_said_not_to_be_paid_frees_its_accounts_and_a_success_still_counts(office: Any) -> None:
    held = await office.begin()
    await office.hear(held, office.fact(EventKind.START_UNKNOWN))

    said = await office.type("payments", "resolve", SLUG, held.reference, "--not-paid", "--reason", "not in the list")
    assert "was unknown and is canceled" in said.out
    assert (await office.payment(held.id)).reason == "said_by_operator", "no one's words are shown to the tenant"

    await office.hear(held, office.captured(held))
    assert (await office.payment(held.id)).state == "succeeded"


async def test_a_mismatch_without_money_is_decided_by_saying_what_was(office: Any) -> None:
    held = await office.begin()
    await office.hear(held, office.fact(EventKind.MISMATCH, ref="tx-1", reason="unknown_status"))
    with pytest.raises(ConflictError) as refused:
        await decide(office, held, "accept")
    assert refused.value.hint == "what can be said of it: --paid, --not-paid"

    await decide(office, held, "paid", amount_cents=29_000)
    await office.work()

    assert (await office.payment(held.id)).state == "succeeded"
    assert [one.amount_cents for one in office.ledger.entered] == [29_000]


@pytest.mark.parametrize("decision", ["accept", "paid", "not_paid"])
async def test_nothing_is_left_to_decide_about_a_payment_that_was_paid(office: Any, decision: str) -> None:
    held = await office.paid()
    with pytest.raises(ConflictError, match="the payment is succeeded"):
        await decide(office, held, decision, transaction="tx")


async def test_a_decision_needs_a_reason_and_is_one_of_three(office: Any) -> None:
    held = await office.paid(came=1)
    with pytest.raises(InvalidAskError, match="needs a reason"):
        await decide(office, held, "accept", why=" ")
    said = await office.type("payments", "resolve", SLUG, held.reference, "--accept", "--paid", "--reason", "x")
    assert "one thing is to be said" in str(said.error)


async def test_a_refund_above_the_limit_waits_for_somebody_else(office: Any) -> None:
    held = await office.paid()
    asked = await office.type("payments", "refund", SLUG, held.reference, "--reason", "twice", "--by", "anne")
    assert "a refund is to be approved: 300.00" in asked.out
    assert (
        "a second person (not anne) decides about the refund of 300.00"
        in (await office.type("payments", "show", SLUG, held.reference)).out
    )

    own = await office.type("payments", "approve", SLUG, held.reference, "--by", "anne")
    assert "cannot approve it" in str(own.error)
    done = await office.type("payments", "approve", SLUG, held.reference, "--by", "bruno")
    await office.work()

    assert "approved" in done.out
    found = await office.payment(held.id)
    assert (found.state, found.refunded_cents) == ("refunded", 30_000)
    assert [(one.kind, one.amount_cents) for one in office.ledger.entered] == [
        ("payment", 30_000),
        ("reversal", 30_000),
    ]


async def test_a_rejected_refund_gives_nothing_back(office: Any) -> None:
    held = await office.paid()
    await office.type("payments", "refund", SLUG, held.reference, "--reason", "twice", "--by", "anne")

    said = await office.type("payments", "reject", SLUG, held.reference, "--by", "bruno")
    await office.work()

    assert "rejected; nothing is given back" in said.out
    assert (await office.payment(held.id)).refunded_cents == 0
    again = await office.type("payments", "approve", SLUG, held.reference, "--by", "bruno")
    assert "the last is rejected" in str(again.error)


async def test_a_small_refund_goes_at_once_and_amounts_are_read_in_cents(office: Any) -> None:
    held = await office.paid()
    for wrong in ("12.505", "ten", "-1", "0", "NaN"):
        said = await office.type("payments", "refund", SLUG, held.reference, "--amount", wrong, "--reason", "x")
        assert "no amount" in str(said.error), wrong

    await office.type("payments", "refund", SLUG, held.reference, "--amount", "12,50", "--reason", "a mistake")
    await office.work()

    assert (await office.payment(held.id)).refunded_cents == 1_250
    much = await office.type("payments", "refund", SLUG, held.reference, "--amount", "287.51", "--reason", "more")
    assert "at most 287.50" in str(much.error)


async def test_a_payment_that_is_over_for_long_without_an_end_can_be_decided(office: Any) -> None:
    held = await office.begin(lasts=timedelta(minutes=5))
    office.clock.move(days=3)
    said = await office.type("payments", "show", SLUG, held.reference)
    assert "its time is over and nobody knows its end" in said.out
    assert "--not-paid --reason" in said.out
