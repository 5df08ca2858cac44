"""HTTP/1.1 for the payment wires: a request as values, an answer as values, a thread a connection."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.sandbox.http_server import StoppableHttp

HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json; charset=utf-8", "text/plain; charset=utf-8"
_MAX_REQUEST = 1_000_000
_LOOPBACK = ("127.0.0.1", "localhost")
_log = logging.getLogger("hub.sandbox.payments")


class HangUpError(Exception):
    """The connection ends without an answer, after so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__("no answer")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Request:
    """Header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    raw_query: str = ""

    def form(self) -> dict[str, str]:
        """The fields of a form; the last of a name counts."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any] | None:
        """None for what is no JSON object."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """`after`: what happens once the caller has it all."""

    body: bytes = b""
    status: int = 200
    kind: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    after: Callable[[], None] | None = None


def says(facts: Any, status: int = 200, **more: Any) -> Answer:
    """JSON."""
    return Answer(json.dumps(facts, ensure_ascii=False).encode(), status, JSON, **more)


def goes_to(url: str) -> Answer:
    return Answer(status=303, headers={"Location": url})


def not_found() -> Answer:
    return Answer(b"not found", 404, TEXT)


Handle = Callable[[Request], Answer]


class WebServer:
    """Answers at 127.0.0.1 with what `handle` says. OSError when the port is taken."""

    def __init__(self, handle: Handle, *, host: str, port: int) -> None:
        self.handle = handle
        self.stopping = Event()
        self._http = StoppableHttp((host, port), partial(_Handler, self))
        self.port = int(self._http.server_address[1])
        self.url = f"http://{host}:{self.port}"
        self._thread = Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="sandbox-payments", daemon=True
        )

    def start(self) -> None:
        self._http.server_activate()
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.close_connections()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def __init__(self, web: WebServer, *args: Any) -> None:
        self.web = web
        super().__init__(*args)

    def _answer(self) -> None:
        try:
            request = self._request()
            answer = Answer(b"bad request", 400, TEXT) if request is None else self.web.handle(request)
        except HangUpError as hung:
            self.close_connection = True
            self.web.stopping.wait(hung.seconds)
            return
        except Exception:  # noqa: BLE001  # a fault of ours must reach whoever asked
            _log.exception("a request could not be answered")
            answer = Answer(b"internal error", 500, TEXT)
        self._send(answer)
        if answer.after is not None:
            answer.after()

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  # the names of the standard library

    def _request(self) -> Request | None:
        """None for one that is too long or meant for another host: a page elsewhere may name this port."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _MAX_REQUEST or "transfer-encoding" in headers:
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if headers.get("host", "").rsplit(":", 1)[0] not in _LOOPBACK:
            return None
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(self.command, url.path, query, headers, body, url.query)

    def _send(self, answer: Answer) -> None:
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"Content-Type: {answer.kind}", f"Content-Length: {len(answer.body)}", "Cache-Control: no-store"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += ["Connection: close"] if self.close_connection else []
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        _log.debug(format, *args)
