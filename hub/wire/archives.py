"""Compressed input within bounds: a small file that unpacks to a disk full is refused while it is read."""

from __future__ import annotations

import gzip
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from hub.errors import InputRefusedError
from hub.wire.limited import ByteStream, Limited

# Below this size a high ratio means nothing: an empty page of blanks compresses well too.
_RATIO_FROM = 1024 * 1024
_END_RECORD = b"PK\x05\x06"
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")
_MAKE_AGAIN = "ask for the file again: it was cut or damaged on its way"


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`max_bytes` of all entries together, unpacked; `max_ratio` of unpacked to packed size, beyond the first MB."""

    max_entries: int = 20_000
    max_ratio: int = 250
    max_bytes: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a zip: `name` is a plain relative path with forward slashes, `size` what it claims to unpack to."""

    name: str
    size: int


class _Counted:
    """Counts what is read from the packed side."""

    def __init__(self, source: ByteStream) -> None:
        self._source = source
        self.count = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self.count += len(data)
        return data


def open_gzip(source: ByteStream, *, file: str, limits: ArchiveLimits | None = None) -> Limited:
    """The unpacked bytes of a gzip stream. Raises InputRefusedError when it is not gzip, cut, damaged or a bomb."""
    limits = limits or ArchiveLimits()
    packed = _Counted(source)
    unpacked = gzip.GzipFile(fileobj=packed, mode="rb")  # type: ignore[call-overload]  # read() is all it uses
    return _bounded(unpacked.read1, lambda: packed.count, file, limits)


class ZipArchive:
    """A zip whose directory has been checked: plain names, no symlinks, no encryption, sizes and ratios in bounds.

    `source` must be seekable. Raises InputRefusedError from the constructor and while an entry is read; all entries
    together may unpack to `limits.max_bytes`, whatever the directory claims.
    """

    def __init__(self, source: BinaryIO, *, file: str, limits: ArchiveLimits | None = None) -> None:
        self.file = file
        self._limits = limits or ArchiveLimits()
        self._left = self._limits.max_bytes
        _check_count(source, file, self._limits)
        try:
            self._zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise InputRefusedError(f"{file} is not a readable zip ({error})", hint=_MAKE_AGAIN) from None
        self._infos = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        self._check_directory()
        self.entries = tuple(Entry(info.filename, info.file_size) for info in self._infos.values())

    def open(self, name: str) -> Limited:
        """The unpacked bytes of one entry. Raises InputRefusedError for an unknown name or a damaged entry."""
        info = self._infos.get(name)
        if info is None:
            raise InputRefusedError(f"{self.file} holds no file {name!r}")
        try:
            member = cast(zipfile.ZipExtFile, self._zip.open(info))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            raise _damaged(f"{self.file}/{name}", error) from None

        def read_some(size: int) -> bytes:
            data = member.read1(size)
            self._left -= len(data)
            if self._left < 0:
                raise _bomb(self.file, f"unpacks to more than {self._limits.max_bytes:,} bytes")
            if size and not data and stream.count != info.file_size:
                raise _damaged(what, ValueError(f"{stream.count:,} bytes, its directory says {info.file_size:,}"))
            return data

        what = f"{self.file}/{name}"
        stream = _bounded(read_some, lambda: info.compress_size, what, self._limits, member.close)
        return stream

    def close(self) -> None:
        self._zip.close()

    def __enter__(self) -> ZipArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_directory(self) -> None:
        names = [info.filename for info in self._zip.infolist()]
        if len(set(names)) != len(names):
            raise InputRefusedError(f"{self.file} holds the same name twice")
        if sum(info.file_size for info in self._infos.values()) > self._limits.max_bytes:
            raise _bomb(self.file, f"unpacks to more than {self._limits.max_bytes:,} bytes")
        for info in self._zip.infolist():
            self._check_entry(info)

    def _check_entry(self, info: zipfile.ZipInfo) -> None:
        name = info.filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or _BAD_NAME.search(info.orig_filename) or not path.parts:
            raise InputRefusedError(f"{self.file} holds a name that leaves its folder: {name!r}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputRefusedError(f"{self.file} holds a link or device: {name!r}", hint="only plain files are read")
        if info.flag_bits & 0x1:
            raise InputRefusedError(f"{self.file} is encrypted: {name!r}", hint="have it sent without a password")
        if info.file_size > _RATIO_FROM and info.file_size > self._limits.max_ratio * max(1, info.compress_size):
            raise _bomb(f"{self.file}/{name}", f"unpacks to more than {self._limits.max_ratio} times its size")


def _bounded(
    read_some: Callable[[int], bytes],
    packed: Callable[[], int],
    what: str,
    limits: ArchiveLimits,
    on_close: Callable[[], None] | None = None,
) -> Limited:
    def read(size: int) -> bytes:
        try:
            data = read_some(size)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise _damaged(what, error) from None
        count = stream.count + len(data)
        if count > _RATIO_FROM and count > limits.max_ratio * max(1, packed()):
            raise _bomb(what, f"unpacks to more than {limits.max_ratio} times its size")
        return data

    stream = Limited(read, max_bytes=limits.max_bytes, what=what, on_close=on_close)
    return stream


def _check_count(source: BinaryIO, file: str, limits: ArchiveLimits) -> None:
    """Reads the count in the zip's end record first: zipfile loads the whole directory before anyone can look."""
    size = source.seek(0, 2)
    source.seek(max(0, size - 65_557))
    tail = source.read(65_557)
    source.seek(0)
    at = tail.rfind(_END_RECORD)
    if at < 0 or len(tail) < at + 12:
        raise InputRefusedError(f"{file} is not a zip, or was cut", hint=_MAKE_AGAIN)
    (count,) = struct.unpack_from("<H", tail, at + 10)
    if count > limits.max_entries:
        raise _bomb(file, f"holds more than {limits.max_entries:,} files")


def _damaged(what: str, error: Exception) -> InputRefusedError:
    return InputRefusedError(f"{what} cannot be unpacked ({error})", hint=_MAKE_AGAIN)


def _bomb(what: str, how: str) -> InputRefusedError:
    return InputRefusedError(f"{what} {how}", hint="if it is meant, raise the connector's archive limits")
