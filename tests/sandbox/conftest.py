"""One small sandbox for all that only reads it; those that change it make their own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.sandbox import Sandbox, World, build_world
from hub.sandbox.payments import PaymentServer

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("world"), contracts=12, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture(scope="session", params=["rives-doise", "cite-des-tilleuls"])
def world(request: pytest.FixtureRequest) -> World:
    """Each landlord's world at a tenth of its size."""
    return build_world(request.param, contracts=60, today=TODAY)


class Ear:
    """A shop's own server: keeps what it is sent, and answers with `status`."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self._news = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Listener, self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hear(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._news:
            self.heard.append((path, headers, body))
            self._news.notify_all()
            return self.status

    def wait(self, count: int, seconds: float = 10.0) -> list[tuple[str, dict[str, str], bytes]]:
        """What was heard, once there is so much of it."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= count, seconds), f"heard {len(self.heard)} of {count}"
            return list(self.heard)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Listener(BaseHTTPRequestHandler):
    def __init__(self, ear: Ear, *args: Any) -> None:
        self.ear = ear
        super().__init__(*args)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.ear.hear(self.path, headers, body)
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", f"{self.ear.url}/login")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def ear() -> Iterator[Ear]:
    found = Ear()
    yield found
    found.close()


class Bank:
    """The payment providers of a folder, and a caller of their doors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin()

    def begin(self) -> None:
        self.server = PaymentServer(self.folder)
        self.server.start()
        self.url = self.server.url
        self.state = self.server.state()
        self.http = httpx.Client(timeout=20, trust_env=False)

    def end(self) -> None:
        self.http.close()
        self.server.stop()

    def again(self) -> None:
        """As after a restart of the sandbox."""
        self.end()
        self.begin()

    def shop(self, wire: str, landlord: str = "rives-doise") -> dict[str, str]:
        """What its state tells, with the secrets read from their files."""
        told: dict[str, str] = dict(self.state["shops"][landlord][wire])
        for name, file in list(told.items()):
            if name.endswith("_file"):
                told[name.removesuffix("_file")] = (self.folder / file).read_text()
        return told

    def order(self, name: str, **given: Any) -> Any:
        answer = self.http.post(f"{self.url}/_sandbox/{name}", json={"shop": "rives-doise", **given})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charges(self, shop: str = "rives-doise") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"{self.url}/_sandbox/charges", params={"shop": shop}).json()[
            "charges"
        ]
        return found

    def click(self, url: str, how: str) -> httpx.Response:
        """What a person does on a page: opens it, and presses the button that says so."""
        page = self.http.get(url)
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert action, page.text
        assert f'value="{how}"' in page.text
        return self.http.post(f"{self.url}{action[1]}", data={"how": how})


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    found = Bank(tmp_path)
    yield found
    found.end()
