"""The claim looks at breakers and caps: nobody is leased what cannot run, and nobody waits behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.domain.breaker import Breaker
from hub.jobs import Job, JobRuntime, put_off
from hub.jobs.health import Health, measure
from hub.store import breaker_rows, job_rows

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"


@pytest.fixture(autouse=True)
async def connectors(house: Any) -> AsyncIterator[None]:
    """Two connectors of one landlord, one of another, all closed."""
    for landlord, caps in ((RIVES, {"erp": 1, "old": 2}), (TILLEULS, {"erp": 1})):
        async with house.as_landlord(landlord) as conn:
            await conn.execute(text("delete from breaker"))
            await breaker_rows.put_breakers(conn, landlord=landlord, caps=caps, now=house.now)
    yield


async def open_it(house: Any, connector: str = "erp", *, landlord: str = RIVES, minutes: float = 1) -> None:
    held = Breaker("open", 3, 1, house.now + timedelta(minutes=minutes), house.now, "DEADLINE")
    await change(house, connector, held, landlord=landlord)


async def change(house: Any, connector: str, held: Breaker, *, landlord: str = RIVES) -> None:
    async with house.as_landlord(landlord) as conn:
        await breaker_rows.change_breaker(
            conn, landlord=landlord, connector=connector, change=lambda _: held, now=house.now
        )


async def claimed(house: Any) -> list[int]:
    return [one.id for one in await house.claim()]


async def test_a_job_that_needs_an_open_breaker_only_is_not_claimed_before_its_time(house: Any) -> None:
    await open_it(house)
    gated = await house.ask("1", needs=["erp"])
    free, both = await house.ask("2"), await house.ask("3", needs=["erp", "old"])
    elsewhere = await house.ask("4", landlord=TILLEULS, needs=["erp"])
    assert await claimed(house) == [free, both, elsewhere]
    house.clock.move(seconds=59)
    assert await claimed(house) == []
    async with house.as_landlord() as conn:
        await conn.execute(text("update job set state = 'done' where id = :id"), {"id": both})
    house.clock.move(seconds=1)
    assert await claimed(house) == [gated]
    assert [row.attempts for row in await house.jobs() if row.id == gated] == [1]


async def test_a_job_that_waits_for_its_erp_steps_aside_for_younger_ones_of_its_key(house: Any) -> None:
    """The landlord's other ERP is read all the same; when the first is back, its job has its turn again."""
    await open_it(house)
    waiting = await house.ask("1", order_key="sync", needs=["erp"])
    other = await house.ask("2", order_key="sync", needs=["old"])
    assert await claimed(house) == [other]
    await change(house, "erp", Breaker())
    assert await claimed(house) == [], "one at a time of a key"
    async with house.as_landlord() as conn:
        await conn.execute(text("update job set state = 'done' where id = :id"), {"id": other})
    assert await claimed(house) == [waiting]


async def test_what_waits_for_an_erp_does_not_count_as_late_work(house: Any) -> None:
    await open_it(house, minutes=600)
    await house.ask("1", needs=["erp"])
    house.clock.move(minutes=5)
    health, runtime = Health(), house.runtime()
    await measure(runtime, {"q": 4}, health)
    assert health.waiting["q"] == timedelta()
    seen = {
        (landlord, connector): runtime.metrics.registry.get_sample_value(
            "hub_breaker_open", {"landlord": landlord, "connector": connector}
        )
        for landlord, connector in ((RIVES, "erp"), (RIVES, "old"), (TILLEULS, "erp"))
    }
    assert seen == {(RIVES, "erp"): 1, (RIVES, "old"): 0, (TILLEULS, "erp"): 0}


async def test_a_connector_is_used_by_so_many_jobs_at_once_as_its_cap_says(house: Any) -> None:
    one, _ = await house.ask("1", needs=["erp"]), await house.ask("2", needs=["erp"])
    three, four = await house.ask("3", needs=["old"]), await house.ask("4", needs=["old"])
    await house.ask("5", needs=["old"])
    assert await claimed(house) == [one, three, four]
    assert await claimed(house) == []


async def test_claims_at_once_keep_to_the_cap_together(house: Any) -> None:
    for number in range(12):
        await house.ask(str(number), needs=["old"])
    found = await asyncio.gather(*(house.claim(3) for _ in range(4)))
    assert sum(map(len, found)) <= 2
    await house.claim()
    assert (await house.states()).count("leased") == 2


async def test_half_open_lets_one_trial_pass_whatever_the_cap(house: Any) -> None:
    await change(house, "old", Breaker("half_open", 3, 1, house.now, house.now, "DEADLINE"))
    first, _ = await house.ask("1", needs=["old"]), await house.ask("2", needs=["old"])
    assert await claimed(house) == [first]


async def test_an_older_job_that_waits_its_turn_takes_no_room_from_a_younger(house: Any) -> None:
    await house.ask("0", order_key="a", run_at=house.now + timedelta(hours=1))
    await house.ask("1", order_key="a", needs=["erp"])
    younger = await house.ask("2", order_key="b", needs=["erp"])
    assert await claimed(house) == [younger]


async def test_a_job_put_off_waits_for_the_breaker_and_its_attempt_is_not_counted(house: Any) -> None:
    tried: list[dict[str, Any]] = []

    async def calls_the_erp(job: Job, runtime: JobRuntime) -> None:
        tried.append(dict(job.payload))
        if len(tried) == 4:
            await house.note(job, runtime)
            return
        await open_it(house)
        async with runtime.transaction(job.landlord) as conn:
            await put_off(conn, job, needs=["erp"], payload={"key": "late"}, reason="waits for erp to answer")

    loop = house.start(house.runtime({"call": calls_the_erp}))
    await house.ask("1", kind="call", needs=["erp", "old"], max_attempts=2)

    for times in (1, 2, 3):
        await house.until(lambda times=times: _rests(house, tried, times))
        row = await house.the_job()
        assert (row.attempts, row.last_error) == (0, "waits for erp to answer")
        house.clock.move(minutes=1)
    await house.until(lambda: _is(house, ["done"]))
    await loop.stop()
    assert tried == [{"key": "1"}, {"key": "late"}, {"key": "late"}, {"key": "late"}]
    assert await house.effects() == ["late"]


async def _rests(house: Any, tried: list[dict[str, Any]], times: int) -> bool:
    return len(tried) == times and await _is(house, ["ready"])


async def _is(house: Any, states: list[str]) -> bool:
    return list(await house.states()) == states


async def test_applying_a_file_again_keeps_the_breakers_state_and_forgets_what_is_gone(house: Any) -> None:
    await open_it(house)
    async with house.as_landlord() as conn:
        await breaker_rows.put_breakers(conn, landlord=RIVES, caps={"erp": 3, "new": 1}, now=house.now)
        rows = await breaker_rows.list_connectors(conn, landlord=RIVES)
    assert [(row.connector, row.breaker.state, row.max_at_once) for row in rows] == [
        ("erp", "open", 3),
        ("new", "closed", 1),
    ]


async def test_three_thousand_jobs_of_dead_erps_do_not_slow_the_claim_down(house: Any) -> None:
    """Each landlord's breaker is found by its key."""
    await house.ask("0")
    async with house.as_landlord() as conn:
        await conn.execute(
            text("""
            insert into job (landlord_id, queue, kind, dedup_key, order_key, needs, run_at, created_at)
            select :landlord, 'q', 'note', 'n' || n, 'k' || n, array['erp'], :now, :now
            from generate_series(1, 3000) n"""),
            {"landlord": RIVES, "now": house.now - timedelta(hours=1)},
        )
    await open_it(house, minutes=60)
    began = time.monotonic()
    found = await house.claim()
    assert len(found) == 1
    assert time.monotonic() - began < 1.0
    assert isinstance(found[0], job_rows.ClaimedJob)
