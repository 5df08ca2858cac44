"""Worker processes killed, stopped, doubled and left without broker: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.embedded.valkey import EmbeddedValkey
from hub.jobs import Bell
from hub.worker.bell import make_bell


async def test_the_job_of_a_killed_worker_is_taken_up_by_another_and_done_once(farm: Any) -> None:
    first = farm.start(lease=1)
    await farm.ask("rent", kind="slow_at_first")
    await farm.until(farm.begun)
    first.kill()
    farm.start(lease=1)
    await farm.until(farm.all_done)
    (row,) = await farm.jobs()
    assert (row.attempts, await farm.remembered()) == (2, ["rent"])


async def test_workers_killed_again_and_again_lose_nothing_and_double_nothing(farm: Any) -> None:
    chance, keys = random.Random(7), sorted(f"{number:03}" for number in range(90))
    for key in keys:
        await farm.ask(key, seconds=0.3)

    async def at_work() -> bool:
        return any(row.state == "leased" for row in await farm.jobs())

    workers = [farm.start(lease=1, poll=0.05) for _ in range(2)]
    for victims in ((0, 1), (1,), (0,)):  # both at first: one alone may still be starting
        await farm.until(at_work)
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        for victim in victims:
            workers[victim].kill()
            workers[victim] = farm.start(lease=1, poll=0.05)
    await farm.until(farm.all_done)
    assert await farm.remembered() == keys
    rows = await farm.jobs()
    assert any(row.attempts > 1 for row in rows), "a kill has to have hit a job"
    assert not any(row.last_error for row in rows), "no effect was tried a second time"


async def test_a_job_that_kills_every_worker_takes_no_other_job_along(farm: Any) -> None:
    await farm.ask("killer", kind="take_the_worker_along")
    keys = [f"sound {number}" for number in range(3)]
    for key in keys:
        await farm.ask(key, seconds=0.5)
    worker = farm.start(lease=1)

    async def settled() -> bool:
        nonlocal worker
        if worker.popen.poll() is not None:
            worker = farm.start(lease=1)
        return not {row.state for row in await farm.jobs()} & {"ready", "leased"}

    await farm.until(settled, seconds=120)
    rows = await farm.jobs()
    assert [row.state for row in rows] == ["dead", "done", "done", "done"]
    assert rows[0].last_error == "its worker was lost during the last of 5 attempts"
    assert await farm.remembered() == keys


async def test_with_a_broker_nearly_every_job_is_started_by_the_bell(farm: Any, broker_url: str) -> None:
    worker, bell = farm.start(broker=broker_url, poll=2), make_bell(broker_url)
    await farm.until(lambda: _rung(farm, bell))
    warm = len(await farm.jobs())
    for number in range(60):
        await farm.ask(str(number))
        bell.ring("q")
        await asyncio.sleep(0.02)
    await farm.until(farm.all_done)
    bell.close(5)
    by_bell = [row.woken_by for row in await farm.jobs()][warm:].count("bell")
    assert by_bell / 60 >= 0.95
    assert worker.terminate() < 5, "an idle worker ends at once when told"
    assert worker.popen.returncode == 0


async def test_without_the_broker_the_poll_does_the_same_work_and_when_it_is_back_the_bell(
    farm: Any, tmp_path: Path
) -> None:
    valkey = EmbeddedValkey(tmp_path / "broker")
    url = valkey.start()
    valkey.stop()
    farm.start(broker=url, poll=0.2)
    bell = make_bell(url)
    for number in range(10):
        await farm.ask(f"broker down {number}")
        bell.ring("q")
    await farm.until(farm.all_done)
    assert {row.woken_by for row in await farm.jobs()} == {"poll"}
    valkey.start()
    await farm.until(lambda: _rung(farm, bell))
    valkey.stop()
    await farm.ask("broker down again")
    await farm.until(farm.all_done)
    bell.close()


async def test_a_worker_told_to_stop_gives_back_what_it_cannot_end_in_time(farm: Any) -> None:
    worker = farm.start()
    await farm.ask("rent", kind="slow_at_first")
    await farm.until(farm.begun)
    assert worker.terminate() < 10
    (row,) = await farm.jobs()
    assert (row.state, row.attempts) == ("ready", 0)


async def test_a_worker_whose_thread_hangs_is_gone_within_ten_seconds_all_the_same(farm: Any, broker_url: str) -> None:
    worker = farm.start(broker=broker_url)
    await farm.ask("rent", kind="hang_in_thread")
    await farm.until(farm.begun)
    assert worker.terminate() < 11
    (row,) = await farm.jobs()
    assert row.state == "ready"


async def test_a_stopping_worker_lets_short_jobs_end(farm: Any, broker_url: str) -> None:
    worker = farm.start(broker=broker_url)
    for number in range(4):
        await farm.ask(str(number), seconds=1)

    async def running() -> bool:
        return {row.state for row in await farm.jobs()} == {"leased"}

    await farm.until(running)
    worker.terminate()
    assert worker.popen.returncode == 0
    assert await farm.all_done()


async def test_a_broker_that_refuses_the_password_leaves_the_poll_to_do_the_work(farm: Any) -> None:
    refusing = await asyncio.start_server(_refuse_amqp, "127.0.0.1", 0)
    async with refusing:
        port = refusing.sockets[0].getsockname()[1]
        worker = farm.start(broker=f"amqp://me:s3cret@127.0.0.1:{port}//")

        async def refused() -> bool:
            return any(event["event"] == "the broker refuses us: polling" for event in worker.events())

        await farm.until(refused)
        await farm.ask("a")
        await farm.until(farm.all_done)
        assert [row.woken_by for row in await farm.jobs()] == ["poll"]
        assert worker.terminate() < 5
    assert worker.popen.returncode == 0
    assert "s3cret" not in worker.log.read_text()


async def _refuse_amqp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker of AMQP 0-9-1 that greets (10, 10), hears the password and closes (10, 50) with 403."""
    text = b"ACCESS_REFUSED"
    greeting = struct.pack(">HHBBII5sI5s", 10, 10, 0, 9, 0, 5, b"PLAIN", 5, b"en_US")
    closing = struct.pack(f">HHHB{len(text)}sHH", 10, 50, 403, len(text), text, 10, 11)
    await reader.readexactly(8)
    for method in (greeting, closing):
        writer.write(struct.pack(">BHI", 1, 0, len(method)) + method + b"\xce")
        await writer.drain()
        await reader.read(4096)
    writer.close()


async def test_a_worker_tells_its_health_and_logs_jobs_as_json_without_their_content(farm: Any) -> None:
    worker = farm.start(health_port=0)
    await farm.ask("Mme Lefèvre")
    await farm.until(farm.all_done)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await worker.health_port()}") as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "troubles": []})
        metrics = (await client.get("/metrics")).text
        assert 'hub_jobs_ended_total{kind="note",outcome="done",queue="q"} 1.0' in metrics
        assert (await client.get("/elsewhere")).status_code == 404
        assert (await client.post("/healthz")).status_code == 405
    assert worker.terminate() < 5
    (ended,) = [event for event in worker.events() if event["event"] == "job ended"]
    told = {name: ended[name] for name in ("landlord", "kind", "outcome", "level")}
    assert told == {"landlord": "rives-doise", "kind": "note", "outcome": "done", "level": "info"}
    assert "Lefèvre" not in worker.log.read_text()


async def test_a_database_of_another_version_stops_the_worker_and_says_what_to_do(
    farm: Any, pg_server: Any, broker_url: str
) -> None:
    worker = farm.start(url=pg_server.url("postgres", ""), broker=broker_url)
    assert worker.popen.wait(60) == 3
    assert "housing-hub migrate" in worker.log.read_text()


@pytest.mark.parametrize("process", ["worker", "scheduler"])
async def test_the_real_processes_start_from_settings_and_end_when_told(
    farm: Any, clean_environment: dict[str, str], tmp_path: Path, process: str
) -> None:
    environment = clean_environment | {
        "HOUSING_HUB_DATABASE_URL": farm.url,
        "HOUSING_HUB_DATA_DIR": str(tmp_path / "data"),
        "HOUSING_HUB_MASTER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "HOUSING_HUB_WORKER_PORT": "0",
        "HOUSING_HUB_SCHEDULER_PORT": "0",
    }
    log = tmp_path / "process.log"
    with log.open("wb") as sink:
        running = subprocess.Popen(
            [sys.executable, "-m", "hub.worker", process], env=environment, stdout=sink, stderr=sink, cwd=tmp_path
        )
    try:

        async def started() -> bool:
            return "health is told" in log.read_text()

        await farm.until(started)
        running.terminate()
        assert running.wait(12) == 0, log.read_text()
    finally:
        if running.poll() is None:
            os.kill(running.pid, 9)
            running.wait()


def test_a_setting_that_is_wrong_is_named_before_anything_starts(clean_environment: dict[str, str]) -> None:
    environment = clean_environment | {"HOUSING_HUB_PROFILE": "holiday"}
    done = subprocess.run(
        [sys.executable, "-m", "hub.worker"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3
    assert "HOUSING_HUB_PROFILE" in done.stderr


@pytest.mark.parametrize("process", ["worker", "scheduler"])
def test_a_broker_nobody_knows_is_refused_at_once(clean_environment: dict[str, str], process: str) -> None:
    environment = clean_environment | {"HOUSING_HUB_BROKER_URL": "pigeon://me:s3cret@loft"}
    done = subprocess.run(
        [sys.executable, "-m", "hub.worker", process],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "HOUSING_HUB_BROKER_URL: No such transport: pigeon → write redis://" in done.stderr
    assert "s3cret" not in done.stderr


async def _rung(farm: Any, bell: Bell) -> bool:
    """Whether a job asked for now is started by the bell."""
    await farm.ask(f"ring {len(await farm.jobs())}")
    bell.ring("q")
    await asyncio.sleep(0.2)
    woken_by: str | None = (await farm.jobs())[-1].woken_by
    return woken_by == "bell"
