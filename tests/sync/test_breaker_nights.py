"""An ERP that hangs, drips or is away: left alone, shown, tried again by itself; it keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from hub.bootstrap import SLOTS
from hub.domain.clock import SystemClock
from hub.errors import BreakerOpenError, NotFoundError
from hub.jobs import NoBell
from hub.jobs.loop import poll_and_run
from hub.services.connectors import read_connectors, reset_connector

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
MASTER_KEY = base64.b64encode(hashlib.sha256(b"test").digest()).decode()


async def breaker(house: Any, slug: str = SOAP) -> Any:
    ((_, row),) = await read_connectors(house.parts.engine, slug)
    return row


async def until_it_opens(house: Any, slug: str, *feeds: str) -> int:
    """The run whose third attempt opens the breaker."""
    run_id: int = await house.ask(slug, *feeds)
    for _ in range(3):
        await house.work()
        job = await house.job()
        house.clock.instant = max(house.clock.now(), job.run_at)
    return run_id


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_an_erp_that_is_away_opens_its_breaker_and_its_run_is_told_as_failed(home: Any, slug: str) -> None:
    home.sandbox.stop()
    run_id = await until_it_opens(home, slug, "sites", "units")

    row = await breaker(home, slug)
    assert (row.breaker.state, row.breaker.failures, row.breaker.last_error_code) == ("open", 3, "UNREACHABLE")
    run, job = await home.run(slug, run_id), await home.job()
    assert ("failed", "ready", ["erp"]) == (run.state, job.state, job.needs)
    assert 2 == job.attempts, "the attempt that opened it is not counted, nor will be those while it is open"
    assert 0 == await home.work(), "nobody claims it meanwhile"
    assert (1, 0) == (row.waiting, row.running)
    shown = await asyncio.to_thread(command, home, "runs", "show", slug)
    assert f"It goes on by itself: erp is tried again at {row.breaker.open_until:%H:%M:%S} UTC" in shown
    assert f"housing-hub connectors reset {slug} erp" in shown
    assert re.search(r"units +skipped +not tried: .*", shown) is None, "each reason is told once, with its feed"
    assert "Once put right" not in shown
    (morning,) = json.loads(await asyncio.to_thread(command, home, "status", slug, "--json"))
    (matter,) = [one for one in morning["matters"] if not one["text"].startswith("refused lines")]
    assert matter["text"].startswith("erp does not answer since 20 November ")
    assert (f"housing-hub connectors reset {slug} erp", False) == (matter["do"], matter["needs_person"])


async def test_while_it_is_open_the_erp_is_not_called_and_what_can_be_asked_is_refused_at_once(home: Any) -> None:
    home.sandbox.stop()
    await until_it_opens(home, SFTP, "sites")
    with pytest.raises(BreakerOpenError, match=r"breaker of erp is open until \d\d:\d\d UTC, opened by UNREACHABLE"):
        await home.ask(SFTP)
    with home.admin() as conn:  # a run that was asked for before it opened, and is not gated
        conn.execute("update job set state = 'done'")
        conn.execute("update breaker set state = 'closed', open_until = null where landlord_id = %s", [SFTP])
    run_id = await home.ask(SFTP, "sites", "units")
    with home.admin() as conn:
        conn.execute("update job set needs = null where state = 'ready'")
        conn.execute(
            "update breaker set state = 'open', open_until = %s where landlord_id = %s",
            [home.clock.now().replace(year=2027), SFTP],
        )
    began = time.monotonic()
    assert 1 == await home.work()
    first, second = (await home.run(SFTP, run_id)).feed_runs
    assert ("skipped", "BREAKER_OPEN") == (first.state, first.error_code)
    assert "connectors reset cite-des-tilleuls erp" in first.hint
    assert ("skipped", f"not tried: {first.error}") == (second.state, second.error)
    assert time.monotonic() - began < 3


async def test_it_closes_by_itself_when_the_erp_is_back_and_the_same_run_is_done(home: Any, open_again: Any) -> None:
    home.sandbox.advance(days=1)
    home.sandbox.stop()
    run_id = await until_it_opens(home, SFTP)
    for minutes in (1, 2, 4):  # trials that fail: the pauses double, no attempt is counted
        home.clock.move(minutes=minutes)
        assert 1 == await home.work()
        assert ("open", 2) == ((await breaker(home, SFTP)).breaker.state, (await home.job()).attempts)
        assert 0 == await home.work()
    assert "failed" == (await home.run(SFTP, run_id)).state
    open_again()
    home.clock.move(days=1)

    assert 1 == await home.work()

    assert ("closed", 0) == ((await breaker(home, SFTP)).breaker.state, (await breaker(home, SFTP)).breaker.failures)
    run = await home.run(SFTP, run_id)
    assert ("done", []) == (run.state, [one.error for one in run.feed_runs if one.error])
    assert "done" == (await home.job()).state
    assert home.truth(SFTP) == await home.holds(SFTP)


@pytest.fixture
def open_again(home: Any, stack: Any) -> Any:
    """Start the stopped sandbox again, where it was."""

    def start() -> None:
        from hub.sandbox import Sandbox

        told = home.sandbox
        home.sandbox = stack.enter_context(Sandbox(told.folder, seed=1, contracts=12, today=told.day))

    return start


async def test_a_corrected_file_is_what_the_waiting_run_goes_on_with(home: Any) -> None:
    await home.apply(SFTP, lambda text: re.sub(r"(?m)^port = \d+", "port = 9", text))
    run_id = await until_it_opens(home, SFTP, "sites")
    assert "open" == (await breaker(home, SFTP)).breaker.state
    await home.apply(SFTP)
    await reset_connector(home.parts.engine, home.clock, NoBell(), SFTP, "erp")
    assert 1 == await home.work()
    assert "done" == (await home.run(SFTP, run_id)).state


def command(house: Any, *words: str) -> str:
    """What `housing-hub` prints; it exits with 0."""
    settings = house.settings
    env = os.environ | {
        "HOUSING_HUB_DATABASE_URL": settings.database_url,
        "HOUSING_HUB_MASTER_KEY": MASTER_KEY,
        "HOUSING_HUB_DATA_DIR": str(settings.data_dir),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", *words], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


async def test_an_operator_sees_the_breaker_and_closes_it(home: Any) -> None:
    home.sandbox.stop()
    await until_it_opens(home, SFTP, "sites")
    (shown,) = json.loads(await asyncio.to_thread(command, home, "connectors", "list", SFTP, "--json"))
    assert (shown["state"], shown["failures"], shown["last_error"]) == ("open", 3, "UNREACHABLE")
    assert (shown["max_at_once"], shown["running"], shown["waiting"]) == (1, 0, 1)
    assert shown["next_try"] > home.clock.now().isoformat()
    assert "open" in await asyncio.to_thread(command, home, "connectors", "list")
    said = await asyncio.to_thread(command, home, "connectors", "reset", SFTP, "erp")
    assert "erp of cite-des-tilleuls may be called again" in said
    assert "closed" == (await breaker(home, SFTP)).breaker.state


async def test_a_reset_lets_what_waits_begin_at_once(home: Any) -> None:
    home.sandbox.stop()
    await until_it_opens(home, SFTP, "sites")
    assert 0 == await home.work()
    assert 1 == await reset_connector(home.parts.engine, home.clock, NoBell(), SFTP, "erp")
    assert "closed" == (await breaker(home, SFTP)).breaker.state
    assert 1 == await home.work()
    with pytest.raises(NotFoundError, match="its connectors are erp"):
        await reset_connector(home.parts.engine, home.clock, NoBell(), SFTP, "crm")
    with pytest.raises(NotFoundError, match="no landlord"):
        await read_connectors(home.parts.engine, "nobody")


# --- no shared slot ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def worker(house: Any) -> AsyncIterator[None]:
    """A real worker's loop with the slots of production, until the block ends."""
    stop = asyncio.Event()
    runtime = replace(house.runtime, clock=SystemClock())
    slots = {"sync": SLOTS["sync"]}
    running = poll_and_run(runtime, slots=slots, poll_seconds=0.5, alarms={}, stop=stop, grace_seconds=1)
    task = asyncio.create_task(running)
    try:
        yield
    finally:
        house.sandbox.soap.stop()
        stop.set()
        await task


@pytest.mark.parametrize("fault", [{"hang": True}, {"drip_seconds": 0.5}], ids=["hangs", "drips"])
async def test_a_landlord_whose_erp_hangs_or_drips_does_not_make_another_start_late(
    home: Any, fault: dict[str, Any]
) -> None:
    """In a minute of A's trouble B is asked for five times; each starts within five seconds while A still hangs."""
    await home.apply(
        SOAP, lambda text: text.replace("[connectors.erp.network]", "[connectors.erp.network]\ntotal_seconds = 90.0")
    )
    for name, value in fault.items():
        setattr(home.sandbox.soap.faults, name, value)
    async with worker(home):
        hung = await home.ask(SOAP)
        await _until(lambda: _state(home, SOAP, hung, "running"), seconds=20)
        for _ in range(3):
            asked = time.monotonic()
            quick = await home.ask(SFTP, "sites", "units")
            await _until(lambda run=quick: _started(home, SFTP, run), seconds=5)
            assert time.monotonic() - asked <= 5
            await _until(lambda run=quick: _state(home, SFTP, run, "done"), seconds=30)
            assert "running" == (await home.run(SOAP, hung)).state
    assert (await breaker(home, SFTP)).breaker.state == "closed"


async def _state(house: Any, slug: str, run_id: int, state: str) -> bool:
    return bool((await house.run(slug, run_id)).state == state)


async def _started(house: Any, slug: str, run_id: int) -> bool:
    return (await house.run(slug, run_id)).started_at is not None


async def _until(holds: Any, *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.05)
