from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.errors import (
    DeadlineError,
    ForbiddenError,
    HubError,
    InputRefusedError,
    MisconfiguredError,
    RateLimitedError,
    RetryableError,
    TerminalError,
    UnreachableError,
)
from hub.wire import Deadline, HttpSession, NetworkPolicy
from hub.wire.http import retry_after

Start = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]
StartRaw = Callable[[Callable[[socket.socket], None]], int]


def reply(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def test_a_reply_is_streamed_and_its_connection_used_again(http_server: Start, http_session: HttpSession) -> None:
    ports = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        reply(200, b"x" * 200_000, Content_Type="Text/XML; charset=utf-8")(handler)

    url = http_server(respond)
    for _ in range(2):
        with http_session.request("GET", url) as response:
            assert response.content_type == "text/xml"
            assert response.stream().read() == b"x" * 200_000
    assert len(set(ports)) == 1


def test_json_is_read_and_sent_with_login_and_parameters(http_server: Start, http_session: HttpSession) -> None:
    seen = {}

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.update(path=handler.path, auth=handler.headers["Authorization"])
        reply(200, b'{"a": [1]}')(handler)

    url = http_server(respond)
    assert http_session.get_json(url + "/x", params={"page": 2}, auth=("hub", "é€")) == {"a": [1]}
    assert seen == {"path": "/x?page=2", "auth": "Basic aHViOsOp4oKs"}


def test_what_is_not_json_is_refused(http_server: Start, http_session: HttpSession) -> None:
    with pytest.raises(InputRefusedError, match="not JSON"):
        http_session.get_json(http_server(reply(200, b"<html>")))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, MisconfiguredError),
        (400, TerminalError),
        (401, MisconfiguredError),
        (403, MisconfiguredError),
        (404, MisconfiguredError),
        (408, RetryableError),
        (429, RateLimitedError),
        (500, RetryableError),
        (503, RateLimitedError),
    ],
)
def test_a_status_is_classed_by_what_the_hub_does_next(
    http_server: Start, http_session: HttpSession, status: int, error: type[HubError]
) -> None:
    url = http_server(reply(status, b"", Location="http://127.0.0.1:1/elsewhere"))
    with pytest.raises(HubError) as caught:
        http_session.request("GET", f"{url}/path?token=SECRET", data=b"SECRET")
    assert type(caught.value) is error
    assert str(status) in caught.value.message
    assert "SECRET" not in str(caught.value)


def test_an_accepted_status_comes_back_as_a_reply(http_server: Start, http_session: HttpSession) -> None:
    with http_session.request("POST", http_server(reply(500, b"<Fault/>")), data=b"", accept=(500,)) as response:
        assert (response.status, response.read()) == (500, b"<Fault/>")


def test_a_redirect_is_never_followed(http_server: Start, http_session: HttpSession) -> None:
    visited = []
    inner = http_server(lambda handler: visited.append(1) or reply(200)(handler))
    with pytest.raises(MisconfiguredError, match="points elsewhere"):
        http_session.request("GET", http_server(reply(307, Location=inner)))
    assert not visited


def test_the_wait_asked_for_is_carried(http_server: Start, http_session: HttpSession) -> None:
    with pytest.raises(RateLimitedError) as caught:
        http_session.request("GET", http_server(reply(429, Retry_After="17")))
    assert caught.value.retry_after == 17
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    assert 80 < retry_after(format_datetime(soon, usegmt=True)) <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 1
    assert retry_after(None) == retry_after("soon") == 60


def test_a_private_address_is_refused_before_anything_is_sent(http_server: Start) -> None:
    visited = []
    url = http_server(lambda handler: visited.append(1) or reply(200)(handler))
    with HttpSession(NetworkPolicy(allow_http=True)) as session, pytest.raises(ForbiddenError, match="loopback"):
        session.request("GET", url)
    assert not visited


def test_the_environments_proxy_and_netrc_are_ignored(
    http_server: Start, http_session: HttpSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password x")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    seen = []
    url = http_server(lambda handler: seen.append(handler.headers["Authorization"]) or reply(200)(handler))
    http_session.request("GET", url).close()
    assert seen == [None]


def test_a_reply_above_the_limit_is_refused_compressed_or_not(http_server: Start, local: NetworkPolicy) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with HttpSession(replace(local, max_bytes=1_000_000)) as session:
        with pytest.raises(InputRefusedError, match="larger than the limit of 1,000,000 bytes"):
            session.request("GET", http_server(reply(200, bytes(1_000_001))))
        with session.request("GET", http_server(reply(200, bomb, Content_Encoding="gzip"))) as response:
            with pytest.raises(InputRefusedError, match="larger than the limit"):
                while response.stream().read(4096):
                    pass
            assert response.stream().count < 1_100_000


def test_a_body_cut_short_is_not_taken_for_a_whole_one(raw_server: StartRaw, http_session: HttpSession) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    response = http_session.request("GET", f"http://127.0.0.1:{raw_server(serve)}/")
    with response, pytest.raises(UnreachableError, match="broke off"):
        response.stream().read()


def test_a_broken_gzip_body_is_refused(http_server: Start, http_session: HttpSession) -> None:
    response = http_session.request("GET", http_server(reply(200, b"not gzip", Content_Encoding="gzip")))
    with response, pytest.raises(InputRefusedError, match="cannot be decompressed"):
        response.stream().read()


def drip(connection: socket.socket, start: bytes) -> None:
    connection.recv(4096)
    connection.sendall(start)
    for _ in range(200):
        threading.Event().wait(0.05)
        connection.sendall(b"x")


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"],
    ids=["headers", "endless body", "measured body"],
)
def test_a_server_that_drips_trips_the_total_deadline(raw_server: StartRaw, local: NetworkPolicy, start: bytes) -> None:
    port = raw_server(lambda connection: drip(connection, start))
    began = time.monotonic()
    session = HttpSession(replace(local, total_seconds=0.6))
    with session, pytest.raises(DeadlineError, match=r"longer than 0\.6 s"):
        session.request("GET", f"http://127.0.0.1:{port}/").read()
    assert 0.5 < time.monotonic() - began < 2


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"], ids=["at once", "in its body"]
)
def test_a_server_that_hangs_trips_the_read_limit(raw_server: StartRaw, local: NetworkPolicy, start: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(start)
        threading.Event().wait(4)

    port = raw_server(serve)
    session = HttpSession(replace(local, read_seconds=0.3))
    with session, pytest.raises(DeadlineError, match="stopped answering"):
        session.request("GET", f"http://127.0.0.1:{port}/").read()


def test_a_hung_body_ends_at_the_callers_own_deadline(raw_server: StartRaw, http_session: HttpSession) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nx")
        threading.Event().wait(4)

    port = raw_server(serve)
    began = time.monotonic()
    with pytest.raises(DeadlineError, match=r"longer than 0\.4 s"):
        http_session.request("GET", f"http://127.0.0.1:{port}/", deadline=Deadline(0.4)).read()
    assert time.monotonic() - began < 1.5


def test_a_server_that_never_ends_its_handshake_is_given_up(raw_server: StartRaw, local: NetworkPolicy) -> None:
    port = raw_server(lambda connection: threading.Event().wait(4) and None)
    began = time.monotonic()
    session = HttpSession(replace(local, connect_seconds=0.3))
    with session, pytest.raises((DeadlineError, UnreachableError)):
        session.request("GET", f"https://127.0.0.1:{port}/")
    assert time.monotonic() - began < 2


def test_a_private_authority_is_trusted_only_when_given(
    raw_server: StartRaw, local: NetworkPolicy, tmp_path: Path
) -> None:
    names = []
    context = _tls(tmp_path)
    context.sni_callback = lambda _, name, __: names.append(name)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            tls.recv(1)

    url = f"https://localhost:{raw_server(serve)}/"
    with HttpSession(local) as session, pytest.raises(MisconfiguredError, match="certificate"):
        session.request("GET", url)
    with HttpSession(local, ca_file=tmp_path / "cert.pem") as session:
        assert session.request("GET", url).read() == b"ok"
    assert names[-1] == "localhost"


def _tls(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
