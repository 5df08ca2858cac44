"""The loop: woken by the bell or the clock, several at once, stopping in good order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from hub.jobs import Job, JobRuntime
from hub.jobs.health import Health, measure
from hub.jobs.loop import Pulse
from hub.store.engine import make_engine
from hub.store.roles import Role


async def test_without_a_bell_the_poll_finds_the_work(house: Any) -> None:
    loop = house.start(house.runtime(), poll_seconds=0.05)
    await house.ask("rent")
    await house.until(lambda: _all_done(house))
    await loop.stop()
    assert (await house.effects(), (await house.the_job()).woken_by) == (["rent"], "poll")


async def test_the_bell_starts_a_job_long_before_the_poll_would(house: Any) -> None:
    loop = house.start(house.runtime(), poll_seconds=60)
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await house.ask("rent")
    loop.alarm.set()
    await house.until(lambda: _all_done(house))
    assert time.monotonic() - began < 5
    await loop.stop()
    assert (await house.the_job()).woken_by == "bell"


async def test_one_ring_empties_the_queue_however_few_the_slots(house: Any) -> None:
    loop = house.start(house.runtime(), slots=2, poll_seconds=60)
    await asyncio.sleep(0.2)
    for number in range(15):
        await house.ask(str(number))
    loop.alarm.set()
    await house.until(lambda: _all_done(house))
    await loop.stop()
    assert {row.woken_by for row in await house.jobs()} == {"bell"}


async def test_nothing_is_started_beside_a_job_that_lost_its_workers(house: Any) -> None:
    running: set[str] = set()
    beside: dict[str, set[str]] = {}

    async def looking_round(job: Job, runtime: JobRuntime) -> None:
        running.add(job.payload["key"])
        beside[job.payload["key"]] = set(running)
        await asyncio.sleep(0.2)
        running.discard(job.payload["key"])

    for key in ("lost one", "lost two"):
        await house.ask(key)
    for _ in range(2):
        assert len(await house.claim(lease_seconds=0.02)) == 2
        await asyncio.sleep(0.05)
    for key in ("fresh one", "fresh two"):
        await house.ask(key)

    loop = house.start(house.runtime({"note": looking_round}))
    await house.until(lambda: _all_done(house))
    await loop.stop()

    assert [beside[key] for key in ("lost one", "lost two")] == [{"lost one"}, {"lost two"}]
    assert {"fresh one", "fresh two"} in beside.values(), "the others go side by side again"


async def test_a_long_job_that_lost_its_workers_keeps_nobody_waiting(house: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hub.jobs.loop._ALONE_SECONDS", 0.3)
    others_done, order = asyncio.Event(), []

    async def note(job: Job, runtime: JobRuntime) -> None:
        if job.payload["key"] == "unlucky":
            async with asyncio.timeout(20):
                await others_done.wait()
        order.append(job.payload["key"])
        if job.payload["key"] == "fresh":
            others_done.set()

    await house.ask("unlucky")
    for _ in range(2):
        assert len(await house.claim(lease_seconds=0.02)) == 1
        await asyncio.sleep(0.05)
    await house.ask("fresh")

    loop = house.start(house.runtime({"note": note}))
    await house.until(lambda: _all_done(house))
    await loop.stop()

    assert order == ["fresh", "unlucky"]


async def test_one_ring_carries_a_whole_chain_of_ordered_jobs_in_their_order(house: Any) -> None:
    order: list[str] = []

    async def in_turn(job: Job, runtime: JobRuntime) -> None:
        order.append(job.payload["key"])
        await asyncio.sleep(0.01)

    loop = house.start(house.runtime({"note": in_turn}), slots=4, poll_seconds=60)
    await asyncio.sleep(0.2)
    for number in range(8):
        await house.ask(str(number), order_key="account 7")
    loop.alarm.set()
    await house.until(lambda: _all_done(house))
    await loop.stop()
    assert order == [str(number) for number in range(8)]
    assert {row.woken_by for row in await house.jobs()} == {"bell"}


async def test_no_more_jobs_run_at_once_than_there_are_slots(house: Any) -> None:
    running: list[int] = [0]
    most: list[int] = [0]

    async def counted(job: Job, runtime: JobRuntime) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.02)
        running[0] -= 1

    for number in range(12):
        await house.ask(str(number))
    loop = house.start(house.runtime({"note": counted}), slots=3)
    await house.until(lambda: _all_done(house))
    await loop.stop()
    assert most == [3]


async def test_two_workers_never_run_one_job_twice(house: Any) -> None:
    runs: Counter[str] = Counter()
    finishing = house.note

    async def counted(job: Job, runtime: JobRuntime) -> None:
        runs[job.payload["key"]] += 1
        await finishing(job, runtime)

    for number in range(60):
        await house.ask(str(number))
    handlers = {"note": counted}
    loops = [house.start(house.runtime(handlers), slots=3, poll_seconds=0.01) for _ in range(2)]
    await house.until(lambda: _all_done(house))
    for loop in loops:
        await loop.stop()
    assert set(runs.values()) == {1}
    assert len(await house.effects()) == 60


async def test_stopping_lets_a_job_end_that_ends_within_the_grace(house: Any) -> None:
    started = asyncio.Event()

    async def nearly(job: Job, runtime: JobRuntime) -> None:
        started.set()
        await asyncio.sleep(0.3)

    await house.ask()
    loop = house.start(house.runtime({"note": nearly}), grace_seconds=5)
    await started.wait()
    await loop.stop()
    assert await house.states() == ["done"]


async def test_stopping_gives_back_what_does_not_end_also_when_every_slot_is_taken(house: Any) -> None:
    started = asyncio.Event()

    async def endless(job: Job, runtime: JobRuntime) -> None:
        started.set()
        await asyncio.sleep(60)

    await house.ask("1")
    await house.ask("2")
    loop = house.start(house.runtime({"note": endless}), slots=1, grace_seconds=0.2)
    await started.wait()
    began = time.monotonic()
    await loop.stop()
    assert time.monotonic() - began < 3
    assert [(row.state, row.attempts) for row in await house.jobs()] == [("ready", 0), ("ready", 0)]


async def test_the_loop_outlives_a_database_that_goes_away(house: Any) -> None:
    nowhere = make_engine(house.url_for(Role.DISPATCH).replace("port=5432", "port=5433"), Role.DISPATCH)
    runtime = house.runtime()
    broken = JobRuntime(
        dispatch_engine=nowhere, sync_engine=house.sync_engine, clock=house.clock, handlers=runtime.handlers
    )
    loop = house.start(broken, poll_seconds=0.02)
    failed = {"queue": "q", "outcome": "failed"}
    registry = broken.metrics.registry

    async def failed_twice() -> bool:
        return (registry.get_sample_value("hub_job_claims_total", failed) or 0) >= 2

    await house.until(failed_twice)
    assert not loop.task.done()
    await loop.stop()
    await nowhere.dispose()


async def test_jobs_done_long_ago_are_removed_by_the_way(house: Any) -> None:
    await house.ask("old")
    loop = house.start(house.runtime(), poll_seconds=0.02)
    await house.until(lambda: _all_done(house))
    house.clock.move(days=31)
    await house.ask("new")

    async def only_the_new_is_left() -> bool:
        return len(await house.jobs()) == 1

    await house.until(only_the_new_is_left)
    await loop.stop()
    assert await house.effects() == ["new", "old"]


async def test_a_worker_is_judged_by_what_it_claims_not_by_being_alive(house: Any) -> None:
    health = Health(pulses={"q": Pulse(slots=2)})
    assert health.troubles() == []
    health.pulses["q"].last_claim -= 60
    assert health.troubles() == ["queue q: no successful claim for 60 s"]
    health.pulses["q"].busy = 2
    assert health.troubles() == [], "a worker with full hands does not look for more"


async def test_a_worker_with_a_free_slot_and_work_left_lying_is_not_ready(house: Any) -> None:
    await house.ask()
    house.clock.move(minutes=5)
    health, runtime = Health(pulses={"q": Pulse(slots=2)}), house.runtime()
    await measure(runtime, {"q": 2}, health)
    assert health.troubles() == ["queue q: the oldest due job waits for 300 s"]
    assert runtime.metrics.registry.get_sample_value("hub_jobs_due", {"queue": "q"}) == 1
    await house.claim()
    await measure(runtime, {"q": 2}, health)
    assert health.troubles() == []
    assert runtime.metrics.registry.get_sample_value("hub_jobs_oldest_due_seconds", {"queue": "q"}) == 0


async def _all_done(house: Any) -> bool:
    return set(await house.states()) == {"done"}
