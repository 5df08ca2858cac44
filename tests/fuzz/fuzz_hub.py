"""A hub for the fuzzer: its real parts over a real database, and landlords whose files lie on a real SFTP server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hub.bootstrap import build_worker
from hub.config import Settings, read_landlord
from hub.embedded.postgres import EmbeddedPostgres
from hub.jobs import JobRuntime, NoBell, drain
from hub.sandbox.sftp_server import SftpServer
from hub.services.apply_config import apply_config
from hub.services.start_sync import start_sync, watch_run
from hub.store.engine import scope
from hub.store.provision import provision
from hub.store.run_rows import FeedRun
from hub.sync.parts import SyncParts
from hub.testing.fakes import FakeClock

BEGIN = datetime(2027, 1, 4, 3, 30, tzinfo=UTC)
_KEY = base64.b64encode(hashlib.sha256(b"fuzz").digest()).decode()
_USER, _PASSWORD = "hub", "an invented password"


@dataclass
class Hub:
    """A hub's parts with shortcuts; files of landlord `slug` lie in `root / slug`."""

    parts: SyncParts
    runtime: JobRuntime
    clock: FakeClock
    server: SftpServer
    folder: Path

    @property
    def root(self) -> Path:
        return self.server.root

    async def apply(self, slug: str, **feeds: dict[str, Any]) -> None:
        """Take over a landlord with these feeds."""
        path = self.folder / f"{slug}.toml"
        path.write_text(landlord_toml(slug, self.server, feeds), "utf-8")
        await apply_config(self.parts.engine, self.parts.vault, self.clock, read_landlord(path, self.parts.registry))

    async def sync(self, slug: str, feed: str) -> FeedRun:
        """One night of one feed; its report."""
        run_id = await start_sync(self.parts.engine, self.clock, NoBell(), slug, [feed])
        await drain(self.runtime, queue="sync")
        return (await watch_run(self.parts.engine, slug, run_id)).feed_runs[0]

    async def ask(self, slug: str, sql: str, **values: Any) -> list[Any]:
        async with scope(self.parts.engine, slug) as conn:
            return list((await conn.execute(text(sql), values)).all())


def landlord_toml(slug: str, server: SftpServer, feeds: dict[str, dict[str, Any]]) -> str:
    """A landlord's file."""
    (server.root.parent / "password").write_text(_PASSWORD)
    head: dict[str, Any] = {
        "landlord": {"slug": slug, "name": slug, "time_zone": "Europe/Paris", "locale": "fr-FR"},
        "connectors.erp": {
            "plugin": "sftp_files", "host": "127.0.0.1", "port": server.port, "user": _USER,
            "password": {"file": str(server.root.parent / "password")}, "host_key": server.host_key,
        },
        "connectors.erp.network": {"private_hosts": ["127.0.0.1"]},
    }  # fmt: skip
    tables = head | {f"feeds.{name}": _feed(slug, table) for name, table in feeds.items()}
    return "\n".join(
        f"[{name}]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in one.items()) for name, one in tables.items()
    )


def _feed(slug: str, table: dict[str, Any]) -> dict[str, Any]:
    usual = {"connector": "erp", "mode": "snapshot", "schedule": "daily 04:30"}
    return usual | table | {"files": table["files"].replace("in/", f"{slug}/")}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def file_server(folder: Path) -> Iterator[SftpServer]:
    """A running SFTP server over `folder/files`."""
    root = folder / "files"
    root.mkdir()
    made = SftpServer(root, host_key_file=folder / "host_key", user=_USER, password=_PASSWORD, client_key_line="none")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def door(server: SftpServer) -> dict[str, Any]:
    """A connector's settings for it."""
    keys = {"host": "127.0.0.1", "port": server.port, "user": _USER, "password": _PASSWORD}
    return keys | {"host_key": server.host_key}


@asynccontextmanager
async def open_hub(database_url: str, folder: Path) -> AsyncIterator[Hub]:
    """A hub over a provisioned database, with a file server, until the block ends."""
    settings = Settings(database_url=database_url, data_dir=folder / "data", master_key=_KEY, profile="developer")
    clock = FakeClock(BEGIN)
    worker = build_worker(settings, clock=clock)
    parts = worker.runtime.handlers["sync"].keywords["parts"]  # type: ignore[attr-defined]  # a partial
    try:
        with file_server(folder) as server:
            yield Hub(parts, worker.runtime, clock, server, folder)
    finally:
        await worker.close()


@asynccontextmanager
async def own_database(folder: Path) -> AsyncIterator[str]:
    """A PostgreSQL of our own for a while; the URL of a database at the newest schema."""
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    try:
        await provision(server.url(), database="fuzz")
        yield server.url("fuzz", "")
    finally:
        server.stop()
