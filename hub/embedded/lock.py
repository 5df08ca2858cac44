"""One hub per data directory: a lock that lasts while anything of that hub runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from hub.errors import SetupError


class DataDirLock:
    """`flock` on `<data dir>/hub.lock`, held by the supervisor and, through the inherited `fd`, by its children.

    So after a kill -9 of the supervisor the lock is free exactly when its last child has stopped.
    """

    def __init__(self, data_dir: Path, *, patience: float = 20.0) -> None:
        """`patience`: seconds given to the children of a hub that was killed."""
        self.path = data_dir / "hub.lock"
        self._patience = patience
        self._fd: int | None = None

    @property
    def fd(self) -> int:
        """The descriptor to hand to children. SetupError when the lock is not held."""
        if self._fd is None:
            raise SetupError(f"{self.path} is not locked by this process")
        return self._fd

    def acquire(self) -> None:
        """Take the lock, waiting for what a killed hub left behind. SetupError names the pid of a living holder."""
        fd = _open(self.path)
        try:
            self._wait_for(fd)
        except BaseException:
            os.close(fd)
            raise
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; children that still run keep it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> DataDirLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release()

    def _wait_for(self, fd: int) -> None:
        deadline = time.monotonic() + self._patience
        while not _try_lock(fd):
            holder = _number_in(fd)
            if holder is not None and is_running(holder):
                raise SetupError(
                    f"a hub already runs on {self.path.parent} (pid {holder})",
                    hint="use that one, stop it (Ctrl-C in its terminal), or give this one another --data-dir",
                )
            if time.monotonic() > deadline:
                raise SetupError(
                    f"processes of a hub that was killed (pid {holder}) still run on {self.path.parent}",
                    hint="end them (`ps -ef | grep -E 'hub[.]|postgres|valkey'` lists them) and start again",
                )
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether `pid` is a process that still runs: a zombie, which `kill -0` takes for alive, is not."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(
            f"{path.parent} cannot be written to: {error.strerror}",
            hint="it may belong to another user: give it to this one with chown, or choose another --data-dir",
        ) from error


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _number_in(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None
