"""Jobs as rows: asked for once, claimed by one, finished by whoever holds the token."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.errors import InvalidAskError, NotFoundError
from hub.store import job_rows
from hub.store.landlord_rows import LandlordRow, put_landlord

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"


async def test_asking_twice_for_the_same_work_while_it_is_open_gives_one_job(house: Any) -> None:
    first = await house.ask("rent-2026-11")
    assert first is not None
    assert await house.ask("rent-2026-11") is None
    await house.claim()
    assert await house.ask("rent-2026-11") is None, "a leased job is still open"
    assert await house.ask("rent-2026-11", landlord=TILLEULS) is not None, "another landlord's work is its own"


async def test_work_that_was_done_can_be_asked_for_again(house: Any) -> None:
    await house.ask("rent")
    (claimed,) = await house.claim()
    async with house.as_landlord() as conn:
        assert await job_rows.finish(conn, claimed, now=house.now)
    assert await house.ask("rent") is not None
    assert await house.states() == ["done", "ready"]


async def test_a_job_of_a_transaction_that_was_rolled_back_was_never_asked_for(house: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with house.as_landlord() as conn:
            await job_rows.enqueue(
                conn, landlord=RIVES, queue="q", kind="note", dedup_key="1", payload={}, now=house.now
            )
            raise ZeroDivisionError
    assert await house.jobs() == []


async def test_a_job_is_not_claimed_before_its_time(house: Any) -> None:
    await house.ask(run_at=house.now + timedelta(hours=1))
    assert await house.claim() == []
    house.clock.move(hours=1)
    assert len(await house.claim()) == 1


async def test_jobs_are_claimed_oldest_due_first_and_no_more_than_there_are_slots(house: Any) -> None:
    late = await house.ask("late", run_at=house.now)
    early = await house.ask("early", run_at=house.now - timedelta(minutes=5))
    await house.ask("other queue", queue="elsewhere")
    assert [job.id for job in await house.claim(1)] == [early]
    assert [job.id for job in await house.claim(5)] == [late]
    assert await house.claim(5) == []


async def test_two_claimers_never_get_the_same_job(house: Any) -> None:
    for number in range(60):
        await house.ask(str(number), landlord=RIVES if number % 2 else TILLEULS)
    batches = await asyncio.gather(*(house.claim(7) for _ in range(12)))
    ids = [job.id for batch in batches for job in batch]
    assert len(ids) == len(set(ids))
    assert len(ids) + len(await house.claim(60)) == 60


async def test_jobs_of_one_order_key_go_one_at_a_time_oldest_first(house: Any) -> None:
    first, second = await house.ask("1", order_key="account 7"), await house.ask("2", order_key="account 7")
    other = await house.ask("3", order_key="account 8")
    foreign = await house.ask("4", order_key="account 7", landlord=TILLEULS)
    claimed = await house.claim()
    assert {job.id for job in claimed} == {first, other, foreign}
    assert await house.claim() == []
    async with house.as_landlord() as conn:
        assert await job_rows.finish(conn, claimed[0], now=house.now)
    assert [job.id for job in await house.claim()] == [second]


async def test_a_job_waiting_to_be_tried_again_holds_up_the_younger_of_its_key(house: Any) -> None:
    first = await house.ask("1", order_key="account 7")
    await house.ask("2", order_key="account 7")
    (claimed,) = await house.claim()
    async with house.as_landlord() as conn:
        await job_rows.try_later(conn, claimed, run_at=house.now + timedelta(minutes=1), error="no answer")
    assert await house.claim() == []
    house.clock.move(minutes=1)
    assert [job.id for job in await house.claim()] == [first]


async def test_a_replayed_older_job_waits_for_the_younger_that_runs(house: Any) -> None:
    older = await house.ask("1", order_key="account 7")
    (claimed,) = await house.claim()
    async with house.as_landlord() as conn:
        await job_rows.bury(conn, claimed, error="refused", now=house.now)
    await house.ask("2", order_key="account 7")
    (younger,) = await house.claim()
    async with house.as_landlord() as conn:
        await job_rows.replay(conn, older, now=house.now)
    assert await house.claim() == []
    async with house.as_landlord() as conn:
        await job_rows.finish(conn, younger, now=house.now)
    assert [job.id for job in await house.claim()] == [older]


async def test_a_job_whose_lease_ran_out_is_claimed_again_and_the_late_worker_is_refused(house: Any) -> None:
    await house.ask()
    (late,) = await house.claim(lease_seconds=0.05)
    await asyncio.sleep(0.1)
    (second,) = await house.claim()
    assert (second.id, second.token, second.attempts) == (late.id, late.token + 1, 2)
    async with house.as_landlord() as conn:
        assert await job_rows.read_payload(conn, late) is None
        assert not await job_rows.finish(conn, late, now=house.now)
        assert not await job_rows.bury(conn, late, error="late", now=house.now)
        assert not await job_rows.try_later(conn, late, run_at=house.now, error="late")
        assert not await job_rows.give_back(conn, late)
        assert await job_rows.extend_lease(conn, late, lease_seconds=60) == "lost"
        assert await job_rows.beat_lease(conn, late, lease_seconds=60) == "lost"
        assert await job_rows.finish(conn, second, now=house.now)


async def test_a_job_whose_workers_keep_dying_becomes_a_dead_letter_with_its_reason(house: Any) -> None:
    await house.ask(max_attempts=2)
    for _ in range(2):
        assert len(await house.claim(lease_seconds=0.02)) == 1
        await asyncio.sleep(0.05)
    found = await house.claim_fully()
    assert (found.jobs, [one.kind for one in found.buried]) == ([], ["note"])
    row = await house.the_job()
    assert row.state == "dead"
    assert row.last_error == "its worker was lost during the last of 2 attempts"


async def test_jobs_that_lost_their_worker_twice_are_claimed_one_by_one_with_nothing_beside_them(house: Any) -> None:
    lost = [await house.ask(key) for key in ("one", "two", "three")]
    for _ in range(2):
        assert [job.alone for job in await house.claim(lease_seconds=0.02)] == [False] * 3
        await asyncio.sleep(0.05)
    fresh = await house.ask("fresh")

    claims = [await house.claim() for _ in range(5)]

    assert [[job.alone for job in jobs] for jobs in claims] == [[True], [True], [True], [False], []]
    assert sorted(job.id for jobs in claims[:3] for job in jobs) == lost
    assert [job.id for job in claims[3]] == [fresh]


async def test_a_job_given_back_is_ready_at_once_and_the_attempt_is_not_counted(house: Any) -> None:
    await house.ask()
    (claimed,) = await house.claim()
    async with house.as_landlord() as conn:
        assert await job_rows.give_back(conn, claimed)
    row = await house.the_job()
    assert (row.state, row.attempts, row.lease_until) == ("ready", 0, None)


async def test_a_lease_is_held_busy_or_settled(house: Any) -> None:
    await house.ask()
    (claimed,) = await house.claim(lease_seconds=1)
    before = (await house.the_job()).lease_until
    async with house.as_dispatcher() as conn:
        assert await job_rows.beat_lease(conn, claimed, lease_seconds=60) == "held"
    assert (await house.the_job()).lease_until > before + timedelta(seconds=30)
    async with house.as_landlord() as own, house.as_dispatcher() as conn:
        assert await job_rows.extend_lease(own, claimed, lease_seconds=60) == "held"
        assert await job_rows.beat_lease(conn, claimed, lease_seconds=60) == "busy"
        await job_rows.finish(own, claimed, now=house.now)
    async with house.as_dispatcher() as conn:
        assert await job_rows.beat_lease(conn, claimed, lease_seconds=60) == "settled"


async def test_another_landlord_cannot_finish_list_or_replay_a_job(house: Any) -> None:
    job_id = await house.ask()
    (claimed,) = await house.claim()
    async with house.as_landlord(TILLEULS) as conn:
        assert not await job_rows.finish(conn, claimed, now=house.now)
    async with house.as_landlord() as conn:
        await job_rows.bury(conn, claimed, error="refused", now=house.now)
    async with house.as_landlord(TILLEULS) as conn:
        assert await job_rows.list_dead(conn) == []
        with pytest.raises(NotFoundError):
            await job_rows.replay(conn, job_id, now=house.now)


async def test_dead_letters_are_listed_newest_first_page_by_page_and_replayed(house: Any) -> None:
    ids = [await house.ask(str(number)) for number in range(3)]
    async with house.as_landlord() as conn:
        for claimed in await house.claim():
            await job_rows.bury(conn, claimed, error="the ERP refused it", now=house.now)
    async with house.as_landlord() as conn:
        newest = await job_rows.list_dead(conn, limit=2)
        assert [one.id for one in newest] == [ids[2], ids[1]]
        assert [one.id for one in await job_rows.list_dead(conn, before=ids[1])] == [ids[0]]
        assert newest[0].last_error == "the ERP refused it"
        assert await job_rows.replay(conn, ids[0], now=house.now) == "q"
    (again,) = await house.claim()
    assert (again.id, again.attempts) == (ids[0], 1)


async def test_only_a_dead_job_nobody_asked_for_again_is_replayed(house: Any) -> None:
    job_id = await house.ask("rent")
    async with house.as_landlord() as conn:
        with pytest.raises(InvalidAskError, match="is ready, not dead"):
            await job_rows.replay(conn, job_id, now=house.now)
    (claimed,) = await house.claim()
    async with house.as_landlord() as conn:
        await job_rows.bury(conn, claimed, error="no", now=house.now)
    await house.ask("rent")
    async with house.as_landlord() as conn:
        with pytest.raises(InvalidAskError, match="asked for again"):
            await job_rows.replay(conn, job_id, now=house.now)


async def test_purging_removes_jobs_done_long_ago_and_keeps_the_dead(house: Any) -> None:
    for key in ("old", "dead", "new"):
        await house.ask(key)
    old, dead, _ = await house.claim()
    async with house.as_landlord() as conn:
        await job_rows.finish(conn, old, now=house.now)
        await job_rows.bury(conn, dead, error="no", now=house.now)
    house.clock.move(days=31)
    async with house.as_landlord() as conn:
        assert await job_rows.purge(conn, now=house.now) == 1
    assert await house.states() == ["dead", "leased"]


async def test_a_landlord_keeps_its_done_jobs_as_long_as_it_likes(house: Any) -> None:
    await house.ask("old")
    (old,) = await house.claim()
    async with house.as_landlord() as conn:
        row = LandlordRow(old.landlord, "Rives d'Oise Habitat", "fr-FR", "Europe/Paris", keep_jobs_days=90)
        await put_landlord(conn, row, now=house.now)
        await job_rows.finish(conn, old, now=house.now)
    for days, removed in ((89, 0), (2, 1)):
        house.clock.move(days=days)
        async with house.as_landlord() as conn:
            assert await job_rows.purge(conn, now=house.now) == removed


async def test_the_backlog_counts_what_could_be_started_and_is_not(house: Any) -> None:
    await house.ask("1", order_key="account 7")
    await house.ask("2", order_key="account 7")
    await house.ask("3", run_at=house.now + timedelta(hours=1))
    house.clock.move(minutes=10)
    async with house.as_dispatcher() as conn:
        (waiting,) = await job_rows.backlog(conn, queues=["q", "empty"], now=house.now)
    assert (waiting.queue, waiting.waiting, house.now - waiting.since) == ("q", 1, timedelta(minutes=10))


async def test_the_claim_reads_its_indexes_among_many_finished_jobs(house: Any) -> None:
    fill = text("""
        insert into job (landlord_id, queue, kind, dedup_key, state, run_at, created_at)
        select 'rives-doise', 'q', 'note', n::text, 'done', now(), now() from generate_series(1, 20000) n""")
    async with house.as_landlord() as conn:
        await conn.execute(fill)
    await house.ask("fresh")
    async with house.as_dispatcher() as conn:
        await conn.execute(text("set local enable_seqscan = off"))
        asked = {"queue": "q", "slots": 5, "lease_seconds": 60, "now": house.now, "woken_by": "poll"}
        plan = "\n".join((await conn.execute(text(f"explain {job_rows._CLAIM.text}"), asked)).scalars())
    assert "job_due_idx" in plan
    assert "job_lease_idx" in plan
    assert "Seq Scan" not in plan
