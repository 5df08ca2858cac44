"""Looking at the server: each folder listed once a look, and whether a file has stood still since an earlier one."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from posixpath import basename, dirname
from typing import BinaryIO, Protocol

from hub.ports import State
from hub.wire import Fetched, Listing, RemoteFile

# No upload lasts a day: an older file needs no look to be remembered.
_SURELY_FINISHED = timedelta(days=1)


class Place(Protocol):
    """Where files lie: an `SftpSession` or a `FolderSession`."""

    def list(self, folder: str) -> Listing: ...

    def stat(self, path: str) -> RemoteFile: ...

    def fetch(self, path: str, into: BinaryIO, *, max_bytes: int | None = None) -> Fetched: ...

    def rename(self, old: str, new: str) -> None: ...

    def put(self, path: str, content: bytes) -> None: ...


class Folders:
    """The folders as they are now: each is listed when first asked for, once."""

    def __init__(self, session: Place, log: logging.Logger) -> None:
        self._session, self._log = session, log
        self._seen: dict[str, dict[str, RemoteFile]] = {}

    def files(self, folder: str) -> dict[str, RemoteFile]:
        """A folder's plain files by name."""
        if folder not in self._seen:
            listing = self._session.list(folder)
            self._seen[folder] = {file.name: file for file in listing}
            if listing.skipped:
                self._log.warning("%s: %d hostile file names left out", folder, len(listing.skipped))
        return self._seen[folder]

    def find(self, path: str) -> RemoteFile | None:
        """The file at a path, if it is there."""
        return self.files(dirname(path) or ".").get(basename(path))


class Looks:
    """The looks of one feed, kept in the connector's state between runs: path → size, time, when first seen so.

    `by_its_time`: the files' times are of our own clock, so that one look tells how long a file has stood still.
    """

    def __init__(
        self, state: State, feed: str, now: datetime, settle_seconds: int, *, by_its_time: bool = False
    ) -> None:
        self._state, self._name = state, f"looks:{feed}"
        self._now, self._settle = now, timedelta(seconds=settle_seconds)
        self._surely = self._settle if by_its_time else _SURELY_FINISHED
        self._before: dict[str, list[str]] = json.loads(state.get(self._name) or "{}")
        self._after: dict[str, list[str]] = {}

    def unchanged(self, path: str, size: int, modified: datetime | None) -> bool:
        """Whether the file has kept size and time for long enough; remembers this look."""
        if modified is not None and self._now - modified >= self._surely:
            return True
        look = [str(size), modified.isoformat() if modified else ""]
        *before, since = self._before.get(path, ["", "", ""])
        self._after[path] = [*look, since if before == look else self._now.isoformat()]
        return before == look and self._now - datetime.fromisoformat(since) >= self._settle

    def keep(self) -> None:
        """Write the looks back; files that are gone are forgotten."""
        if self._after != self._before:
            self._state.put(self._name, json.dumps(self._after, sort_keys=True))
