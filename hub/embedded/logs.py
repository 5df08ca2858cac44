"""Log files of bounded size: one file and its predecessor per process."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import IO

MAX_BYTES = 5 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open `path` for appending, its folder made and an oversized file set aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bound(path)
    return path.open("ab")


def bound(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move what a log holds to `<name>.1` when it exceeds `max_bytes`.

    Safe while a process writes to it: the file is emptied in place, and every writer appends. The few lines written
    between the copy and the emptying are lost.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > max_bytes:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            with path.open("r+b") as log:
                log.truncate(0)


def tail(path: Path, lines: int = 6) -> str:
    """The last lines of a log, or an empty text."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 4096))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
