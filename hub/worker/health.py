"""A small HTTP server of a worker's own: /healthz, /readyz and /metrics, for whoever watches over the process."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Final, Self

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.errors import SettingsError
from hub.jobs.health import Health
from hub.jobs.metrics import JobMetrics

_log: Final = structlog.get_logger(__name__)
_SECONDS: Final = 5.0
_MAX_HEAD: Final = 8192
_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class HealthServer:
    """Listens on the loopback address while its context lasts; `port` None: not at all, 0: any, told in the log.

    SettingsError when the port is taken.
    """

    def __init__(self, health: Health, metrics: JobMetrics, port: int | None, *, host: str = "127.0.0.1") -> None:
        self._health, self._metrics = health, metrics
        self._host, self._wanted = host, port
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int | None:
        """The port it listens on."""
        return self._server.sockets[0].getsockname()[1] if self._server else None

    async def __aenter__(self) -> Self:
        if self._wanted is not None:
            self._server = await self._listen(self._wanted)
            _log.info("health is told", host=self._host, port=self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _listen(self, port: int) -> asyncio.Server:
        try:
            return await asyncio.start_server(self._answer, self._host, port, limit=_MAX_HEAD)
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {self._host}:{port}: {error.strerror}", hint="choose another --health-port, or 0"
            ) from error

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._reply(head))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked went away, dripped, or sent no request
        finally:
            writer.close()

    def _reply(self, head: bytes) -> bytes:
        method, path, *_ = (*head.split(b"\r\n")[0].decode("latin-1").split(" "), "", "")
        if method not in ("GET", "HEAD"):
            return _response(405, b"", allow="GET, HEAD")
        status, content, media = self._page(path.partition("?")[0])
        return _response(status, content, media, shown=method == "GET")

    def _page(self, path: str) -> tuple[int, bytes, str]:
        if path == "/healthz":
            return 200, b'{"status": "ok"}', "application/json"
        if path == "/metrics":
            return 200, generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST
        if path == "/readyz":
            troubles = self._health.troubles()
            told = {"status": "not ready" if troubles else "ready", "troubles": troubles}
            return 503 if troubles else 200, json.dumps(told).encode(), "application/json"
        return 404, b'{"status": "not found"}', "application/json"


def _response(
    status: int, content: bytes, media: str = "application/json", *, shown: bool = True, allow: str = ""
) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {media}",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    lines += [f"Allow: {allow}"] if allow else []
    return "\r\n".join([*lines, "", ""]).encode() + (content if shown else b"")
