"""A whole hub as real processes that can be killed one by one: servers, sandbox, API, scheduler, workers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import psycopg
from nursery import Child, Nursery
from psycopg.rows import namedtuple_row

from hub.bootstrap import OperatorParts, build_operator
from hub.cli.demo import listens, read_state, write_landlord_files
from hub.cli.up import DATABASE, answers
from hub.config import Settings, read_landlord
from hub.domain.clock import Clock
from hub.embedded.guard import Guarded
from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.valkey import EmbeddedValkey
from hub.sandbox.control import tell
from hub.services.apply_config import apply_config
from hub.store.handles import StoreError
from hub.store.provision import provision
from hub.worker.bell import make_bell

ROOT = Path(__file__).parents[2]
BOTH = SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
LEASE = 2.0
HOST = "127.0.0.1"
_KEY = base64.b64encode(hashlib.sha256(b"chaos").digest()).decode()
_PROVISIONING = asyncio.Lock()
"""Alembic's context is one for the whole process."""
T = TypeVar("T")


class HarnessError(Exception):
    """Something never came: the sentence says what."""


async def until(done: Callable[[], Awaitable[T]], what: str, *, seconds: float = 120, every: float = 0.1) -> T:
    """Wait until `done` gives something true; give that. A database that does not answer meanwhile is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(StoreError, psycopg.OperationalError, psycopg.InterfaceError):
            if found := await done():
                return found
        if time.monotonic() > deadline:
            raise HarnessError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(every)


async def persistently(ask: Callable[[], Awaitable[T]], *, seconds: float = 60) -> T:
    """Ask again while the database is away, as a person would: what was committed unheard is asked for twice."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await ask()
        except (StoreError, psycopg.OperationalError, psycopg.InterfaceError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


class Fleet:
    """An async context: everything runs when it is entered, and is stopped when it is left.

    `asked` goes to workers and schedulers (mortal_process.py). `hook` is told of bad nights. With `broker` False
    nothing answers where the broker should be; `patience` is how many seconds an ERP has for one exchange. Two fleets
    may have their workers from one `nursery`, which whoever gives it closes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        contracts: int = 12,
        hook: str = "",
        broker: bool = True,
        patience: int | None = None,
        asked: Mapping[str, Any] | None = None,
        nursery: Nursery | None = None,
        landlords: Sequence[str] = BOTH,
        clock: Clock | None = None,
    ) -> None:
        self.folder, self.contracts, self.hook, self.patience = folder, contracts, hook, patience
        self.asked = {"lease": LEASE, "first_wait": 0.3, "folder": str(folder), **(asked or {})}
        self.landlords, self.clock = landlords, clock
        self.postgres = EmbeddedPostgres(folder)
        self.valkey = EmbeddedValkey(folder)
        self.processes: dict[str, Guarded | Child] = {}
        self.frozen: set[str] = set()
        self._names = [f"worker-{number}" for number in range(workers)]
        self._with_broker = broker
        self._nursery, self._own_nursery = nursery, nursery is None
        self._broker_is_struck = asyncio.Lock()
        self._asking: psycopg.Connection[Any] | None = None
        self._one_by_one = Lock()
        self.port = _free_port()
        self.parts: OperatorParts

    async def __aenter__(self) -> Fleet:
        for name in [name for name in os.environ if name.startswith("HOUSING_HUB_")]:
            del os.environ[name]
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _start(self) -> None:
        self._start_sandbox()
        self._nursery = self._nursery or Nursery(self.folder / "nursery.log")
        self.admin_url = await asyncio.to_thread(self.postgres.start)
        broker = await asyncio.to_thread(self.valkey.start)
        if not self._with_broker:
            await asyncio.to_thread(self.valkey.stop)
        async with _PROVISIONING:
            url = await provision(self.admin_url, database=DATABASE, master_key=base64.b64decode(_KEY))
        self.environment = {
            "HOUSING_HUB_DATABASE_URL": url,
            "HOUSING_HUB_BROKER_URL": broker,
            "HOUSING_HUB_DATA_DIR": str(self.folder),
            "HOUSING_HUB_MASTER_KEY": _KEY,
            "HOUSING_HUB_PROFILE": "developer",
            "HOUSING_HUB_PORT": str(self.port),
            "HUB_CHAOS": json.dumps(self.asked),
        }
        settings = Settings(
            database_url=url, broker_url=broker, data_dir=self.folder, master_key=_KEY, profile="developer"
        )
        self.parts = build_operator(settings, bell=make_bell(broker, lasting=True), clock=self.clock)
        await self._landlords_come()
        for name in ("api", *self._names, "scheduler"):
            self.start(name)
        await until(self.api_answers, "the API answers")

    def _start_sandbox(self) -> None:
        """First of all, since it takes longest."""
        world = ["--seed", "1", "--contracts", str(self.contracts), "--today", "2026-11-20"]
        self._run("sandbox", [sys.executable, "-m", "hub.sandbox", "--dir", str(self.folder / "sandbox"), *world])

    async def _landlords_come(self) -> None:
        folder = self.folder / "sandbox"

        async def stands() -> bool:
            state = read_state(folder)
            return bool(state) and listens(state["soap"]["port"]) and listens(state["sftp"]["port"])

        await until(stands, "the sandbox stands")
        (self.folder / "hook_secret").write_text("whsec-chaos")
        for path in write_landlord_files(self.folder, read_state(folder), source=ROOT / "landlords"):
            path.write_text(self._ours(path.read_text(encoding="utf-8")), encoding="utf-8")
            if path.stem in self.landlords:
                config = read_landlord(path, self.parts.sync.registry)
                await apply_config(self.parts.sync.engine, self.parts.sync.vault, self.parts.sync.clock, config)

    def _ours(self, text: str) -> str:
        """A night begins when the harness says so, and the harness is told of bad ones."""
        text = text.replace('schedule = "every 60 seconds"', 'schedule = "every 9999 hours"')
        if self.patience is not None:
            network = "[connectors.erp.network]\n"
            text = text.replace(network, f"{network}total_seconds = {self.patience}\n")
        if not self.hook:
            return text
        hook = f'webhook = "{self.hook}"\nsecret = {{ file = "../hook_secret" }}\n'
        return text + f'\n[[notify]]\n{hook}allow_http = true\nprivate_hosts = ["{HOST}"]\n'

    @property
    def workers(self) -> list[str]:
        """The names of the workers that may be killed."""
        return [name for name in self._names if name not in self.frozen]

    def start(self, name: str) -> None:
        """Start a process, or start it again."""
        arguments = [name] if name in ("api", "scheduler") else []
        if self._nursery is None:
            raise HarnessError("nobody is there to start workers yet")
        self.processes[name] = self._nursery.start(arguments, self.environment, self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _run(self, name: str, argv: list[str]) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **getattr(self, "environment", {})}
        self.processes[name] = Guarded(argv, log=self._log(name), env=environment, cwd=ROOT)

    async def kill(self, *names: str) -> None:
        """SIGKILL them at one instant, and wait until they are gone. Whatever ended before that is a finding."""
        for name in names:
            if (code := self.processes[name].ended()) is not None:
                raise HarnessError(f"{name} ended by itself, with code {code}")
            os.kill(self.processes[name].pid, signal.SIGKILL)
        await asyncio.gather(*(self._gone(self.processes[name]) for name in names))

    async def _gone(self, process: Guarded | Child) -> int:
        async def gone() -> bool:
            return process.ended() is not None

        await until(gone, "a killed process is gone", seconds=20, every=0.01)
        return process.ended() or 0

    def name_of(self, pid: int) -> str:
        """Whose number that is."""
        return next(name for name, process in self.processes.items() if process.pid == pid)

    async def crash_database(self, how: str, pause: float) -> None:
        """SIGQUIT or SIGKILL of the postmaster, or SIGKILL of a server process of a worker's; then it comes back."""
        if how == "backend":
            pids = await persistently(lambda: self.sql("select pid from pg_stat_activity where usename = 'hub_sync'"))
            for (pid,) in pids[:1]:
                os.kill(pid, signal.SIGKILL)
        else:
            pid = self.postgres.pid
            if pid is not None:
                os.kill(pid, signal.SIGQUIT if how == "SIGQUIT" else signal.SIGKILL)
            await until(self._database_gone, "PostgreSQL is gone", seconds=30, every=0.01)
            await asyncio.sleep(pause)
            await asyncio.to_thread(self.postgres.start)
        await until(lambda: self.sql("select 1"), "PostgreSQL is back")

    async def _database_gone(self) -> bool:
        return not self.postgres.alive()

    async def kill_broker(self, pause: float) -> None:
        """SIGKILL: nothing of it is kept. It comes back empty after the pause; only then can it be killed again."""
        async with self._broker_is_struck:
            if self.valkey.pid is not None:
                os.kill(self.valkey.pid, signal.SIGKILL)
            await until(self._broker_gone, "the broker is gone", seconds=20, every=0.01)
            await asyncio.sleep(pause)
            await asyncio.to_thread(self.valkey.start)

    async def _broker_gone(self) -> bool:
        return not self.valkey.alive()

    async def flush_broker(self) -> None:
        """What it held is gone."""
        await asyncio.to_thread(_flush, self.valkey.socket_path())

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        """Rows, as the database's administrator sees them, past every policy."""
        return await asyncio.to_thread(self._sql, statement, values)

    def _sql(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        """On one connection, since it is asked ten times a second; after a crash on another."""
        with self._one_by_one:
            if self._asking is None or self._asking.closed:
                self._asking = self.admin()
            cursor = self._asking.execute(statement, values)  # type: ignore[call-overload]  # texts of this harness
            return cursor.fetchall() if cursor.description else []

    def admin(self) -> psycopg.Connection[Any]:
        url = self.postgres.url(DATABASE).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, row_factory=namedtuple_row, connect_timeout=10)

    async def sandbox(self, **order: Any) -> Any:
        """Tell the landlords' ERPs to do something."""
        return await asyncio.to_thread(tell, self.folder / "sandbox", order)

    async def api_answers(self) -> bool:
        return await asyncio.to_thread(answers, HOST, self.port, "/readyz")

    async def stop_workers(self) -> dict[str, int]:
        """SIGTERM, as an operator would; the exit code of each."""
        names = [*self._names, "scheduler"]
        codes = await asyncio.gather(*(asyncio.to_thread(self.processes.pop(name).stop) for name in names))
        return dict(zip(names, codes, strict=True))

    async def close(self) -> None:
        for process in self.processes.values():
            if process.ended() is None:
                os.kill(process.pid, signal.SIGCONT)
        if self._asking is not None:
            self._asking.close()
        if hasattr(self, "parts"):
            await self.parts.close()
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in self.processes.values()))
        if self._nursery is not None and self._own_nursery:
            await asyncio.to_thread(self._nursery.close)
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.to_thread(self.postgres.stop)


def _flush(path: Path) -> None:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        line.connect(str(path))
        line.sendall(b"FLUSHALL\r\n")
        line.recv(64)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])
