"""The ERP refused, or nobody knows, or several entries might be it: a person lends a hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.paying.repost import repost, tie_to_entry

SLUG = "aubes"


async def again(office: Any, held: Any, **how: Any) -> Any:
    return await repost(office.parts, office.bell, SLUG, f"{held.reference}01", by="anne", **how)


async def refused(office: Any) -> Any:
    office.ledger.refuses = "PERIOD_CLOSED"
    held = await office.paid()
    await office.work()
    return held


async def test_a_refused_posting_is_posted_once_after_the_erp_was_mended(office: Any) -> None:
    held = await refused(office)
    shown = await office.type("payments", "show", SLUG, held.reference)
    assert "refused PERIOD_CLOSED: the period is closed" in shown.out
    assert f"put it right there, then housing-hub payments repost aubes {held.reference}01" in shown.out

    office.ledger.refuses = ""
    said = await office.type("payments", "repost", SLUG, f"{held.reference}01", "--by", "anne", "--reason", "reopened")
    await office.work()

    assert "is told to the ERP again" in said.out
    assert [one.reference for one in office.ledger.entered] == [f"{held.reference}01"]
    assert (await office.posting(held)).state == "posted"
    assert "anne had it posted again" in (await office.type("payments", "show", SLUG, held.reference)).out


async def test_a_posting_that_is_refused_again_stays_refused(office: Any) -> None:
    held = await refused(office)
    await again(office, held)
    await office.work()
    assert ((await office.posting(held)).state, office.ledger.entered) == ("refused", [])


async def test_an_erp_that_has_it_after_all_is_not_sent_it_twice(office: Any) -> None:
    held = await refused(office)
    office.ledger.refuses = ""
    await again(office, held)
    await office.work()
    await office.rows("update erp_posting set state = 'refused' where payment_id = :id returning 1", id=held.id)

    await again(office, held)
    await office.work()

    assert len(office.ledger.entered) == 1, "it was sent before, so it is asked about first"
    assert (await office.posting(held)).state == "posted"


async def unknown(office: Any) -> Any:
    """The ERP cannot be asked, and its answer was lost."""
    await office.apply(read_back=False)
    held = await office.paid()
    sent = "state = 'unknown', attempts = 1"
    await office.rows(f"update erp_posting set {sent} where payment_id = :id returning 1", id=held.id)
    await office.work()
    assert ((await office.posting(held)).state, office.ledger.entered) == ("unknown", [])
    return held


async def test_an_erp_that_cannot_be_asked_is_looked_at_by_a_person(office: Any) -> None:
    held = await unknown(office)
    shown = await office.type("payments", "show", SLUG, held.reference)
    assert f"look for {held.reference}01 in the ERP" in shown.out

    with pytest.raises(InvalidAskError, match="might be there twice"):
        await again(office, held)

    await again(office, held, stated="absent")
    await office.work()
    assert [one.reference for one in office.ledger.entered] == [f"{held.reference}01"]
    assert (await office.posting(held)).state == "posted"


async def test_what_the_person_found_there_is_not_sent(office: Any) -> None:
    held = await unknown(office)

    said = await office.type("payments", "repost", SLUG, f"{held.reference}01", "--there", "--reason", "looked")
    await office.work()

    assert "counts as posted" in said.out
    assert office.ledger.entered == []
    assert (await office.posting(held)).state == "posted"
    kinds = [row.kind for row in await office.rows("select kind from domain_event order by id")]
    assert kinds[-1] == "posting.posted"


async def test_nothing_is_said_of_what_the_erp_can_say_itself(office: Any) -> None:
    held = await refused(office)
    for stated in ("absent", "there"):
        with pytest.raises(InvalidAskError, match="nothing needs to be said"):
            await again(office, held, stated=stated)


async def test_what_is_posted_is_not_sent_again(office: Any) -> None:
    held = await office.paid()
    await office.work()
    with pytest.raises(ConflictError, match="is posted: it is not sent again"):
        await again(office, held)
    assert len(office.ledger.entered) == 1


async def test_two_operators_at_once_post_once(office: Any) -> None:
    held = await refused(office)
    office.ledger.refuses = ""
    await asyncio.gather(again(office, held), again(office, held), return_exceptions=True)
    await office.work()
    assert len(office.ledger.entered) == 1


async def ambiguous(office: Any) -> Any:
    held = await office.paid()
    await office.work()
    for name in ("E7", "E8"):
        await office.entry(name, -30_000)
    await office.rows("update erp_posting set candidates = 2 where payment_id = :id returning 1", id=held.id)
    return held


async def test_a_person_says_which_of_several_entries_it_is(office: Any) -> None:
    held = await ambiguous(office)
    shown = await office.type("payments", "show", SLUG, held.reference)
    assert "might be entry E7 of 2026-11-20, payment_card" in shown.out
    assert f"several entries might be {held.reference}01" in shown.out

    said = await office.type("payments", "repost", SLUG, f"{held.reference}01", "--entry", "E8", "--by", "anne")

    assert "is in the ledger" in said.out
    posting = await office.posting(held)
    (entry,) = await office.rows("select external_id from ledger_entry where id = :id", id=posting.entry_id)
    assert (posting.state, posting.candidates, entry.external_id) == ("reflected", 0, "E8")
    assert "nothing" in (await office.type("payments", "show", SLUG, held.reference)).out.splitlines()[-1]
    assert (await office.rows("select kind from domain_event order by id desc limit 1"))[0].kind == "posting.reflected"


async def test_an_entry_shows_one_posting(office: Any) -> None:
    held, other = await ambiguous(office), await office.paid()
    await tie_to_entry(office.parts, SLUG, f"{held.reference}01", entry="E7", by="anne")

    with pytest.raises(ConflictError, match="shows posting"):
        await tie_to_entry(office.parts, SLUG, f"{other.reference}01", entry="E7", by="anne")
    with pytest.raises(ConflictError, match="no entry is looked for"):
        await tie_to_entry(office.parts, SLUG, f"{held.reference}01", entry="E8", by="bruno")


async def test_an_entry_of_another_account_or_amount_is_no_answer(office: Any) -> None:
    held = await ambiguous(office)
    await office.entry("E9", -29_999)
    await office.entry("G1", -30_000, account="garage")
    name = f"{held.reference}01"

    with pytest.raises(InvalidAskError, match=r"of -299\.99, the posting of -300\.00"):
        await tie_to_entry(office.parts, SLUG, name, entry="E9", by="anne")
    with pytest.raises(InvalidAskError, match="another account"):
        await tie_to_entry(office.parts, SLUG, name, entry="G1", by="anne")
    with pytest.raises(NotFoundError, match="no entry E10"):
        await tie_to_entry(office.parts, SLUG, name, entry="E10", by="anne")
    assert (await office.posting(held)).state == "posted"
