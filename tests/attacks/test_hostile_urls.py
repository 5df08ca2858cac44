"""Over 200 ways to write an address that is off limits: not one connection reaches it."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import requests

from hub.errors import ForbiddenError, HubError, MisconfiguredError
from hub.wire import HttpSession, NetworkPolicy, vendor_wsdl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2 as a second host")

GOOD = "127.0.0.2"
"""Stands for the outside world: listed, so that names and redirects may lead there first."""
POLICY = NetworkPolicy(
    private_hosts=frozenset({GOOD}), allow_http=True, total_seconds=10, connect_seconds=2, read_seconds=5
)


def _url_forms() -> Any:
    spec = spec_from_file_location("url_forms", Path(__file__).with_name("url_forms.py"))
    module = module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


FORMS = _url_forms()


class Forbidden:
    """Listens on this machine's own addresses, and counts who comes."""

    def __init__(self, closing: contextlib.ExitStack) -> None:
        self.calls: list[str] = []
        first = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(first.getsockname()[1])
        listeners = [first]
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in listeners:
            closing.callback(listener.close)
            closing.callback(_shut, listener)
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.calls.append(str(connection.getsockname()))
                with connection, contextlib.suppress(OSError):
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def _shut(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def forbidden() -> Iterator[Forbidden]:
    with contextlib.ExitStack() as closing:
        yield Forbidden(closing)


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts anybody of this process tried to reach."""
    tried: list[str] = []
    real = socket.create_connection

    def create_connection(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        tried.append(address[0])
        return real(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


Names = Callable[[str, Sequence[Sequence[str]]], None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A name server: for each name what it answers the first time, the second, and so on (the last for ever)."""
    answers: dict[str, list[Sequence[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        plain = (host.decode() if isinstance(host, bytes) else str(host)).lower().rstrip(".")
        known = next((name for name in answers if plain == name or plain.endswith(f".{name}")), None)
        if known is not None:
            left = answers[known]
            found = left.pop(0) if len(left) > 1 else left[0]
            return [entry for address in found for entry in real(address, port, type=socket.SOCK_STREAM)]
        if plain.endswith("test"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def add(name: str, found: Sequence[Sequence[str]]) -> None:
        answers[name] = [*found]

    add("good.test", [[GOOD]])
    add("inner.test", [["127.0.0.1"]])
    add("public-first.test", [[GOOD, "127.0.0.1"]])
    add("six-first.test", [["::1", GOOD]])
    return add


@pytest.fixture
def good_server() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Servers in the outside world; each gives its base URL."""
    with contextlib.ExitStack() as closing:

        def start(respond: Callable[[BaseHTTPRequestHandler], None]) -> str:
            class Handler(BaseHTTPRequestHandler):
                do_GET = do_POST = lambda self: respond(self)  # noqa: N815

                def log_message(self, *_: object) -> None:
                    pass

            server = ThreadingHTTPServer((GOOD, 0), Handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            closing.callback(server.server_close)
            closing.callback(server.shutdown)
            return f"http://{GOOD}:{server.server_port}"

        yield start


def answer(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return respond


def tried_out(urls: Sequence[str]) -> list[str]:
    """The URLs that gave an answer, or an error that is not the hub's."""
    passed = []
    with HttpSession(POLICY) as session:
        for url in urls:
            try:
                session.request("GET", url).close()
            except HubError:
                continue
            except Exception as error:  # what must not happen is told by its name
                passed.append(f"{url!r}: {type(error).__name__}: {error}")
            else:
                passed.append(repr(url))
    return passed


def test_there_are_enough_forms() -> None:
    assert len(set(FORMS.loopback_forms(8000) + FORMS.private_forms(8000))) >= 200


def test_no_form_of_this_machine_is_reached(forbidden: Forbidden, names: Names, connects: list[str]) -> None:
    assert [] == tried_out(FORMS.loopback_forms(forbidden.port))
    assert forbidden.calls == []
    assert set(connects) <= {GOOD}


def test_no_private_or_metadata_address_is_even_tried(forbidden: Forbidden, names: Names, connects: list[str]) -> None:
    assert [] == tried_out(FORMS.private_forms(forbidden.port))
    assert set(connects) <= {GOOD}


def test_a_wsdl_is_fetched_from_none_of_them(forbidden: Forbidden, names: Names, tmp_path: Path) -> None:
    with HttpSession(POLICY) as session:
        for url in FORMS.loopback_forms(forbidden.port):
            with pytest.raises(HubError):
                vendor_wsdl(url, tmp_path / "wsdl", session)
    assert forbidden.calls == []


def test_no_redirect_leads_there(forbidden: Forbidden, names: Names, good_server: Any, connects: list[str]) -> None:
    forms = [url for url in FORMS.loopback_forms(forbidden.port) if url.isascii() and url.isprintable()]
    base = good_server(lambda handler: answer(302, Location=forms[int(handler.path[1:])])(handler))
    with HttpSession(POLICY) as session:
        for number in range(len(forms)):
            with pytest.raises(MisconfiguredError, match="points elsewhere"):
                session.request("GET", f"{base}/{number}")
    assert forbidden.calls == []
    assert set(connects) == {GOOD}


def test_a_name_that_moves_inside_after_the_check_is_still_outside(
    forbidden: Forbidden, names: Names, good_server: Any, connects: list[str]
) -> None:
    """One look-up is judged and connected to; the next connection is judged anew."""
    port = good_server(answer(200, Connection="close")).rpartition(":")[2]
    names("rebind.test", [[GOOD], ["127.0.0.1"]])
    with HttpSession(POLICY) as session:
        session.request("GET", f"http://rebind.test:{port}/").read()
        with pytest.raises(ForbiddenError, match="loopback"):
            session.request("GET", f"http://rebind.test:{forbidden.port}/")
        with pytest.raises(ForbiddenError, match="loopback"):
            session.request("GET", f"http://rebind.test:{port}/")
    assert forbidden.calls == []
    assert connects == [GOOD]


def test_no_proxy_of_the_environment_is_used(
    forbidden: Forbidden, good_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{forbidden.port}")
    with HttpSession(POLICY) as session:
        session.request("GET", good_server(answer(200))).close()
    assert forbidden.calls == []


def test_no_login_of_the_environment_is_sent(good_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine {GOOD} login me password of-mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: list[str | None] = []
    base = good_server(lambda handler: sent.append(handler.headers["Authorization"]) or answer(200)(handler))
    with HttpSession(POLICY) as session:
        session.request("GET", base).close()
    assert sent == [None]


def test_control_without_the_guard_this_machine_is_reached(forbidden: Forbidden, names: Names) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for url in FORMS.loopback_forms(forbidden.port):
            with contextlib.suppress(requests.RequestException, ValueError, OSError):
                session.get(url, timeout=2)
    print(f"\n{len(forbidden.calls)} of {len(FORMS.loopback_forms(forbidden.port))} forms reach it")  # noqa: T201
    assert len(forbidden.calls) >= 50
