"""Trials of one trouble each: a broker that dies or never comes, poison among the jobs, a landlord's dead ERP."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from fleet import HOST, SFTP, SOAP, Fleet, HarnessError, persistently, until
from mortal_process import CURED
from notes import Notes
from onlookers import Tenant

from hub.cli.demo import TENANTS
from hub.domain.clock import SystemClock
from hub.services.connectors import reset_connector
from hub.services.issue_token import issue_token
from hub.services.start_sync import start_sync
from hub.store.engine import scope
from hub.store.job_rows import replay

Say = Callable[[str], None]

RESUMED_SECONDS: Final = 10.0
BELL_SHARE: Final = 0.95
RATIO: Final = 1.5
_SINCE: Final = """
    select extract(epoch from min(finished_at) - to_timestamp(%s)) as resumed,
           extract(epoch from min(finished_at) filter (where woken_by = 'bell') - to_timestamp(%s)) as rung
    from job where kind = 'note' and created_at >= to_timestamp(%s) and state = 'done'"""
_SHARE: Final = """
    select count(*) as jobs, count(*) filter (where woken_by = 'bell') as by_bell
    from job where kind = 'note' and created_at >= to_timestamp(%s)"""
_WAITED: Final = """
    select extract(epoch from finished_at - created_at) from job
    where kind = 'note' and created_at >= to_timestamp(%s) and created_at < to_timestamp(%s) order by 1"""
_POISON: Final = "select id, state, attempts, last_error from job where kind = 'poison' order by id"


@asynccontextmanager
async def _asking(notes: Notes, *, every: float) -> AsyncIterator[None]:
    task = asyncio.create_task(notes.ask_for_ever(every=every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def broker(folder: Path, *, seed: int, kills: int, say: Say) -> list[str]:
    """The broker is killed so many times while jobs are asked for; then it stays, and later it never comes at all."""
    chance, resumed, rung = Random(f"{seed}/broker"), [], []
    async with Fleet(folder / "broker", workers=2) as fleet:
        notes = Notes(fleet)
        async with _asking(notes, every=0.05):
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                await fleet.kill_broker(chance.uniform(0.1, 4.0))
                times = await _back_to_work(fleet, time.time())
                resumed.append(times[0])
                rung.append(times[1])
        await notes.all_done()
        wrong = await notes.differences()
        say(
            f"broker   killed {kills} times, {len(notes.keys)} jobs, {len(wrong)} differences; work went on at most "
            f"{max(resumed):.1f} s after its return, by the bell at most {max(rung):.1f} s"
        )
        share, jobs = await _share_of_the_bell(fleet, notes)
        say(f"bell     {share:.1%} of {jobs} jobs started by it")
    if max(resumed) > RESUMED_SECONDS:
        wrong.append(f"work went on {max(resumed):.1f} s after the broker's return")
    if share < BELL_SHARE:
        wrong.append(f"the bell started {share:.1%} of the jobs")
    return wrong + await _without_broker(folder, say)


async def _back_to_work(fleet: Fleet, back: float) -> tuple[float, float]:
    """Seconds until a job asked for after the return is done, and until one is done because the bell rang."""

    async def both() -> Any:
        (row,) = await fleet.sql(_SINCE, back, back, back)
        return row if row.rung is not None else None

    row = await until(both, "the bell rings again", seconds=120)
    return float(row.resumed), float(row.rung)


async def _share_of_the_bell(fleet: Fleet, notes: Notes, count: int = 200) -> tuple[float, int]:
    since = time.time()
    for _ in range(count):
        await notes.ask()
        await asyncio.sleep(0.03)
    await notes.all_done()
    (row,) = await fleet.sql(_SHARE, since)
    return row.by_bell / row.jobs, row.jobs


async def _without_broker(folder: Path, say: Say, count: int = 200) -> list[str]:
    async with Fleet(folder / "no-broker", workers=2, broker=False) as fleet:
        notes = Notes(fleet)
        for _ in range(count):
            await notes.ask()
        await notes.all_done()
        wrong = await notes.differences()
        (row,) = await fleet.sql(_SHARE, 0)
    say(f"absent   {row.jobs} jobs without a broker, all done: {not wrong}, {row.by_bell} by the bell")
    return wrong + ([f"{row.by_bell} jobs by a bell that is not there"] if row.by_bell else [])


async def poison(folder: Path, *, say: Say, count: int = 100, killers: int = 1) -> list[str]:
    """So many jobs that go wrong every time, some of them taking their worker along; sound ones go on meanwhile."""
    async with Fleet(folder / "poison", workers=3) as fleet:
        bad, good = Notes(fleet, landlord=SFTP), Notes(fleet)
        keeper = asyncio.create_task(_keep_alive(fleet))
        try:
            began = time.time()
            async with _asking(good, every=0.1):
                await asyncio.sleep(5)
                poisoned = time.time()
                for number in range(count):
                    how = "kill" if number < killers else "raise"
                    await bad.ask("poison", how=how)
                await until(lambda: _all_dead(fleet), "all poison is given up on", seconds=300)
                ended = time.time()
            await good.all_done()
            dead = await fleet.sql(_POISON)
            before, during = await _waited(fleet, began, poisoned), await _waited(fleet, poisoned, ended)
            (fleet.folder / CURED).touch()
            await _replay_all(fleet, [row.id for row in dead])
            replayed = await fleet.sql(_POISON)
        finally:
            keeper.cancel()
        noted = await good.differences()
    silent = sum(not row.last_error for row in dead)
    undone = sum(row.state != "done" for row in replayed)
    by_worker = sum("worker was lost" in (row.last_error or "") for row in dead)
    say(
        f"poison   {len(dead)} jobs dead with a reason in {ended - poisoned:.0f} s, {by_worker} of them because "
        f"their workers died; {len(good.keys)} others waited {before} before and {during} meanwhile; "
        f"{len(replayed) - undone} done when replayed"
    )
    wrong = [f"{silent} dead without a reason"] if silent else []
    wrong += [f"{by_worker - killers} jobs given up on for what another did"] if by_worker > killers else []
    wrong += [f"{undone} not done when replayed"] if undone else []
    return wrong + noted


async def _keep_alive(fleet: Fleet) -> None:
    """What a supervisor does: start again what ended."""
    while True:
        for name in fleet.workers:
            if fleet.processes[name].ended() is not None:
                fleet.start(name)
        await asyncio.sleep(0.1)


async def _all_dead(fleet: Fleet) -> bool:
    return {row.state for row in await fleet.sql(_POISON)} == {"dead"}


async def _waited(fleet: Fleet, since: float, until_then: float) -> str:
    """From being asked for to being done."""
    waited = [float(row[0]) for row in await fleet.sql(_WAITED, since, until_then)]
    p50, p95 = (waited[int(len(waited) * part)] for part in (0.5, 0.95))
    return f"{p50:.2f} s (p95 {p95:.2f} s)"


async def _replay_all(fleet: Fleet, jobs: list[int]) -> None:
    async with scope(fleet.parts.sync.engine, SFTP) as conn:
        for job in jobs:
            await replay(conn, job, now=SystemClock().now())

    async def over() -> bool:
        return not {row.state for row in await fleet.sql(_POISON)} & {"ready", "leased"}

    await until(over, "the replayed jobs end")


async def neighbour(folder: Path, *, say: Say, blocks: int = 8, seconds: float = 6.0, at_once: int = 4) -> list[str]:
    """One landlord's ERP hangs or drips in every second block, while the other's tenants ask the API."""
    calm, troubled = [], []
    async with Fleet(folder / "neighbour", workers=1, contracts=100, patience=20) as fleet:
        await _first_night(fleet)
        tenant = await _tenant(fleet, SFTP)
        await _block(tenant, seconds=seconds, at_once=at_once)  # the first answers of a process are slower
        for number in range(blocks):
            if number % 2 == 0:
                calm.append(await _block(tenant, seconds=seconds, at_once=at_once))
                continue
            async with _erp_that(fleet, "hang" if number % 4 == 1 else "drip"):
                troubled.append(await _block(tenant, seconds=seconds, at_once=at_once))
    ratio = statistics.median(troubled) / statistics.median(calm)
    listed = [", ".join(f"{one * 1000:.0f}" for one in found) for found in (calm, troubled)]
    say(
        f"neighbour p95 of the API in ms: calm {listed[0]}; beside a hanging or dripping ERP {listed[1]}: {ratio:.2f} ×"
    )
    wrong = [f"{len(tenant.wrong)} wrong answers, the first: {tenant.wrong[0]}"] if tenant.wrong else []
    return wrong + ([f"{ratio:.2f} × beside a dead ERP"] if ratio > RATIO else [])


async def _first_night(fleet: Fleet) -> None:
    for slug in (SOAP, SFTP):
        await _sync(fleet, slug)

    async def quiet() -> bool:
        return not await fleet.sql("select 1 from job where state in ('ready', 'leased') limit 1")

    await until(quiet, "the first night ends", seconds=300)


async def _sync(fleet: Fleet, slug: str) -> None:
    parts = fleet.parts
    await persistently(lambda: start_sync(parts.sync.engine, SystemClock(), parts.bell, slug))


async def _tenant(fleet: Fleet, slug: str) -> Tenant:
    engine, hours = fleet.parts.sync.engine, timedelta(hours=8)
    issued = await issue_token(
        engine, SystemClock(), profile="developer", landlord=slug, person=TENANTS[slug], valid=hours
    )
    return Tenant(f"http://{HOST}:{fleet.port}/{slug}/graphql", {"Authorization": f"Bearer {issued.token}"})


async def _block(tenant: Tenant, *, seconds: float, at_once: int) -> float:
    """The p95 of so many clients at once over some seconds."""
    tenant.seconds.clear()
    until_then = time.monotonic() + seconds

    async def one() -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            while time.monotonic() < until_then:
                await tenant.ask(client)

    await asyncio.gather(*(one() for _ in range(at_once)))
    return statistics.quantiles(tenant.seconds, n=20)[-1]


@asynccontextmanager
async def _erp_that(fleet: Fleet, what: str) -> AsyncIterator[None]:
    """Meanwhile a sync of the other landlord is caught in its ERP; afterwards it has ended."""
    order = {"what": what, "file": "", "times": None, "until": None}
    await fleet.sandbox(do="misbehave", landlord=SOAP, order=order)
    await _sync(fleet, SOAP)
    caught = "select 1 from job where state in ('ready', 'leased') and landlord_id = 'rives-doise'"
    await until(lambda: fleet.sql(f"{caught} and state = 'leased'"), "the sync is caught")
    yield
    if not await fleet.sql(caught):
        raise HarnessError("the ERP held nobody up until the end of the block")
    await fleet.sandbox(do="behave", landlord=SOAP)

    async def free() -> bool:
        parts = fleet.parts
        await reset_connector(parts.sync.engine, SystemClock(), parts.bell, SOAP, "erp")
        return not await fleet.sql("select 1 from job where state in ('ready', 'leased') limit 1")

    await until(free, "the caught sync ends", seconds=300, every=0.5)
