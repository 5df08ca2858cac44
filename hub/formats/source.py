"""Opening what was fetched: plain, gzip or zip, always within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, Literal

from hub.errors import InputRefusedError
from hub.wire.archives import ArchiveLimits, ZipArchive, open_gzip
from hub.wire.limited import ByteStream

Compression = Literal["none", "gzip", "zip"]


@contextmanager
def open_decoded(
    source: Path | BinaryIO,
    *,
    compression: Compression = "none",
    member: str = "*",
    file: str = "",
    limits: ArchiveLimits | None = None,
) -> Iterator[ByteStream]:
    """The unpacked bytes of a file, for any reader here (the text's encoding is the reader's business).

    From a zip, the one file that matches the pattern `member`. Closes what it opened, not a stream it was given. Raises
    InputRefusedError for a damaged archive, a bomb, or when no or several files match.
    """
    if isinstance(source, Path):
        with (
            source.open("rb") as opened,
            open_decoded(
                opened, compression=compression, member=member, file=file or source.name, limits=limits
            ) as stream,
        ):
            yield stream
    elif compression == "gzip":
        with open_gzip(source, file=file, limits=limits) as stream:
            yield stream
    elif compression == "zip":
        with ZipArchive(source, file=file, limits=limits) as archive, archive.open(_pick(archive, member)) as stream:
            yield stream
    else:
        yield source


def _pick(archive: ZipArchive, pattern: str) -> str:
    names = [entry.name for entry in archive.entries if fnmatchcase(entry.name, pattern)]
    if len(names) == 1:
        return names[0]
    held = ", ".join(entry.name for entry in archive.entries[:10]) or "nothing"
    raise InputRefusedError(
        f"{archive.file} holds {len(names)} files that match {pattern!r}, not one; it holds {held}",
        hint="set the pattern of the file to take",
    )
