"""A folder of this machine, looked at the way an SFTP server is: plain files only, no way out of it, bounded copies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

from hub.errors import (
    HubError,
    InputRefusedError,
    MisconfiguredError,
    RetryableError,
    StorageError,
    UnreachableError,
)
from hub.wire.deadline import Deadline
from hub.wire.limited import too_large
from hub.wire.policy import NetworkPolicy
from hub.wire.remote import BEING_WRITTEN, Fetched, Listing, RemoteFile, other_content

_BLOCK = 1024**2
_MAX_FILES = 100_000


class FolderSession:
    """The calls of `SftpSession`, on a folder. Paths are relative to it, written with `/`; links are not followed.

    Raises UnreachableError when the folder is not there, MisconfiguredError without the right to read it,
    InputRefusedError for a path that leads out of it.
    """

    def __init__(self, folder: Path, policy: NetworkPolicy) -> None:
        self._root, self._policy = folder, policy

    def require(self) -> None:
        """Raises UnreachableError when the folder is not there (not mounted, perhaps), MisconfiguredError when it is
        none or cannot be read."""
        with _guarding(f"opening {self._root}"):
            if not self._root.is_dir():
                raise UnreachableError(
                    f"there is no folder {self._root} on this machine",
                    hint="check `folder`, and whether it is mounted where the worker runs",
                )
            os.scandir(self._root).close()

    def list(self, folder: str) -> Listing:
        """The plain files of a folder by name."""
        self.require()
        files: list[RemoteFile] = []
        skipped: list[str] = []
        with _guarding(f"listing {folder}", missing=f"{self._root} has no folder {folder}"):
            with os.scandir(self._at(folder)) as entries:
                for entry in entries:
                    if not _is_plain(entry.name):
                        skipped.append(ascii(entry.name)[1:-1][:120])
                    elif entry.is_file(follow_symlinks=False):
                        files.append(_found(entry.name, _join(folder, entry.name), entry.stat(follow_symlinks=False)))
            if len(files) > _MAX_FILES:
                raise InputRefusedError(f"{folder} holds more than {_MAX_FILES:,} files", hint="archive the old ones")
        return Listing(tuple(sorted(files, key=lambda file: file.name)), tuple(sorted(skipped)))

    def stat(self, path: str) -> RemoteFile:
        """One file's size and time. Raises RetryableError when it is gone."""
        with _guarding(f"looking at {path}"):
            found = os.lstat(self._at(path))
        if not stat.S_ISREG(found.st_mode):
            raise RetryableError(f"{path} is no plain file", hint="links and folders are not followed")
        return _found(PurePosixPath(path).name, path, found)

    def fetch(
        self, path: str, into: BinaryIO, *, max_bytes: int | None = None, deadline: Deadline | None = None
    ) -> Fetched:
        """Copies a file. Raises InputRefusedError above `max_bytes` (by default the policy's), RetryableError when the
        file changed meanwhile."""
        limit = self._policy.max_bytes if max_bytes is None else max_bytes
        deadline = deadline or Deadline(self._policy.total_seconds)
        with _guarding(f"reading {path}"), self._open(path) as source:
            before = os.fstat(source.fileno())
            if before.st_size > limit:
                raise too_large(path, limit)
            digest, count = hashlib.sha256(), 0
            while count <= before.st_size and (block := source.read(_BLOCK)):
                deadline.check(f"reading {path}")
                into.write(block)
                digest.update(block)
                count += len(block)
            after = os.lstat(self._at(path))
        if count != before.st_size or (after.st_size, after.st_ino) != (before.st_size, before.st_ino):
            raise RetryableError(
                f"{path} changed while it was read ({before.st_size:,} bytes, then {max(count, after.st_size):,})",
                hint="it is still being written; it is read again later",
            )
        return Fetched(count, digest.hexdigest())

    def rename(self, old: str, new: str) -> None:
        """Moves a file within the folder, over an older one of the same name where there is one."""
        with _guarding(f"renaming {old}"):
            target = self._at(new)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._at(old).replace(target)

    def put(self, path: str, content: bytes) -> None:
        """As `SftpSession.put`."""
        with _guarding(f"writing {path}", missing=f"{self._root} has no folder {PurePosixPath(path).parent}"):
            place = self._at(path)
            if os.path.lexists(place):
                with self._open(path) as standing:
                    if standing.read() != content:
                        raise other_content(path)
                return
            beside = place.with_name(place.name + BEING_WRITTEN)
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as target:
                target.write(content)
            beside.replace(place)

    def close(self) -> None:
        """Nothing is kept open."""

    def _at(self, path: str) -> Path:
        """A path inside the folder, whatever it says and wherever links on the way lead."""
        asked = PurePosixPath(path)
        place = self._root.joinpath(*asked.parts)
        real = place.parent.resolve() / place.name
        if asked.is_absolute() or ".." in asked.parts or not real.is_relative_to(self._root.resolve()):
            raise InputRefusedError(f"{path} leads out of the folder", hint="name files below the folder itself")
        return place

    def _open(self, path: str) -> BinaryIO:
        """Opened without following a link; a pipe is opened without waiting for its writer, then refused."""
        number = os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise RetryableError(f"{path} is no plain file", hint="links and folders are not followed")
        return os.fdopen(number, "rb")


@contextlib.contextmanager
def _guarding(doing: str, missing: str = "") -> Iterator[None]:
    """Names what went wrong in our own words."""
    try:
        yield
    except HubError:
        raise
    except OSError as error:
        _raise_as_ours(error, doing, missing)


def _raise_as_ours(error: OSError, doing: str, missing: str) -> NoReturn:
    said = os.strerror(error.errno) if error.errno else type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError) and missing:
        raise MisconfiguredError(missing, hint="check the folder in the feed's file pattern") from None
    if isinstance(error, FileNotFoundError):
        raise RetryableError(f"{doing}: there is no such file", hint="it may have been moved meanwhile") from None
    if isinstance(error, PermissionError):
        hint = "give the user the worker runs as the right to read it"
        raise MisconfiguredError(f"{doing}: not allowed", hint=hint) from None
    raise StorageError(f"{doing}: {said}", hint="it is tried again later") from None


def _is_plain(name: str) -> bool:
    """Whether a name is UTF-8 without control or invisible characters."""
    return not any(unicodedata.category(char)[0] == "C" for char in name)


def _join(folder: str, name: str) -> str:
    return str(PurePosixPath(folder) / name) if folder != "." else f"./{name}"


def _found(name: str, path: str, facts: os.stat_result) -> RemoteFile:
    return RemoteFile(name, path, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
