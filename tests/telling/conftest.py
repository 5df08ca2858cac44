"""Hubs over databases of their own, a mail server and an HTTP listener that keep what they are sent."""

from __future__ import annotations

import base64
import hashlib
import json
import socketserver
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.bootstrap import build_worker
from hub.config import LandlordConfig, Settings, read_landlord
from hub.jobs import JobRuntime, WorkerParts, drain
from hub.services.apply_config import apply_config
from hub.store.engine import scope
from hub.store.run_rows import FeedRun, create_run, finish_run, put_feed_run
from hub.telling.alerts import tell_end_of_run
from hub.telling.parts import TellingParts
from hub.telling.rounds import make_round
from hub.testing.fakes import FakeClock

SLUG = "aubes"
SECRET = "s3cret-of-the-listener"
KEY = base64.b64encode(hashlib.sha256(b"test").digest()).decode()
FILE = """
[landlord]
slug = "aubes"
name = "Aubes Habitat"
time_zone = "Europe/Paris"
locale = "fr-FR"
{summary}

[connectors.files]
plugin = "sftp_files"
host = "sftp.example.org"
user = "hub"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pSQi5PbpuJNGJvyX6dIEIuJp0Mxq9nOJSVoDU4Bnh"
password = {{ env = "SFTP_PASSWORD" }}

[feeds.contracts]
connector = "files"
stream = "contracts"
mode = "{mode}"
schedule = "daily 04:30"
files = "contracts.csv"
format = "csv"

[feeds.contracts.fields]
external_id = "ID"
reference = "REF"
customer_ref = "REF"
status = {{ const = "current" }}
starts_on = {{ column = "D", date = "%Y-%m-%d" }}

{notify}
"""


@dataclass
class Post:
    """A request the listener was sent."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Listener:
    """An HTTP server. It answers the statuses in `answers` first, then 204."""

    url: str
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    secret: str = SECRET

    def entry(self, **more: str) -> str:
        """A [[notify]] that leads here."""
        lines = {
            "webhook": f'"{self.url}"',
            "secret": '{ env = "HOOK_SECRET" }',
            "key_id": '"2026-11"',
            "private_hosts": '["127.0.0.1"]',
            "allow_http": "true",
            "language": '"en"',
        } | more
        return "\n".join(["[[notify]]", *(f"{name} = {value}" for name, value in lines.items())])


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener of the test's own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.posts.append(Post(dict(self.headers), body))
            self.send_response(made.answers.pop(0) if made.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Listener(f"http://127.0.0.1:{server.server_port}/hook?who=us")
    with _serving(server):
        yield made


@dataclass
class MailServer:
    """An SMTP server without encryption. `refuse` maps an address to the reply it gets instead of 250."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    extensions: tuple[str, ...] = ("250 AUTH PLAIN",)
    password: str = "pass"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


class _SmtpSession(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over a mail."""

    def handle(self) -> None:
        mails: MailServer = self.server.mails  # type: ignore[attr-defined]
        self._say("220 here")
        to: list[str] = []
        while line := self.rfile.readline():
            command = line.decode().strip()
            mails.said.append(command)
            match command.upper().split(" ")[0].split(":")[0]:
                case "EHLO":
                    self._say("250-here")
                    self._say(mails.extensions[0])
                case "AUTH":
                    given = base64.b64decode(command.split(" ")[2]).decode().split("\0")[2]
                    self._say("235 ok" if given == mails.password else "535 no")
                case "RCPT":
                    address = command.partition("<")[2].partition(">")[0]
                    reply = mails.refuse.get(address, "250 ok")
                    to += [address] if reply.startswith("250") else []
                    self._say(reply)
                case "DATA":
                    self._say("354 go on")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    mails.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
                    mails.recipients.append(to)
                    self._say("250 taken")
                case "QUIT":
                    return self._say("221 bye")
                case _:
                    self._say("250 ok")
        return None

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server of the test's own."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _SmtpSession)
    server.daemon_threads = True
    made = MailServer(server.server_address[1])
    server.mails = made  # type: ignore[attr-defined]
    with _serving(server):
        yield made


@dataclass
class Hub:
    """A hub that tells people, with shortcuts for what tests do."""

    worker: WorkerParts
    telling: TellingParts
    clock: FakeClock
    folder: Path
    settings: Settings
    config: LandlordConfig | None = None

    @property
    def runtime(self) -> JobRuntime:
        return self.worker.runtime

    async def apply(self, notify: str, *, summary: str = "", mode: str = "snapshot") -> LandlordConfig:
        """Apply a landlord's file that tells these."""
        path = self.folder / "aubes.toml"
        path.write_text(FILE.format(notify=notify, summary=summary, mode=mode), encoding="utf-8")
        environ = {"HOOK_SECRET": SECRET, "SFTP_PASSWORD": "invented"}
        self.config = read_landlord(path, self.telling.registry, environ=environ)
        await apply_config(self.telling.engine, self.telling.vault, self.clock, self.config)
        return self.config

    async def end_run(self, state: str, *feeds: str) -> int:
        """A run that ended with its feeds in one state, told as a night tells it."""
        assert self.config is not None
        feeds, now = feeds or ("contracts",), self.clock.now()
        reports = [
            FeedRun(feed=name, stream="contracts", state=state, error="the file is cut", finished_at=now)  # type: ignore[arg-type]
            for name in feeds
        ]
        async with scope(self.telling.engine, SLUG) as conn:
            run_id = await create_run(
                conn, landlord=SLUG, asked_by="schedule", feeds=feeds, config_version=1, now=now, slot=now
            )
            for report in reports:
                await put_feed_run(conn, landlord=SLUG, run_id=run_id, report=report)
            await finish_run(conn, run_id, state="failed", now=now)
            await tell_end_of_run(conn, self.config, run_id=run_id, reports=reports, now=now)
        return run_id

    async def served(self, as_of: datetime, feed: str = "contracts") -> None:
        """The feed's data was true then."""
        statement = text("""
            insert into feed_state (landlord_id, feed, stream, source, mapping_version, as_of)
            values (:slug, :feed, 'contracts', 'files', '1', :as_of)
            on conflict (landlord_id, feed) do update set as_of = excluded.as_of""")
        async with scope(self.telling.engine, SLUG) as conn:
            await conn.execute(statement, {"slug": SLUG, "feed": feed, "as_of": as_of})

    async def send(self) -> int:
        """Do the due jobs of the queue."""
        return await drain(self.runtime, queue="notify")

    async def round(self) -> None:
        await make_round(self.telling)

    async def jobs(self) -> list[Any]:
        statement = text("select state, attempts, last_error, dedup_key from job where kind = 'notify' order by id")
        async with scope(self.telling.engine, SLUG) as conn:
            return list((await conn.execute(statement)).all())


@pytest.fixture
async def hub(fresh_database: Any, mail_server: MailServer, tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub of one landlord, still to be applied."""
    settings = Settings(
        database_url=fresh_database.url,
        data_dir=tmp_path / "data",
        master_key=KEY,
        smtp_url=mail_server.url,
        mail_from="hub@hub.example.org",
    )
    clock = FakeClock(datetime(2026, 11, 20, 5, 0, tzinfo=UTC))
    worker = build_worker(settings, clock=clock)
    handler: partial[Any] = worker.runtime.handlers["notify"]  # type: ignore[assignment]
    yield Hub(worker, handler.keywords["parts"], clock, tmp_path, settings)
    await worker.close()
