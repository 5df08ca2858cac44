"""File name patterns: `compta/ECR_{date:%Y%m%d}_{seq}.csv` finds files, dates them and orders them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from posixpath import basename, splitext

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp")
_PIECE = re.compile(r"\{date:([^}]+)\}|(\{seq\})|(\*)|(\{[^}]*\})")
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}
_NAMED = re.compile(r"\{(date|seq|stem|name|folder)(?::([^}]+))?\}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a pattern read from a file's path. `group` is its date in ISO form ("" without one)."""

    path: str
    day: datetime | None = None
    seq: str = ""

    @property
    def group(self) -> str:
        return self.day.isoformat() if self.day else ""

    @property
    def sequence(self) -> str:
        """Orders the files of one date: their number first, then their name."""
        return f"{self.seq.zfill(12)} {self.path}"

    def fill(self, pattern: str) -> str:
        """The path of another file that goes with this one: `{date:…}`, `{seq}`, `{stem}`, `{name}`, `{folder}`."""
        folder, name = self.path.rpartition("/")[0], basename(self.path)
        values = {"seq": self.seq, "stem": splitext(self.path)[0], "name": name, "folder": folder or "."}

        def value(match: re.Match[str]) -> str:
            if match[1] == "date":
                return self.day.strftime(match[2]) if self.day else ""
            return values[match[1]]

        return _NAMED.sub(value, pattern)


class FilePattern:
    """A compiled pattern. `folder` is what to list ("." for the log-in folder); patterns stand in the name only.

    Raises ValueError, with what is wrong, for a pattern that cannot be read.
    """

    def __init__(self, pattern: str) -> None:
        folder, _, name = pattern.rpartition("/")
        if "{" in folder or "*" in folder:
            raise ValueError(f"{pattern!r}: the folder is written out, patterns stand in the file's name only")
        self.folder = folder or "."
        self._prefix = f"{folder}/" if folder else ""
        self._date = ""
        self._regex = re.compile(_regex(name, self._remember))

    def match(self, name: str) -> Found | None:
        """What the pattern reads from a name of its folder; None for other and for unfinished files."""
        found = self._regex.fullmatch(name)
        if found is None or unfinished(name):
            return None
        parts: Mapping[str, str | None] = found.groupdict()
        try:
            day = datetime.strptime(parts["date"] or "", self._date) if self._date else None  # noqa: DTZ007  # a name
        except ValueError:
            return None
        return Found(self._prefix + name, day, parts.get("seq") or "")

    def _remember(self, date_format: str) -> None:
        if self._date:
            raise ValueError("a pattern holds one {date:…}")
        self._date = date_format


def unfinished(name: str) -> bool:
    """Whether a name says that its file is hidden or still being written."""
    return name.startswith((".", "~")) or name.lower().endswith(UNFINISHED)


def check_fill(pattern: str) -> str:
    """The pattern of a companion file, or ValueError if it holds something `Found.fill` does not know."""
    left = _NAMED.sub("", pattern)
    if "{" in left or "*" in left:
        raise ValueError(f"{pattern!r} may hold {{stem}}, {{name}}, {{folder}}, {{seq}} and {{date:…}}, nothing else")
    return pattern


def _regex(name: str, remember: Callable[[str], None]) -> str:
    out, at = "", 0
    for piece in _PIECE.finditer(name):
        out += re.escape(name[at : piece.start()])
        at = piece.end()
        if piece[1]:
            remember(piece[1])
            out += f"(?P<date>{_date_regex(piece[1])})"
        elif piece[2]:
            out += r"(?P<seq>\d+)"
        elif piece[3]:
            out += "[^/]*"
        else:
            raise ValueError(f"{piece[4]!r} is not known: write {{date:%Y%m%d}}, {{seq}} or *")
    return out + re.escape(name[at:])


def _date_regex(date_format: str) -> str:
    def digits(match: re.Match[str]) -> str:
        if match[1] not in _DIGITS:
            raise ValueError(f"%{match[1]} is not known in a file name: write one of %{', %'.join(_DIGITS)}")
        return rf"\d{{{_DIGITS[match[1]]}}}"

    parts = re.split(r"(%.)", date_format)
    return "".join(digits(m) if (m := re.fullmatch(r"%(.)", part)) else re.escape(part) for part in parts)
