"""An ERP that answers calls: what it tells too unlike what is held is kept back, shown, refused or let through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.errors import ConflictError
from hub.jobs import NoBell
from hub.services.hold_decisions import approve_hold, find_hold, find_holds, reject_hold
from hub.store.hold_rows import Hold

SOAP = "rives-doise"
CLOSED = "select count(*) from contract where closed_at is not null or missing_since is not null"
FEW = "[feeds.contracts.guard]\ndisappearing_rows = 8\n\n[feeds.contracts.fields]"
STRICT = "[feeds.ledger.guard]\ndebit_floor_cents = 0\n\n[feeds.ledger.fields]"


async def the_hold(house: Any) -> Hold:
    (found,) = await find_holds(house.parts.engine, SOAP, states=["open"])
    return found


async def gone(house: Any) -> int:
    count: int = (await house.rows(SOAP, CLOSED))[0][0]
    return count


async def approve(house: Any, hold: int) -> Any:
    approved = await approve_hold(house.parts.engine, house.clock, NoBell(), SOAP, hold, by="ida")
    await house.work()
    return await house.run(SOAP, approved.run_id)


async def reject(house: Any, hold: int) -> None:
    await reject_hold(house.parts.engine, house.clock, SOAP, hold, by="ida", reason="the export was cut")


async def tell_one_contract(house: Any) -> None:
    """The ERP answers well, with one contract of its twelve; one of the eleven ended last month, as was told."""
    await house.apply(SOAP, lambda text: text.replace("[feeds.contracts.fields]", FEW))
    world = house.sandbox.world(SOAP)
    house.sandbox.soap.faults.worlds = {"ListerContrats": replace(world, contracts=world.contracts[:1])}


def call_rent_again(house: Any, *, times: int) -> None:
    """The ERP posted the rent of these days many times over."""
    world = house.sandbox.world(SOAP)
    entries = {
        account: tuple(
            one._replace(id=f"{one.id}{copy or ''}", sequence=one.sequence * 10 + copy)
            for one in posted
            for copy in range(times if one.posted_on.isoformat() > "2026-11-20" and one.cents > 0 else 1)
        )
        for account, posted in world.entries.items()
    }
    house.sandbox.soap.faults.worlds = {"ListerEcritures": replace(world, entries=entries)}


async def test_a_reply_that_ends_in_the_middle_changes_nothing_however_often_it_comes(home: Any) -> None:
    before = await home.dump(SOAP)
    home.sandbox.soap.faults.cut = frozenset(["ListerContrats"])
    run_id = await home.ask(SOAP, "contracts")
    for _ in range(3):
        assert 1 == await home.work()
        (report,) = (await home.run(SOAP, run_id)).feed_runs
        assert ("failed", "UNREACHABLE", True) == (report.state, report.error_code, bool(report.hint)), report.error
        assert before == await home.dump(SOAP)
        home.clock.move(hours=1)
    home.sandbox.behave(SOAP)

    assert 1 == await home.work()

    assert "done" == (await home.run(SOAP, run_id)).state
    assert (before, 0) == (await home.dump(SOAP), await gone(home))


async def test_a_snapshot_without_most_contracts_is_held_rejected_and_the_good_one_applied(home: Any) -> None:
    before = await home.dump(SOAP)
    await tell_one_contract(home)
    for _ in range(2):
        home.clock.move(days=1)
        report = (await home.sync(SOAP, "contracts")).feed_runs[0]
        assert "1 rows, held are 12: 10 contracts would disappear (limit 8)" == report.error
        assert (report.state, report.hold_id) == ("held", (await the_hold(home)).id)
    hold = await the_hold(home)
    assert 10 == len(hold.diff["sample"])
    await reject(home, hold.id)

    home.clock.move(days=1)
    again = await home.feed(SOAP, "contracts")
    assert ("refused", f"hold {hold.id}: the export was cut" in again.error) == (again.state, True)
    assert (before, 0) == (await home.dump(SOAP), await gone(home))

    home.sandbox.behave(SOAP)
    home.clock.move(days=1)
    good = await home.feed(SOAP, "contracts")
    assert (0, 0, None) == (good.missing, good.changed, good.error)
    assert [] == await find_holds(home.parts.engine, SOAP, states=["open"])
    assert before == await home.dump(SOAP)


async def test_what_was_held_is_let_through_from_the_kept_replies_without_a_call(home: Any) -> None:
    home.clock.move(days=1)
    told_at = home.clock.now()
    await tell_one_contract(home)
    await home.feed(SOAP, "contracts")
    hold = await the_hold(home)
    home.clock.move(hours=2)
    home.sandbox.behave(SOAP)
    faults = home.sandbox.soap.faults
    faults.fault = True

    run = await approve(home, hold.id)

    report = run.feed_runs[0]
    assert ("contracts", "applied", 11) == (report.feed, report.state, report.missing), report.error
    assert (told_at, 11) == (await home.as_of(SOAP, "contracts"), await gone(home))
    assert "applied" == (await find_hold(home.parts.engine, SOAP, hold.id)).state
    with pytest.raises(ConflictError, match=r"approved by ida .* and applied"):
        await approve(home, hold.id)

    faults.fault = False
    home.clock.move(days=1)
    assert 11 == (await home.feed(SOAP, "contracts")).returned, "the next night is right again"
    assert 0 == await gone(home)


async def test_a_newer_good_answer_supersedes_the_hold_and_nothing_older_can_be_let_through(home: Any) -> None:
    await tell_one_contract(home)
    home.clock.move(days=1)
    await home.feed(SOAP, "contracts")
    hold = await the_hold(home)
    home.sandbox.behave(SOAP)
    home.clock.move(days=1)
    run = await home.sync(SOAP, "contracts")
    assert f"hold {hold.id} is superseded" in (run.feed_runs[0].note or "")
    with pytest.raises(ConflictError, match=f"superseded by run {run.id}"):
        await approve(home, hold.id)


async def many_rents(house: Any) -> Hold:
    """A month's entries with the rent called nine times, held."""
    await house.apply(SOAP, lambda text: text.replace("[feeds.ledger.fields]", STRICT))
    house.sandbox.advance(days=20)
    house.clock.move(days=20)
    call_rent_again(house, times=9)
    report = (await house.sync(SOAP, "ledger")).feed_runs[0]
    assert ("held", True) == (report.state, "new debits of" in report.error), report.error
    return await the_hold(house)


async def test_held_entries_that_are_rejected_are_asked_for_again_from_where_the_ledger_stood(home: Any) -> None:
    hold = await many_rents(home)
    await reject(home, hold.id)
    home.sandbox.behave(SOAP)
    home.sandbox.advance(days=1)
    home.clock.move(days=1)

    assert "done" == (await home.sync(SOAP)).state

    assert home.truth(SOAP) == await home.holds(SOAP)


async def test_held_entries_that_are_let_through_are_applied_once_and_the_next_night_goes_on_after_them(
    home: Any,
) -> None:
    ((before,),) = await home.rows(SOAP, "select count(*) from ledger_entry")
    hold = await many_rents(home)
    told = home.sandbox.soap.faults.worlds["ListerEcritures"]
    home.sandbox.soap.faults.fault = True

    run = await approve(home, hold.id)

    report = run.feed_runs[0]
    assert "applied" == report.state, report.error
    home.sandbox.soap.faults.fault = False
    ((after,),) = await home.rows(SOAP, "select count(*) from ledger_entry")
    assert (after - before, True) == (report.added, report.added > 9)
    home.clock.move(days=1)
    again = await home.feed(SOAP, "ledger")
    assert (0, 0) == (again.added, again.changed)
    waiting = len(await home.quarantine(SOAP, "ledger"))
    assert sum(map(len, told.entries.values())) == after + waiting
