"""A run whose job was given up has failed there and then; it does not go on "running" in a list nobody can trust."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from hub.errors import SettingsError
from hub.jobs import RUN_KIND, RUN_QUEUE
from hub.store.engine import scope
from hub.store.job_rows import enqueue
from hub.store.run_rows import FeedRun, create_run, put_feed_run, start_run
from hub.telling.run_text import run_text

SFTP = "cite-des-tilleuls"
LOST = "update job set state = 'leased', attempts = max_attempts, lease_until = now() - interval '1 second'"


async def asked_by_a_schedule(house: Any) -> int:
    """A run of a slot, as the attempt that made it left it: its job names the slot and not the run."""
    slot: datetime = house.clock.now()
    async with scope(house.parts.engine, SFTP) as conn:
        run_id = await create_run(
            conn, landlord=SFTP, asked_by="schedule", slot=slot, feeds=["sites"], config_version=1, now=slot
        )
        payload = {"schedule": "daily 04:30", "slot": slot.isoformat()}
        await enqueue(conn, landlord=SFTP, queue=RUN_QUEUE, kind=RUN_KIND, dedup_key="slot", payload=payload, now=slot)
    return run_id


async def asked_by_a_person(house: Any) -> int:
    run_id: int = await house.ask(SFTP, "sites")
    return run_id


@pytest.mark.parametrize("asked", [asked_by_a_person, asked_by_a_schedule])
async def test_a_run_whose_workers_keep_dying_ends_with_its_job(house: Any, asked: Any) -> None:
    await house.apply(SFTP)
    run_id = await asked(house)
    async with scope(house.parts.engine, SFTP) as conn:
        await start_run(conn, run_id, now=house.clock.now())
        begun = FeedRun("sites", "sites", "reading", started_at=house.clock.now())
        await put_feed_run(conn, landlord=SFTP, run_id=run_id, report=begun)
    with house.admin() as conn:
        conn.execute(LOST)

    await house.work()

    run = await house.run(SFTP, run_id)
    assert ("dead", "failed") == ((await house.job()).state, run.state)
    assert house.clock.now() == run.finished_at
    assert f"It was given up in the middle: `housing-hub jobs dead {SFTP}` says why" in run_text(SFTP, run, {})


async def test_a_run_whose_job_is_given_up_at_once_ends_with_it_too(house: Any) -> None:
    async def refuses(job: Any, runtime: Any) -> None:
        raise SettingsError("a setting is wrong", hint="put it right")

    await house.apply(SFTP)
    run_id = await house.ask(SFTP, "sites")
    house.runtime = replace(house.runtime, handlers={"sync": refuses})

    await house.work()

    assert "failed" == (await house.run(SFTP, run_id)).state


async def test_the_end_of_one_job_ends_no_other_run(house: Any) -> None:
    await house.apply(SFTP)
    first, second = await house.ask(SFTP, "sites"), await house.ask(SFTP, "sites")
    with house.admin() as conn:
        conn.execute(f"{LOST} where payload ->> 'run_id' = '{first}'")

    await house.work()

    assert ("failed", "done") == ((await house.run(SFTP, first)).state, (await house.run(SFTP, second)).state)
