"""Small servers that speak the real protocols, each on a port of its own."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from hub.wire import HttpSession, NetworkPolicy

LOCAL = NetworkPolicy(
    private_hosts=frozenset({"127.0.0.1", "localhost"}),
    allow_http=True,
    total_seconds=10,
    connect_seconds=3,
    read_seconds=5,
)

Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def local() -> NetworkPolicy:
    """A policy that allows this machine, by http."""
    return LOCAL


@pytest.fixture
def http_session(local: NetworkPolicy) -> Iterator[HttpSession]:
    with HttpSession(local) as session:
        yield session


@pytest.fixture
def http_server() -> Iterator[Callable[[Respond], str]]:
    """Starts servers that answer GET and POST with a function; gives their base URL."""
    with contextlib.ExitStack() as stack:

        def start(respond: Respond) -> str:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                do_GET = do_POST = lambda self: respond(self)  # noqa: N815

                def log_message(self, *_: object) -> None:
                    pass

            server = _QuietServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Starts servers that hand each raw connection to a function; gives their port."""
    with contextlib.ExitStack() as stack:

        def start(serve: Callable[[socket.socket], None]) -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            stack.callback(listener.close)
            stack.callback(_wake, listener)

            def accept() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=run, args=(connection,), daemon=True).start()

            def run(connection: socket.socket) -> None:
                with connection, contextlib.suppress(OSError):
                    serve(connection)

            threading.Thread(target=accept, daemon=True).start()
            return int(listener.getsockname()[1])

        yield start


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


def _wake(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


@dataclass
class SftpWorld:
    """A folder served by SFTP, and the switches a test may turn."""

    root: Path
    port: int = 0
    key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    authorized: bytes = b""
    posix_rename: bool = True
    grow: dict[str, bytes] = field(default_factory=dict)
    extra_names: list[bytes] = field(default_factory=list)
    read_delay: float = 0.0
    full: bool = False


class _Server(paramiko.ServerInterface):
    def __init__(self, world: SftpWorld) -> None:
        self.world = world

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == ("hub", "s3cret")
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == "hub" and key.asbytes() == self.world.authorized
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, path: Path, world: SftpWorld, flags: int = 0) -> None:
        super().__init__()
        self.path, self.world = path, world
        if flags & os.O_WRONLY:
            self.writefile = path.open("wb")
        else:
            self.readfile = path.open("rb")

    def write(self, offset: int, data: bytes) -> int:
        """A full disk takes the first half, and says nothing of it."""
        done: int = super().write(offset, data[: len(data) // 2] if self.world.full else data)
        return done

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(self.path.stat())

    def read(self, offset: int, length: int) -> bytes | int:
        if more := self.world.grow.pop(self.path.name, b""):
            with self.path.open("ab") as file:
                file.write(more)
        if self.world.read_delay:
            threading.Event().wait(self.world.read_delay)
        return super().read(offset, length)


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: _Server, *args: object, **kwargs: object) -> None:
        self.world = server.world
        super().__init__(server, *args, **kwargs)

    def _path(self, path: str) -> Path:
        return self.world.root / self.canonicalize(path).lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            found = [
                paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name) for entry in os.scandir(self._path(path))
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        for name in self.world.extra_names:
            attributes = paramiko.SFTPAttributes()
            attributes.filename = name
            attributes.st_size = 1
            found.append(attributes)
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        try:
            return _Handle(self._path(path), self.world, flags)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def rename(self, old: str, new: str) -> int:
        if self._path(new).exists():
            return paramiko.SFTP_FAILURE
        return self.posix_rename(old, new, force=True)

    def posix_rename(self, old: str, new: str, force: bool = False) -> int:
        if not (self.world.posix_rename or force):
            return paramiko.SFTP_OP_UNSUPPORTED
        try:
            self._path(old).rename(self._path(new))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK

    def remove(self, path: str) -> int:
        try:
            self._path(path).unlink()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK


@pytest.fixture
def sftp_world(tmp_path: Path, raw_server: Callable[[Callable[[socket.socket], None]], int]) -> Iterator[SftpWorld]:
    """An SFTP server over a folder of its own; user `hub`, password `s3cret`."""
    world = SftpWorld(root=tmp_path / "sftp")
    world.root.mkdir()
    transports: list[paramiko.Transport] = []

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        transport.daemon = True
        transports.append(transport)
        transport.add_server_key(world.key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=_Server(world))
            transport.join(60)

    world.port = raw_server(serve)
    yield world
    for transport in transports:
        transport.close()


@pytest.fixture
def ed25519_key() -> tuple[str, bytes]:
    """A private key as OpenSSH text, and its public half as on the wire."""
    text = (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )
    return text, paramiko.Ed25519Key.from_private_key(io.StringIO(text)).asbytes()
