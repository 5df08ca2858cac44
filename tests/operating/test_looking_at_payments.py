"""An operator looks: lists, and the whole story of one payment with what to do next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.errors import InvalidAskError, NotFoundError
from hub.paying.operate import list_payments
from hub.paying.story import tell_story
from hub.store.payment_search import Search

SLUG, NAME = "aubes", "Durand-Lefebvre"


async def listed(office: Any, **search: Any) -> list[str]:
    return [one.payment.reference for one in await list_payments(office.parts, SLUG, Search(**search))]


async def test_the_newest_payment_comes_first_and_pages_go_on(office: Any) -> None:
    made = [await office.begin() for _ in range(3)]
    newest_first = [one.reference for one in made[::-1]]

    assert await listed(office) == newest_first
    assert await listed(office, limit=2) == newest_first[:2]
    assert await listed(office, limit=2, before=made[1].id) == newest_first[2:]


async def test_payments_are_found_by_state_account_contract_and_day(office: Any) -> None:
    both, rent = await office.paid(garage=1_000), await office.begin()
    office.clock.move(days=2)
    late = await office.begin()

    assert await listed(office, states=("succeeded",)) == [both.reference]
    assert await listed(office, named="411002") == [both.reference]
    assert await listed(office, named="L/0001") == [late.reference, rent.reference, both.reference]
    assert await listed(office, since=office.clock.now() - timedelta(hours=1)) == [late.reference]
    assert await listed(office, named="411009") == []


async def test_a_payment_is_stuck_for_a_reason_and_no_longer(office: Any) -> None:
    review, fine = await office.paid(came=29_900), await office.paid()
    waits = await office.begin(lasts=timedelta(minutes=5))

    (one,) = await list_payments(office.parts, SLUG, Search(stuck=True))
    assert (one.payment.reference, one.needs) == (review.reference, ("review",))

    office.clock.move(days=2)
    found = {one.payment.reference: one.needs for one in await list_payments(office.parts, SLUG, Search(stuck=True))}
    assert found == {review.reference: ("review",), waits.reference: ("unresolved",)}
    assert fine.reference not in found

    office.clock.move(days=9)
    found = {one.payment.reference: one.needs for one in await list_payments(office.parts, SLUG, Search(stuck=True))}
    assert found[fine.reference] == ("posting_overdue",), "ten days without an entry"


async def test_six_letters_are_enough_where_one_payment_begins_so(office: Any) -> None:
    held = await office.begin()
    for name in (held.reference[:6], held.reference.lower(), f"{held.reference}01", str(held.id)):
        assert (await tell_story(office.parts, SLUG, name)).payment.id == held.id

    with pytest.raises(InvalidAskError, match="too short"):
        await tell_story(office.parts, SLUG, held.reference[:5])
    with pytest.raises(NotFoundError, match="no payment"):
        await tell_story(office.parts, SLUG, "AAAAAAA")
    twin = f"{held.reference[:8]}AAAAAAAA"
    await office.rows(
        "update payment set reference = :twin where id = :id returning 1", twin=twin, id=(await office.begin()).id
    )
    with pytest.raises(InvalidAskError, match="several payments"):
        await tell_story(office.parts, SLUG, held.reference[:7])


async def test_the_story_of_a_payment_is_told_whole_in_local_time_and_names_nobody(office: Any) -> None:
    held = await office.paid(garage=1_000)
    await office.work()

    said = await office.type("payments", "show", SLUG, held.reference)

    assert f"Payment {held.reference} of aubes: succeeded" in said.out
    assert "290.00 EUR  for rent account 411001, contract L/0001" in said.out
    assert "settles (fr_1342_10 1): rent of 2026-11-01 290.00" in said.out
    assert "10:00:01  begun by the tenant" in said.out, "nine in UTC is ten in Paris"
    assert f"captured 300.00 EUR tx-{held.reference}, by poll" in said.out
    assert f"posting {held.reference}01: 290.00 to erp, account 411001: posted, ERP R-411001" in said.out
    assert f"Next: nothing; {held.reference}01 is posted and goes on by itself" in said.out
    assert NAME not in said.out


async def test_a_payment_in_review_says_what_can_be_done(office: Any) -> None:
    held = await office.paid(came=29_900)
    said = await office.type("payments", "show", SLUG, held.reference)

    assert "review (other_amount)" in said.out
    assert "another amount came than was asked" in said.out
    assert f"housing-hub payments resolve aubes {held.reference} --accept --reason" in said.out


async def test_json_holds_the_whole_story_and_no_key(office: Any) -> None:
    held = await office.paid()
    await office.work()
    await office.type("payments", "refund", SLUG, held.reference, "--amount", "10", "--reason", "paid twice")
    await office.work()

    told = (await office.type("payments", "show", SLUG, held.reference[:8], "--json")).json

    assert [one["event"]["kind"] for one in told["events"]] == ["captured", "refunded"]
    assert [one["state"] for one in told["refunds"]] == ["done"]
    assert [one["posting"]["kind"] for one in told["postings"]] == ["payment", "reversal"]
    assert {"payment.settled", "posting.posted", "payment.refunded"} <= {one["kind"] for one in told["told"]}
    assert held.start_key not in str(told)
    assert NAME not in str(told)


async def test_the_list_as_a_table_and_as_json(office: Any) -> None:
    held = await office.paid(came=29_900)

    table = await office.type("payments", "list", SLUG, "--stuck")
    assert held.reference in table.out
    assert "review" in table.out
    (row,) = (await office.type("payments", "list", SLUG, "--json")).json
    assert (row["payment"]["reference"], row["needs"]) == (held.reference, ["review"])
    assert "has no such payment" in (await office.type("payments", "list", SLUG, "--state", "failed")).out
    assert "no state" in str((await office.type("payments", "list", SLUG, "--state", "lost")).error)


async def test_the_provider_is_asked_at_once_whatever_was_planned(office: Any) -> None:
    held = await office.begin()
    office.till.facts[held.reference] = [office.captured(held)]
    await office.hear(held, office.fact(EventKind.STARTED))
    assert await office.work("payments") == 0, "the next look is in a minute"

    said = await office.type("payments", "check", SLUG, held.reference)
    await office.work()

    assert f"card is asked about {held.reference}" in said.out
    assert office.till.asked == [held.reference]
    assert (await office.payment(held.id)).state == "succeeded"
    assert [act.what for act in (await tell_story(office.parts, SLUG, held.reference)).acts] == ["asked"]


async def test_a_landlord_nobody_knows_is_said_so(office: Any) -> None:
    assert "no landlord" in str((await office.type("payments", "list", "nobody")).error)
