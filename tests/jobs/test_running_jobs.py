"""Running a job: its effects and its end together, its lease held, its failures told."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from hub.errors import MisconfiguredError, RateLimitedError, TerminalError, UnreachableError, Where
from hub.jobs import BackOff, Job, JobRuntime, drain, finish
from hub.store import job_rows

TILLEULS = "cite-des-tilleuls"


async def test_a_handlers_effects_and_the_jobs_end_are_kept_together(house: Any) -> None:
    await house.ask("rent", max_attempts=1)

    async def stumbles(job: Job, runtime: JobRuntime) -> None:
        async with runtime.transaction(job.landlord) as conn:
            await house.leave_effect(conn, job)
            await finish(conn, job)
            raise TerminalError("after all, no")

    await drain(house.runtime({"note": stumbles}), queue="q")
    assert (await house.effects(), await house.states()) == ([], ["dead"])


async def test_a_job_whose_handler_does_not_finish_it_is_finished_by_the_loop(house: Any) -> None:
    async def only_works(job: Job, runtime: JobRuntime) -> None:
        async with runtime.transaction(job.landlord) as conn:
            await house.leave_effect(conn, job)

    await house.ask("rent")
    runtime = house.runtime({"note": only_works})
    assert await drain(runtime, queue="q") == 1
    assert (await house.effects(), await house.states()) == (["rent"], ["done"])
    assert (await house.the_job()).finished_at == house.now


async def test_each_landlords_job_runs_as_that_landlord(house: Any) -> None:
    await house.ask("a")
    await house.ask("b", landlord=TILLEULS)
    await drain(house.runtime(), queue="q")
    assert (await house.effects(), await house.effects(TILLEULS)) == (["a"], ["b"])


async def test_a_retryable_error_brings_the_job_back_later_and_later(house: Any) -> None:
    async def unreachable(job: Job, runtime: JobRuntime) -> None:
        raise UnreachableError("the ERP does not answer", where=Where(feed="ledger"))

    await house.ask()
    runtime = house.runtime({"note": unreachable})
    waits = []
    for _ in range(3):
        assert await drain(runtime, queue="q") == 1
        waits.append((await house.the_job()).run_at - house.now)
        house.clock.move(seconds=waits[-1].total_seconds())
    seconds = [wait.total_seconds() for wait in waits]
    assert 8 <= seconds[0] <= 12
    assert 16 <= seconds[1] <= 24
    assert 32 <= seconds[2] <= 48
    row = await house.the_job()
    assert (row.state, row.attempts, row.last_error) == ("ready", 3, "feed ledger: the ERP does not answer")


async def test_being_told_to_slow_down_is_honoured(house: Any) -> None:
    async def told(job: Job, runtime: JobRuntime) -> None:
        raise RateLimitedError("too many calls", retry_after=600)

    await house.ask()
    await drain(house.runtime({"note": told}), queue="q")
    assert (await house.the_job()).run_at == house.now + timedelta(minutes=10)


@pytest.mark.parametrize("error", [MisconfiguredError, TerminalError])
async def test_what_no_retry_would_mend_is_a_dead_letter_at_once(house: Any, error: type[TerminalError]) -> None:
    async def refused(job: Job, runtime: JobRuntime) -> None:
        raise error("the ERP refuses the password", hint="correct secrets/erp_password")

    await house.ask()
    await drain(house.runtime({"note": refused}), queue="q")
    row = await house.the_job()
    assert (row.state, row.attempts) == ("dead", 1)
    assert row.last_error == "the ERP refuses the password → correct secrets/erp_password"


async def test_a_poisonous_job_is_given_up_replayed_once_mended_and_leaves_one_effect(house: Any) -> None:
    async def poisoned(job: Job, runtime: JobRuntime) -> None:
        raise UnreachableError("no answer")

    job_id = await house.ask("rent", max_attempts=3)
    for _ in range(5):
        await drain(house.runtime({"note": poisoned}), queue="q")
        house.clock.move(hours=1)
    row = await house.the_job()
    assert (row.state, row.attempts) == ("dead", 3)
    assert row.last_error == "given up after 3 attempts: no answer"
    async with house.as_landlord() as conn:
        await job_rows.replay(conn, job_id, now=house.now)
    await drain(house.runtime(), queue="q")
    assert (await house.states(), await house.effects()) == (["done"], ["rent"])


async def test_an_unexpected_error_is_shown_by_class_and_place_without_its_text(house: Any) -> None:
    async def clumsy(job: Job, runtime: JobRuntime) -> None:
        raise ValueError("Mme Lefèvre, FR76 3000 6000 0112 3456 7890 189")

    await house.ask()
    with capture_logs() as logs:
        await drain(house.runtime({"note": clumsy}), queue="q")
    shown = (await house.the_job()).last_error
    assert re.fullmatch(r"ValueError at .*test_running_jobs\.py:\d+", shown)
    assert any(entry["event"] == "job failed" for entry in logs)
    assert "Lefèvre" not in str(logs)
    assert "3000" not in str(logs)


async def test_a_kind_nobody_here_can_do_is_left_for_a_newer_worker(house: Any) -> None:
    await house.ask(kind="from the future")
    await drain(house.runtime(), queue="q")
    row = await house.the_job()
    assert row.state == "ready"
    assert "no handler for 'from the future'" in row.last_error


async def test_a_long_job_keeps_its_lease_while_it_runs(house: Any) -> None:
    others: list[int] = []

    async def slow(job: Job, runtime: JobRuntime) -> None:
        for _ in range(10):
            await asyncio.sleep(0.15)
            others.append(len(await house.claim()))

    await house.ask()
    await drain(house.runtime({"note": slow}, lease_seconds=0.6), queue="q")
    assert others == [0] * 10
    assert (await house.the_job()).state == "done"
    assert (await house.the_job()).attempts == 1


async def test_a_transaction_longer_than_the_lease_is_not_taken_for_a_lost_one(house: Any) -> None:
    others: list[int] = []

    async def applies(job: Job, runtime: JobRuntime) -> None:
        async with runtime.transaction(job.landlord) as conn:
            await job_rows.extend_lease(conn, job.claimed, lease_seconds=runtime.lease_seconds)
            await asyncio.sleep(1.2)
            others.append(len(await house.claim()))
            await house.leave_effect(conn, job)
            await finish(conn, job)

    await house.ask("rent")
    await drain(house.runtime({"note": applies}, lease_seconds=0.4), queue="q")
    assert (others, await house.effects(), await house.states()) == ([0], ["rent"], ["done"])


async def test_a_handler_whose_lease_was_lost_is_stopped_and_writes_nothing(house: Any) -> None:
    stopped = asyncio.Event()

    async def robbed(job: Job, runtime: JobRuntime) -> None:
        async with house.as_landlord() as conn:
            await conn.execute(text("update job set token = token + 1, woken_by = 'bell'"))
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    await house.ask()
    runtime = house.runtime({"note": robbed}, lease_seconds=0.3)
    async with asyncio.timeout(10):
        await drain(runtime, queue="q")
    assert stopped.is_set()
    row = await house.the_job()
    assert (row.state, row.woken_by, row.last_error) == ("leased", "bell", None)
    assert runtime.metrics.registry.get_sample_value(
        "hub_jobs_ended_total", {"queue": "q", "kind": "note", "outcome": "lost"}
    )


async def test_a_worker_that_comes_late_with_its_effects_must_drop_them(house: Any) -> None:
    async def robbed(job: Job, runtime: JobRuntime) -> None:
        async with house.as_landlord() as conn:
            await conn.execute(text("update job set token = token + 1"))
        async with runtime.transaction(job.landlord) as conn:
            await house.leave_effect(conn, job)
            await finish(conn, job)

    await house.ask("rent")
    await drain(house.runtime({"note": robbed}), queue="q")
    assert (await house.effects(), await house.states()) == ([], ["leased"])


async def test_a_database_that_goes_away_for_a_moment_does_not_cost_the_lease(house: Any) -> None:
    async def outlives(job: Job, runtime: JobRuntime) -> None:
        await house.sync_engine.dispose()
        async with house.as_landlord() as conn:
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'hub_sync'"
            await conn.execute(text(f"{ended} and pid <> pg_backend_pid() and datname = current_database()"))
        await asyncio.sleep(0.8)

    await house.ask()
    await drain(house.runtime({"note": outlives}, lease_seconds=0.6), queue="q")
    assert await house.states() == ["done"]


async def test_a_handler_that_cancels_itself_is_retried_not_started_again_for_ever(house: Any) -> None:
    async def cancels(job: Job, runtime: JobRuntime) -> None:
        raise asyncio.CancelledError

    await house.ask()
    assert await drain(house.runtime({"note": cancels}), queue="q") == 1
    row = await house.the_job()
    assert (row.state, row.attempts) == ("ready", 1)
    assert row.run_at > house.now


def test_back_off_grows_to_its_limit_and_never_makes_everyone_come_back_at_once() -> None:
    back_off = BackOff(first=5, factor=4, longest=900)
    for attempts, middle in ((1, 5), (2, 20), (3, 80), (4, 320), (5, 900), (50, 900)):
        waits = {back_off.after(attempts).total_seconds() for _ in range(50)}
        assert all(middle * 0.8 <= wait <= middle * 1.2 for wait in waits)
        assert len(waits) > 10
