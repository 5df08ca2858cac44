"""One SFTP session as paramiko asks for it: who may come in, and what he may do with the files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import paramiko
from paramiko import SFTPAttributes, SFTPHandle
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_FAILURE, SFTP_OK, SFTP_PERMISSION_DENIED

from hub.sandbox.keys import host_key_line

if TYPE_CHECKING:
    from hub.sandbox.sftp_server import SftpServer

T = TypeVar("T")
_DRIP_BYTES = 256


class Door(paramiko.ServerInterface):
    """Password or public key, sessions only."""

    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if self._server.knows_password(username, password) else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if self._server.knows_key(username, host_key_line(key)) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class Files(paramiko.SFTPServerInterface):
    """The folder tree below `root`; a path that leads out of it is refused."""

    def __init__(self, server: paramiko.ServerInterface, root: Path, sftp: SftpServer) -> None:
        super().__init__(server)
        self._root, self._sftp = root, sftp

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        return self._do(path, _entries)

    def stat(self, path: str) -> SFTPAttributes | int:
        return self._do(path, lambda place: _attributes(place, place.stat()))

    def lstat(self, path: str) -> SFTPAttributes | int:
        return self.stat(path)

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle | int:
        return self._do(path, lambda place: _OpenFile(place, flags, self._sftp))

    def remove(self, path: str) -> int:
        return self._change(path, Path.unlink)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        return self._change(path, Path.mkdir)

    def rmdir(self, path: str) -> int:
        return self._change(path, Path.rmdir)

    def rename(self, oldpath: str, newpath: str) -> int:
        """Over an existing file it fails, as the protocol wants."""
        target = inside(self._root, newpath)
        if target is None:
            return SFTP_PERMISSION_DENIED
        if target.exists():
            return SFTP_FAILURE
        return self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        target = inside(self._root, newpath)
        if target is None:
            return SFTP_PERMISSION_DENIED
        done = self._change(oldpath, lambda place: place.replace(target))
        if done == SFTP_OK:
            self._sftp.after_rename(newpath)
        return done

    def canonicalize(self, path: str) -> str:
        return os.path.normpath("/" + path.lstrip("/"))

    def _change(self, path: str, act: Callable[[Path], object]) -> int:
        done = self._do(path, act)
        return done if isinstance(done, int) else SFTP_OK

    def _do(self, path: str, act: Callable[[Path], T]) -> T | int:
        place = inside(self._root, path)
        if place is None:
            return SFTP_PERMISSION_DENIED
        if self._sftp.is_down():
            return SFTP_FAILURE
        try:
            with self._sftp.still:
                return act(place)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


def inside(root: Path, path: str) -> Path | None:
    """The place `path` names below `root` (absolute, resolved); None when a link leads out, or it is no path at all."""
    if "\0" in path:
        return None
    place = root / os.path.normpath("/" + path.lstrip("/"))[1:]
    return place if place.resolve().is_relative_to(root) else None


def _attributes(place: Path, found: os.stat_result) -> SFTPAttributes:
    return SFTPAttributes.from_stat(found, place.name)


class _OpenFile(SFTPHandle):
    """An open file; reading and writing by offset are paramiko's own."""

    def __init__(self, place: Path, flags: int, sftp: SftpServer) -> None:
        super().__init__(flags)
        self._sftp = sftp
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        self._place = place
        self._file = os.fdopen(
            os.open(place, flags | os.O_NOFOLLOW, 0o644), "r+b" if flags & os.O_RDWR else "wb" if writes else "rb"
        )
        self.readfile = None if flags & os.O_WRONLY else self._file
        self.writefile = self._file if writes else None

    def read(self, offset: int, length: int) -> bytes | int:
        """Fewer bytes than asked for while it drips, as the protocol allows."""
        if self._sftp.is_down():
            return SFTP_FAILURE
        drips = self._sftp.faults.drip_seconds > 0
        found: bytes | int = super().read(offset, min(length, _DRIP_BYTES) if drips else length)
        return found

    def stat(self) -> SFTPAttributes:
        return SFTPAttributes.from_stat(os.fstat(self._file.fileno()), self._place.name)


def _entries(folder: Path) -> list[SFTPAttributes]:
    """What lies in a folder; a file that is renamed meanwhile is not there."""
    found = []
    for entry in sorted(folder.iterdir()):
        with suppress(FileNotFoundError):
            found.append(_attributes(entry, entry.lstat()))
    return found
