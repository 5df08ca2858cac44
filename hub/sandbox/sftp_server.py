"""Cité des Tilleuls' file server: SFTP over a folder, password or key, one thread a connection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from hub.sandbox.faults import Faults
from hub.sandbox.keys import host_key_line, new_key, read_key
from hub.sandbox.old_ssh import old_key, old_transport
from hub.sandbox.till import Till

if TYPE_CHECKING:
    import paramiko

_PAYMENTS = "encaissements/ENC_"
_log = logging.getLogger("hub.sandbox.sftp")


class SftpServer:
    """Serves `root` and nothing above it. The host key lives in `host_key_file` and is made there once.

    `old`: a server of another time, whose only key is RSA, proven with SHA-1 (`ssh-rsa`).
    """

    def __init__(
        self,
        root: Path,
        *,
        host_key_file: Path,
        user: str,
        password: str,
        client_key_line: str,
        host: str = "127.0.0.1",
        port: int = 0,
        old: bool = False,
    ) -> None:
        self.root, self.user, self.host = root.resolve(), user, host
        self._password, self._client_key_line, self._host_key_file = password, client_key_line, host_key_file
        if not host_key_file.exists():
            new_key(host_key_file)
        self._old = old
        self.till: Till | None = None
        self._key = old_key() if old else read_key(host_key_file)
        self.faults = Faults()
        self.still = Lock()  # held while the export is written: nobody sees half a night
        self.stopping, self._lock = Event(), Lock()
        self._transports: set[paramiko.Transport] = set()
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._thread = Thread(target=self._accept, name="sandbox-sftp", daemon=True)

    @property
    def host_key(self) -> str:
        """As in a known_hosts file: `ssh-ed25519 AAAA…`."""
        return host_key_line(self._key)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.host_key)

    def start(self) -> None:
        self._socket.listen(64)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self._thread.is_alive():
            _wake(self.host, self.port)
            self._thread.join()
        self._socket.close()
        with self._lock:
            transports = list(self._transports)
        for transport in transports:
            transport.close()
            if transport.is_alive():  # one that was accepted a moment ago may not have begun
                transport.join(5)

    def change_host_key(self) -> None:
        """From now on another key, as after a reinstalled (or an intercepted) server."""
        new_key(self._host_key_file)
        self._key = read_key(self._host_key_file)

    def show_key(self, path: Path | None = None) -> None:
        """Show the key in `path` (made there if need be) from now on; its own again without one."""
        if path is not None and not path.exists():
            new_key(path)
        self._key = read_key(path or self._host_key_file)

    def own_host_key(self) -> str:
        """The key this server has, whatever it shows just now."""
        return host_key_line(read_key(self._host_key_file))

    def _refuses(self) -> bool:
        """Whether it is too busy for one more connection."""
        with self._lock:
            self.faults.meet()
            refuses = self.faults.busy > 0
            self.faults.busy -= refuses
        return refuses

    def is_down(self) -> bool:
        """Asked before each thing a client wants: comes back late, or never while it hangs."""
        self.faults.hold(self.stopping)
        if self.faults.drip_seconds:
            self.stopping.wait(self.faults.drip_seconds)
        return self.faults.fault or self.stopping.is_set()

    def after_rename(self, path: str) -> None:
        """A payment file is in its place: that is where a connection hangs or breaks off, if it is told to."""
        wrong = self.till.faults.what if self.till is not None and _PAYMENTS in path else ""
        while wrong == "post-hang" == (self.till.faults.what if self.till else "") and not self.stopping.wait(0.2):
            pass
        if wrong == "post-drop":
            with self._lock:
                transports = list(self._transports)
            for transport in transports:
                transport.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.stopping.is_set():
                connection.close()
                return
            if self._refuses():
                connection.close()
                continue
            # Without it a client that reads block by block crawls: 40 ms each.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=self._serve, args=(connection,), name="sandbox-sftp-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        import paramiko  # at first use: 0.2 s

        from hub.sandbox.sftp_session import Door, Files

        transport = old_transport(connection) if self._old else paramiko.Transport(connection)
        with self._lock:
            self._transports.add(transport)
        try:
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files, self.root, self)
            transport.start_server(server=Door(self))
            transport.join()
        except (paramiko.SSHException, EOFError, OSError):
            _log.debug("a connection ended before it was set up")
        finally:
            transport.close()
            with self._lock:
                self._transports.discard(transport)

    def knows_password(self, user: str, password: str) -> bool:
        is_right = hmac.compare_digest(password.encode(), self._password.encode())
        return hmac.compare_digest(user.encode(), self.user.encode()) and is_right

    def knows_key(self, user: str, line: str) -> bool:
        return hmac.compare_digest(user.encode(), self.user.encode()) and hmac.compare_digest(
            line, self._client_key_line
        )


def fingerprint(host_key: str) -> str:
    """`SHA256:…` of a known_hosts line."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has its port and does not answer yet."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _wake(host: str, port: int) -> None:
    """A call to ourselves ends the wait in `accept`."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        _log.debug("nobody was waiting")
