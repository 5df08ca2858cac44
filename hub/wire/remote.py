"""Files where an ERP drops them: on a server or in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from hub.errors import TerminalError

BEING_WRITTEN = ".tmp"
"""Ends the name of a file that is not whole yet."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A plain file on the server. `modified` in UTC, None when the server does not say."""

    name: str
    path: str
    size: int
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's plain files by name, and the names left out because they are hostile or not UTF-8 (escaped)."""

    files: tuple[RemoteFile, ...]
    skipped: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[RemoteFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a transfer brought: bytes written and their sha256, in hexadecimal."""

    size: int
    sha256: str


def other_content(path: str) -> TerminalError:
    """A file is never replaced by another of its name: whoever reads it may have begun."""
    return TerminalError(
        f"{path} is there already, with another content",
        hint="ask who wrote it: numbers may have begun anew, or two installations write to one folder",
    )
