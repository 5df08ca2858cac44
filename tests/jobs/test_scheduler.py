"""Schedules: a slot gives one run, whoever ticks and however late."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from hub.domain.plan import Plan
from hub.jobs import RUN_KIND, RUN_ORDER_KEY, RUN_QUEUE, tick
from hub.jobs.scheduler import keep_ticking
from hub.store import schedule_rows
from hub.store.schedule_rows import ScheduleRow

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"
PARIS = "Europe/Paris"
SLOT = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)  # half past four in Paris


class CountingBell:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, queue: str) -> None:
        self.rung.append(queue)

    def close(self, seconds: float = 2.0) -> None: ...


async def _plan(house: Any, landlord: str, *rows: ScheduleRow) -> bool:
    async with house.as_landlord(landlord) as conn:
        return await schedule_rows.put_schedules(conn, landlord=landlord, wanted=rows)


async def _planned(house: Any, landlord: str = RIVES) -> list[ScheduleRow]:
    async with house.as_landlord(landlord) as conn:
        return await schedule_rows.list_schedules(conn)


async def _asked(house: Any, landlord: str = RIVES) -> list[Any]:
    async with house.as_landlord(landlord) as conn:
        shown = "queue, kind, order_key, dedup_key, payload, run_at"
        return list((await conn.execute(text(f"select {shown} from job order by id"))).all())


def _daily(next_run: datetime | None = SLOT, *, feeds: tuple[str, ...] = ("ledger",)) -> ScheduleRow:
    return ScheduleRow("daily 04:30", PARIS, feeds, next_run)


async def test_a_slot_that_has_come_asks_for_one_run_and_rings(house: Any) -> None:
    bell = CountingBell()
    await _plan(house, RIVES, _daily())
    assert await tick(house.dispatch_engine, house.clock, bell) == 1
    (asked,) = await _asked(house)
    assert (asked.queue, asked.kind, asked.order_key) == (RUN_QUEUE, RUN_KIND, RUN_ORDER_KEY)
    assert asked.payload == {"schedule": "daily 04:30", "slot": SLOT.isoformat()}
    assert bell.rung == [RUN_QUEUE]
    (row,) = await _planned(house)
    assert (row.last_slot, row.next_run) == (SLOT, datetime(2026, 11, 21, 3, 30, tzinfo=UTC))


async def test_nothing_is_asked_for_before_the_slot_and_nothing_rings(house: Any) -> None:
    bell = CountingBell()
    house.clock.move(seconds=-1)
    await _plan(house, RIVES, _daily(), ScheduleRow("manual", PARIS, ("sites",), None))
    assert await tick(house.dispatch_engine, house.clock, bell) == 0
    assert (await _asked(house), bell.rung) == ([], [])


async def test_several_schedulers_at_once_give_one_run_a_slot(house: Any) -> None:
    for landlord in (RIVES, TILLEULS):
        await _plan(house, landlord, _daily(), ScheduleRow("every 15 minutes", PARIS, ("contracts",), SLOT))
    ticks = (tick(house.dispatch_engine, house.clock, CountingBell()) for _ in range(5))
    assert sum(await asyncio.gather(*ticks)) == 4
    assert len(await _asked(house)) == len(await _asked(house, TILLEULS)) == 2


async def test_slots_missed_while_nothing_ran_become_one_run(house: Any) -> None:
    await _plan(house, RIVES, ScheduleRow("every 15 minutes", PARIS, ("contracts",), SLOT))
    house.clock.move(days=3, minutes=7)
    assert await tick(house.dispatch_engine, house.clock, CountingBell()) == 1
    assert len(await _asked(house)) == 1
    (row,) = await _planned(house)
    assert row.next_run == datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


async def test_while_a_schedules_run_waits_to_begin_its_next_slots_ask_for_nothing(house: Any) -> None:
    await _plan(house, RIVES, ScheduleRow("every 15 minutes", PARIS, ("contracts",), SLOT))
    for _ in range(3):
        await tick(house.dispatch_engine, house.clock, CountingBell())
        house.clock.move(minutes=15)
    assert len(await _asked(house)) == 1
    async with house.as_landlord() as conn:
        await conn.execute(text("update job set state = 'leased'"))
    await tick(house.dispatch_engine, house.clock, CountingBell())
    assert len(await _asked(house)) == 2


async def test_an_expression_this_version_cannot_read_holds_up_no_other(house: Any) -> None:
    await _plan(house, RIVES, ScheduleRow("when the moon is full", PARIS, ("sites",), SLOT), _daily())
    assert await tick(house.dispatch_engine, house.clock, CountingBell()) == 2
    rows = {row.name: row.next_run for row in await _planned(house)}
    assert rows["when the moon is full"] is None
    assert rows["daily 04:30"] is not None


async def test_a_landlords_schedules_follow_its_file_and_keep_their_next_slot(house: Any) -> None:
    later = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
    assert await _plan(house, RIVES, _daily(), ScheduleRow("every 15 minutes", PARIS, ("contracts",), SLOT))
    assert not await _plan(house, RIVES, _daily(later), ScheduleRow("every 15 minutes", PARIS, ("contracts",), later))
    assert {row.next_run for row in await _planned(house)} == {SLOT}, "applying the same again moves no slot"
    assert await _plan(house, RIVES, _daily(later, feeds=("ledger", "notices")))
    assert await _planned(house) == [_daily(SLOT, feeds=("ledger", "notices"))]
    moved = ScheduleRow("daily 04:30", "America/Cayenne", ("ledger",), later)
    assert await _plan(house, RIVES, moved)
    assert await _planned(house) == [moved], "in another time zone the next slot is another instant"


async def test_the_scheduler_goes_on_ticking_until_it_is_stopped(house: Any) -> None:
    await _plan(house, RIVES, ScheduleRow("every 30 seconds", PARIS, ("contracts",), SLOT))
    stop, runtime = asyncio.Event(), house.runtime()
    ticking = asyncio.create_task(keep_ticking(runtime, stop=stop, seconds=0.01))

    async def asked() -> bool:
        return len(await _asked(house)) == 1

    await house.until(asked)
    stop.set()
    async with asyncio.timeout(5):
        await ticking
    assert (runtime.metrics.registry.get_sample_value("hub_scheduler_ticks_total", {"outcome": "done"}) or 0) >= 1


async def test_a_plan_with_quiet_hours_is_kept_to_slot_by_slot_and_says_whom_its_runs_call(house: Any) -> None:
    name = "daily 03:30, not daily 22:00-04:30"  # moved to half past four
    await _plan(house, RIVES, ScheduleRow(name, PARIS, ("ledger",), SLOT, connectors=("erp",)))
    assert await tick(house.dispatch_engine, house.clock, CountingBell()) == 1
    async with house.as_landlord() as conn:
        (asked,) = (await conn.execute(text("select needs, payload from job"))).all()
    assert (asked.needs, asked.payload["schedule"]) == (["erp"], name)
    (row,) = await _planned(house)
    assert (row.next_run, row.connectors) == (datetime(2026, 11, 21, 3, 30, tzinfo=UTC), ("erp",))


async def test_over_the_nights_when_the_clocks_change_every_slot_runs_once(house: Any) -> None:
    """Hour by hour through both nights, month ends and a 29 February, with two schedulers at each tick."""
    name = "daily 02:30, jitter 300 seconds, not daily 22:00-02:10"
    for begin, nights in (((2028, 2, 27), 3), ((2028, 3, 25), 3), ((2028, 10, 28), 3), ((2028, 12, 30), 3)):
        house.clock.instant = datetime(*begin, 12, tzinfo=UTC)
        async with house.as_landlord() as conn:
            await conn.execute(text("delete from schedule"))
            await conn.execute(text("delete from job"))
        first = Plan.parse(name).next_after(house.now, PARIS, key=RIVES)
        await _plan(house, RIVES, ScheduleRow(name, PARIS, ("ledger",), first))
        for _ in range(24 * nights):
            house.clock.move(hours=1)
            ticks = (tick(house.dispatch_engine, house.clock, CountingBell()) for _ in range(2))
            await asyncio.gather(*ticks)
            async with house.as_landlord() as conn:
                await conn.execute(text("update job set state = 'done' where state = 'ready'"))
        slots = [datetime.fromisoformat(one.payload["slot"]) for one in await _asked(house)]
        assert [slot.astimezone(ZoneInfo(PARIS)).date() for slot in slots] == [
            date(*begin) + timedelta(days=night) for night in range(1, nights + 1)
        ]


async def test_a_day_and_two_hours_without_a_scheduler_are_made_up_for_once(house: Any) -> None:
    """Over both nights when the clocks change and a month's end, two schedulers waking together."""
    for zone, begin in ((PARIS, (2028, 3, 25)), (PARIS, (2028, 10, 28)), ("America/Santiago", (2028, 9, 2))):
        for name, missed in (("daily 02:30, not daily 22:00-02:10", 1), ("every 60 minutes", 1)):
            house.clock.instant = datetime(*begin, 12, 5, tzinfo=UTC)
            async with house.as_landlord() as conn:
                await conn.execute(text("delete from schedule"))
                await conn.execute(text("delete from job"))
            first = Plan.parse(name).next_after(house.now, zone, key=RIVES)
            await _plan(house, RIVES, ScheduleRow(name, zone, ("ledger",), first))
            house.clock.move(hours=26)
            ticks = (tick(house.dispatch_engine, house.clock, CountingBell()) for _ in range(2))
            assert sum(await asyncio.gather(*ticks)) == missed
            assert len(await _asked(house)) == missed
            (row,) = await _planned(house)
            assert row.next_run == Plan.parse(name).next_after(house.now, zone, key=RIVES)
            assert row.next_run > house.now


async def test_a_run_that_waits_for_one_of_its_erps_does_not_stand_for_the_others(house: Any) -> None:
    both = ScheduleRow("every 15 minutes", PARIS, ("contracts",), SLOT, connectors=("away", "erp"))
    await _plan(house, RIVES, both)
    await tick(house.dispatch_engine, house.clock, CountingBell())
    for needs, asked in ((["away"], 2), (["away", "erp"], 2)):
        async with house.as_landlord() as conn:
            await conn.execute(text("update job set needs = :needs where state = 'ready'"), {"needs": needs})
        house.clock.move(minutes=15)
        await tick(house.dispatch_engine, house.clock, CountingBell())
        assert asked == len(await _asked(house)), needs
