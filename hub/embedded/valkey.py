"""A Valkey of our own for the bell: on a socket only, keeping nothing on disk, under a guard."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from hub.embedded.binaries import valkey_server
from hub.embedded.guard import SERVER, Guarded
from hub.embedded.logs import tail
from hub.embedded.sockets import socket_dir
from hub.errors import SetupError

READY_SECONDS = 10.0


class EmbeddedValkey:
    """Valkey on `<socket folder>/valkey.sock`, its log in `<data dir>/logs/valkey.log`.

    Nothing is persisted: the database holds the truth, the broker only rings. `keep_fds` are handed to the server.
    """

    def __init__(self, data_dir: Path, *, keep_fds: Sequence[int] = ()) -> None:
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / "logs" / "valkey.log"
        self._keep_fds = keep_fds
        self._server: Guarded | None = None

    @staticmethod
    def available() -> bool:
        """Whether a server for this machine is installed; without one the workers poll."""
        return valkey_server() is not None

    def start(self) -> str:
        """Stop what was left running, start, and return the broker's URL. SetupError when it cannot be started."""
        program = valkey_server()
        if program is None:
            raise SetupError(
                "no valkey-server for this machine", hint="set HOUSING_HUB_BROKER_URL, or let workers poll"
            )
        path = self.socket_path()
        _ask(path, b"SHUTDOWN NOSAVE FORCE")
        self._server = Guarded(
            [program, *_options(path)], log=self.log, manner=SERVER, cwd=path.parent, keep_fds=self._keep_fds
        )
        self._wait_until_ready(path, self._server)
        return self.url()

    def stop(self) -> None:
        """Stop it; what it held is gone, which is what it is for. Harmless when it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def alive(self) -> bool:
        """Whether the server we started still runs."""
        return self._server is not None and self._server.ended() is None

    @property
    def pid(self) -> int | None:
        """The server's pid, None before `start`."""
        return self._server.pid if self._server else None

    def socket_path(self) -> Path:
        """The socket it listens on."""
        return socket_dir(self.data_dir) / "valkey.sock"

    def url(self) -> str:
        """The URL Celery takes."""
        return f"redis+socket://{quote(str(self.socket_path()), safe='/')}?virtual_host=0"

    def _wait_until_ready(self, path: Path, server: Guarded) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while _ask(path, b"PING") != b"+PONG":
            if server.ended() is not None or time.monotonic() > deadline:
                self.stop()
                raise SetupError(f"Valkey did not start:\n{tail(self.log)}", hint=f"read {self.log}")
            time.sleep(0.01)


def _options(path: Path) -> list[str]:
    listening = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    return [*listening, "--save", "", "--appendonly", "no", "--dir", str(path.parent), "--daemonize", "no"]


def _ask(path: Path, command: bytes) -> bytes:
    """The first line of the server's answer to one inline command; empty when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2.0)
            line.connect(str(path))
            line.sendall(command + b"\r\n")
            return line.recv(64).split(b"\r\n")[0]
    except OSError:
        return b""
