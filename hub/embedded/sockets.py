"""Where the servers' sockets live: a folder of mode 0700 whose path a socket address can hold."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from hub.errors import SetupError

# A socket's path holds 107 bytes on Linux, 103 on macOS, and "/.s.PGSQL.5432.lock" comes after the folder.
_MAX_BYTES = 80
# Beyond these, the path would have to be quoted in two kinds of URL, and libpq takes a comma for a list of hosts.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def socket_dir(data_dir: Path) -> Path:
    """The folder for the sockets of the hub in `data_dir`: `run` in it where that fits, else a short one elsewhere.

    The same data directory always gives the same folder. SetupError when it cannot be made, or belongs to another.
    """
    beside = data_dir.resolve() / "run"
    folder = beside if _fits(beside) else _short(data_dir.resolve())
    make_private(folder)
    return folder


def make_private(folder: Path, owner: int | None = None) -> None:
    """Make `folder` with mode 0700 for us, or for the uid `owner` when we are root.

    SetupError when it cannot be made, is a link, or another user's.
    """
    uid = os.geteuid() if owner is None else owner
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            os.chown(folder, uid, -1)
        seen = folder.lstat()
    except OSError as error:
        raise SetupError(f"{folder} cannot be made: {error.strerror}", hint="free that path, or set TMPDIR") from error
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != uid:
        raise SetupError(f"{folder} is not a folder of this user", hint="remove it, or set TMPDIR to a folder of yours")
    if stat.S_IMODE(seen.st_mode) & 0o077:
        folder.chmod(0o700)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _MAX_BYTES and _PLAIN.fullmatch(str(folder)) is not None


def _short(data_dir: Path) -> Path:
    name = f"hh-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:10]}"
    roots = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108  # 0700 and judged
    for root in roots:
        if root and os.access(root, os.W_OK) and _fits(Path(root) / name):
            return Path(root) / name
    raise SetupError(
        f"no folder is short enough for the sockets of {data_dir}",
        hint="set XDG_RUNTIME_DIR or TMPDIR to a short path you may write to",
    )
