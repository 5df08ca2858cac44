"""Our own disk in the way of a night: told apart from the ERP's faults, and tried again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from hub.errors import StorageError

_OURS = {
    errno.ENOSPC: "it is full",
    errno.EDQUOT: "its quota is used up",
    errno.EROFS: "it cannot be written to",
    errno.EIO: "it cannot be read or written",
}


@contextmanager
def disk_trouble_named() -> Iterator[None]:
    """Whatever the hub's own disk refuses in here is a StorageError; a plugin's other OSErrors stay what they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OURS:
            raise
        raise StorageError(
            f"the hub's own disk fails: {_OURS[error.errno]}",
            hint="make room in the data directory's work folder; it is tried again by itself",
        ) from error
