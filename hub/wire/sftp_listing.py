"""Listing a folder over SFTP byte by byte, so that one hostile name does not hide the others."""

from __future__ import annotations

import contextlib
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.errors import InputRefusedError, UnreachableError
from hub.wire.remote import RemoteFile

if TYPE_CHECKING:
    import paramiko

_MAX_FILES = 100_000


def read_folder(client: paramiko.SFTPClient, folder: str) -> list[tuple[bytes, paramiko.SFTPAttributes]]:
    """paramiko's own listing fails whole on one name that is not UTF-8, so the entries are read as bytes here."""
    from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

    raw: Any = client
    kind, message = raw._request(CMD_OPENDIR, folder.encode())
    if kind != CMD_HANDLE:
        raise UnreachableError(f"listing {folder}: the server answers out of turn")
    handle = message.get_binary()
    found: list[tuple[bytes, paramiko.SFTPAttributes]] = []
    with contextlib.suppress(EOFError):
        while True:
            kind, message = raw._request(CMD_READDIR, handle)
            if kind != CMD_NAME:
                raise UnreachableError(f"listing {folder}: the server answers out of turn")
            found += _read_names(message)
            if len(found) > _MAX_FILES:
                raise InputRefusedError(f"{folder} holds more than {_MAX_FILES:,} files", hint="archive the old ones")
    raw._request(CMD_CLOSE, handle)
    return found


def _read_names(message: Any) -> list[tuple[bytes, paramiko.SFTPAttributes]]:
    import paramiko

    names: list[tuple[bytes, paramiko.SFTPAttributes]] = []
    for _ in range(message.get_int()):
        name, _long = message.get_binary(), message.get_binary()
        attributes: Any = paramiko.SFTPAttributes
        read = attributes._from_msg(message)
        if name not in (b".", b".."):
            names.append((name, read))
    return names


def plain_name(raw: bytes) -> str | None:
    """The name, or None when it is hostile: a path, control or invisible characters, too long, not UTF-8."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    bad = not name or len(raw) > 255 or "/" in name or "\\" in name or name in (".", "..")
    return None if bad or any(unicodedata.category(char)[0] == "C" for char in name) else name


def remote_file(name: str, path: str, attributes: paramiko.SFTPAttributes) -> RemoteFile:
    modified = attributes.st_mtime
    when = datetime.fromtimestamp(modified, UTC) if modified is not None else None
    return RemoteFile(name, path, attributes.st_size or 0, when)
