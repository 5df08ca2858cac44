"""Hubs in one process over real databases, and sandboxes that speak both ERPs' protocols."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from hub.bootstrap import build_worker
from hub.cli.demo import write_landlord_files
from hub.config import Settings, read_landlord
from hub.jobs import JobRuntime, NoBell, WorkerParts, drain
from hub.registry import Registry
from hub.sandbox import Sandbox
from hub.services.apply_config import Applied, apply_config
from hub.services.start_sync import start_sync, watch_run
from hub.store.dump import canonical_dump
from hub.store.engine import scope
from hub.store.feed_states import get_feed_state
from hub.store.quarantine_rows import QuarantinedRow, list_quarantine
from hub.store.run_rows import FeedRun, Run
from hub.sync.night import handle_sync
from hub.sync.parts import SyncParts
from hub.testing.fakes import FakeClock

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 20)
SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
BOTH = (SOAP, SFTP)
MASTER_KEY = base64.b64encode(hashlib.sha256(b"test").digest()).decode()
TABLES = {
    "sites": "site",
    "units": "unit",
    "persons": "person",
    "contracts": "contract",
    "contract_units": "contract_unit",
    "parties": "party",
    "price_components": "price_component",
    "accounts": "account",
    "account_contracts": "account_contract",
    "ledger_entries": "ledger_entry",
    "rent_notices": "rent_notice",
    "rent_notice_lines": "rent_notice_line",
    "documents": "document",
}
OF_ACCOUNT = "join external_key k on k.object_type = 'account' and k.object_id"
LEDGER = f"""
    select k.external_id, e.posted_on, e.source_sequence, e.label, e.amount_cents
    from ledger_entry e {OF_ACCOUNT} = e.account_id order by k.external_id, e.posted_on, e.source_sequence, e.id"""
BALANCES = f"select k.external_id, a.opening_cents, a.balance_cents, a.balance_on from account a {OF_ACCOUNT} = a.id"
SMALL: dict[str, Any] = {"seed": 1, "contracts": 12, "today": TODAY}


@dataclass
class House:
    """A hub's parts, with shortcuts for what tests do."""

    parts: SyncParts
    runtime: JobRuntime
    worker: WorkerParts
    clock: FakeClock
    folder: Path
    settings: Settings
    admin_url: str
    sandbox: Sandbox
    files: dict[str, Path] = field(default_factory=dict)

    async def apply(self, slug: str, change: Callable[[str], str] = lambda text: text) -> Applied:
        """Apply a landlord's file, its text changed first."""
        path = self.files[slug]
        edited = path.with_name(f"edited-{path.name}")
        edited.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        config = read_landlord(edited, self.parts.registry)
        return await apply_config(self.parts.engine, self.parts.vault, self.clock, config)

    async def ask(self, slug: str, *feeds: str) -> int:
        return await start_sync(self.parts.engine, self.clock, NoBell(), slug, feeds)

    async def sync(self, slug: str, *feeds: str) -> Run:
        """Ask for a run and do it."""
        run_id = await self.ask(slug, *feeds)
        await self.work()
        return await self.run(slug, run_id)

    async def work(self) -> int:
        """Do the jobs that are due."""
        return await drain(self.runtime, queue="sync")

    async def run(self, slug: str, run_id: int) -> Run:
        return await watch_run(self.parts.engine, slug, run_id)

    async def feed(self, slug: str, name: str) -> FeedRun:
        """Sync one feed; its report."""
        return (await self.sync(slug, name)).feed_runs[0]

    async def rows(self, slug: str, sql: str, **values: Any) -> list[Any]:
        async with scope(self.parts.engine, slug) as conn:
            return list((await conn.execute(text(sql), values)).all())

    async def dump(self, slug: str) -> str:
        async with scope(self.parts.engine, slug) as conn:
            return await canonical_dump(conn)

    async def holds(self, slug: str) -> dict[str, Any]:
        """What a sandbox's truth says too: how many rows, the ledger's sum and order, the accounts' balances."""
        counts = {
            name: (await self.rows(slug, f"select count(*) from {table}"))[0][0] for name, table in TABLES.items()
        }
        ledger, digest = await self.rows(slug, LEDGER), hashlib.sha256()
        for account, posted_on, sequence, label, cents in ledger:
            digest.update(f"{account}\t{posted_on.isoformat()}\t{sequence}\t{label}\t{cents}\n".encode())
        balances = {row[0]: (row[1], row[2], row[3].isoformat()) for row in await self.rows(slug, BALANCES)}
        sum_cents = sum(row.amount_cents for row in ledger)
        return {"counts": counts, "digest": digest.hexdigest(), "sum": sum_cents, "balances": balances}

    def truth(self, slug: str) -> dict[str, Any]:
        """What the landlord's ERP holds, counted by itself, in the shape of `holds`."""
        told = self.sandbox.truth(slug)  # type: ignore[arg-type]  # one of the two landlords
        balances = {
            account: (one["opening_cents"], one["balance_cents"], one["balance_on"])
            for account, one in told["balances"].items()
        }
        counts = told["counts"] | ({"documents": 0} if slug == SOAP else {})
        return {
            "counts": counts,
            "digest": told["order_digest"],
            "sum": told["ledger"]["sum_cents"],
            "balances": balances,
        }

    async def as_of(self, slug: str, feed: str) -> datetime | None:
        """How old the feed's served data is said to be."""
        async with scope(self.parts.engine, slug) as conn:
            state = await get_feed_state(conn, landlord=slug, feed=feed)
        return state.as_of if state else None

    async def quarantine(self, slug: str, feed: str) -> list[QuarantinedRow]:
        async with scope(self.parts.engine, slug) as conn:
            return await list_quarantine(conn, landlord=slug, feed=feed)

    async def job(self) -> Any:
        """The newest job of the nights, as the database's administrator sees it (a worker's round asks for others)."""
        with self.admin() as conn:
            return conn.execute("select * from job where queue = 'sync' order by id desc limit 1").fetchone()

    def admin(self) -> psycopg.Connection[Any]:
        """A connection past every policy, to look and to get in the way."""
        url = self.admin_url.replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.namedtuple_row)

    def use(self, registry: Registry) -> None:
        """Work with other plugins."""
        self.parts = replace(self.parts, registry=registry)
        handlers = {"sync": partial(handle_sync, parts=self.parts)}
        self.runtime = replace(self.runtime, handlers=handlers)


def make_house(settings: Settings, folder: Path, sandbox: Sandbox, admin_url: str) -> House:
    clock = FakeClock(datetime(TODAY.year, TODAY.month, TODAY.day, 20, 0, tzinfo=UTC))
    worker = build_worker(settings, clock=clock)
    parts = worker.runtime.handlers["sync"].keywords["parts"]  # type: ignore[attr-defined]  # a partial
    made = House(parts, worker.runtime, worker, clock, folder, settings, admin_url, sandbox)
    made.files = landlord_files(folder, sandbox)
    return made


def landlord_files(folder: Path, sandbox: Sandbox) -> dict[str, Path]:
    """The project's landlord files, led to this sandbox."""
    beside = folder / "sandbox"
    if not beside.exists():
        beside.symlink_to(sandbox.folder)
    written = write_landlord_files(folder, sandbox.state, source=ROOT / "landlords")
    return {path.stem: path for path in written}


@pytest.fixture(scope="session")
def open_house(pg_server: Any, template_db: str, clone_of: Any) -> Callable[..., Awaitable[House]]:
    """Makes a house over a clone of a database (an empty one unless told) until the stack it is given ends."""

    async def make(stack: AsyncExitStack, folder: Path, sandbox: Sandbox, template: str = template_db) -> House:
        database = stack.enter_context(clone_of(template))
        url = str(database.url)
        settings = Settings(database_url=url, data_dir=folder / "data", master_key=MASTER_KEY, profile="developer")
        name = url.partition("?")[0].rpartition("/")[2]
        house = make_house(settings, folder, sandbox, pg_server.url(name))
        stack.push_async_callback(house.worker.close)
        return house

    return make


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A world for the tests of one file, which leave it as it is."""
    with Sandbox(tmp_path_factory.mktemp("sandbox"), **{**SMALL, "contracts": 24}) as running:
        yield running


@pytest.fixture
async def house(open_house: Any, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[House]:
    """A hub that has seen nothing yet."""
    async with AsyncExitStack() as stack:
        yield await open_house(stack, tmp_path, sandbox)


@dataclass(frozen=True)
class Evening:
    """What is left of a house after both landlords' first night: a database, a sandbox's folder, the hub's own."""

    database: str
    folder: Path
    runs: dict[str, Run]
    dumps: dict[str, str]
    artifacts: dict[str, int]


@pytest.fixture(scope="session")
async def evening(open_house: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Evening]:
    folder = tmp_path_factory.mktemp("evening")
    async with AsyncExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(folder / "sandbox", **SMALL))
        house = await open_house(stack, folder, sandbox)
        for slug in BOTH:
            await house.apply(slug)
        runs = {slug: await house.sync(slug) for slug in BOTH}
        dumps = {slug: await house.dump(slug) for slug in BOTH}
        artifacts = {slug: len(await house.rows(slug, "select from artifact")) for slug in BOTH}
        await house.worker.close()
        sandbox.stop()
        yield Evening(house.admin_url.partition("?")[0].rpartition("/")[2], folder, runs, dumps, artifacts)


@pytest.fixture
async def home(open_house: Any, evening: Evening, tmp_path: Path) -> AsyncIterator[House]:
    """A hub that holds both landlords, on a world of its own that a test may change as it likes."""
    shutil.copytree(evening.folder, tmp_path, dirs_exist_ok=True, symlinks=True)
    async with AsyncExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(tmp_path / "sandbox", **SMALL))
        house = await open_house(stack, tmp_path, sandbox, evening.database)
        for slug in BOTH:
            await house.apply(slug)
        yield house


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What a test opens, until its end."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def open_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """Starts worlds that a test may change as it likes; all end with it."""
    with ExitStack() as stack:
        yield lambda **world: stack.enter_context(Sandbox(tmp_path_factory.mktemp("sandbox"), **{**SMALL, **world}))
