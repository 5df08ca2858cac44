"""One sandbox per folder: two would write over each other's files."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from hub.errors import SetupError


class FolderLock:
    """`flock` on `<folder>/lock`, held from the making of it; it goes with the process, however that ends."""

    def __init__(self, folder: Path, *, patience: float = 5.0) -> None:
        """Waits `patience` seconds for a sandbox that is just stopping. SetupError when another holds the folder."""
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while not self._taken():
            if time.monotonic() > deadline:
                self.release()
                raise SetupError(
                    f"another sandbox serves {folder}", hint="use that one, stop it, or give another --dir"
                )
            time.sleep(0.05)

    def release(self) -> None:
        os.close(self._descriptor)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
