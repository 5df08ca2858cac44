"""Real worker processes on a database of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.embedded.postgres import EmbeddedPostgres
from hub.store import job_rows
from hub.store.engine import make_engine, role_url, scope
from hub.store.handles import Connection
from hub.store.provision import provision
from hub.store.roles import Role

RIVES = "rives-doise"
_SCRIPT = Path(__file__).with_name("small_worker.py")


class Process:
    """A worker process and its log."""

    def __init__(self, asked: dict[str, Any], log: Path) -> None:
        self.log = log
        with log.open("wb") as sink:
            self.popen = subprocess.Popen([sys.executable, str(_SCRIPT), json.dumps(asked)], stderr=sink, stdout=sink)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def terminate(self, *, seconds: float = 15) -> float:
        """SIGTERM; gives how long it took to end."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(seconds)
        return time.monotonic() - began

    def events(self) -> list[dict[str, Any]]:
        """What it logged, line by line: every line is JSON."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def health_port(self) -> int:
        """The port it tells its health on, once it says so."""
        async with asyncio.timeout(30):
            while True:
                for event in self.events():
                    if event["event"] == "health is told":
                        return int(event["port"])
                await asyncio.sleep(0.05)


class Farm:
    """The database, and the processes working on it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.processes: list[Process] = []
        self.dispatch_engine = make_engine(role_url(url, Role.DISPATCH, None), Role.DISPATCH)
        self.sync_engine = make_engine(role_url(url, Role.SYNC, None), Role.SYNC)

    async def close(self) -> None:
        for process in self.processes:
            if process.popen.poll() is None:
                process.kill()
        await self.dispatch_engine.dispose()
        await self.sync_engine.dispose()

    def start(self, **asked: Any) -> Process:
        log = self.folder / f"worker-{len(self.processes)}.log"
        self.processes.append(Process({"url": self.url} | asked, log))
        return self.processes[-1]

    def as_landlord(self) -> AbstractAsyncContextManager[Connection]:
        return scope(self.sync_engine, RIVES)

    async def ask(self, key: str, *, kind: str = "note", **payload: Any) -> int | None:
        async with self.as_landlord() as conn:
            return await job_rows.enqueue(
                conn,
                landlord=RIVES,
                queue="q",
                kind=kind,
                dedup_key=key,
                payload={"key": key} | payload,
                now=datetime.now(UTC),
            )

    async def remembered(self, connector: str = "effect") -> list[str]:
        statement = text("select name from connector_state where connector = :connector order by name")
        async with self.as_landlord() as conn:
            return list((await conn.execute(statement, {"connector": connector})).scalars())

    async def jobs(self) -> list[Any]:
        shown = "id, state, attempts, woken_by, last_error"
        async with self.as_landlord() as conn:
            return list((await conn.execute(text(f"select {shown} from job order by id"))).all())

    async def all_done(self) -> bool:
        return {row.state for row in await self.jobs()} == {"done"}

    async def begun(self) -> bool:
        return bool(await self.remembered("begun"))

    async def until(self, done: Callable[[], Awaitable[bool]], *, seconds: float = 40) -> None:
        async with asyncio.timeout(seconds):
            while not await done():
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
async def farm_url(pg_server: EmbeddedPostgres) -> str:
    return await provision(pg_server.url(), database="hub_farm")


@pytest.fixture
async def farm(farm_url: str, tmp_path: Path) -> AsyncIterator[Farm]:
    made = Farm(farm_url, tmp_path)
    async with made.as_landlord() as conn:
        for table in ("job", "schedule", "connector_state"):
            await conn.execute(text(f"delete from {table}"))
    yield made
    await made.close()


@pytest.fixture
def clean_environment() -> Iterator[dict[str, str]]:
    """Ours, without any setting of a hub."""
    yield {name: value for name, value in os.environ.items() if not name.startswith("HOUSING_HUB_")}
