"""Where each key of a TOML text stands, so that a message can name the line: tomllib forgets it."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from itertools import accumulate

Path = tuple[str | int, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_LONG = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}', re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PLAIN = re.compile(r"[^,\]}\n#]*")


class TomlLines:
    """The line of each key, counted from 1. The text must be sound TOML: parse it with tomllib first."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._starts = list(accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
        self._lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}
        self._read()

    def find(self, path: Path) -> int | None:
        """The line of a key, or of the nearest table above it that is written out; None for an empty path."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)

    def _read(self) -> None:
        table: Path = ()
        while self._skip():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line, double = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        path = self._inside_arrays(self._keys(), double=double)
        self._at += 2 if double else 1
        self._lines.setdefault(path, line)
        return path

    def _inside_arrays(self, keys: list[str], *, double: bool) -> Path:
        """The path of a header: below an array of tables, in its last one; with `[[…]]`, in a new one."""
        path: Path = ()
        for place, key in enumerate(keys):
            path += (key,)
            if double and place == len(keys) - 1:
                self._arrays[path] = self._arrays.get(path, 0) + 1
                self._lines.setdefault(path, self._line())
            if path in self._arrays:
                path += (self._arrays[path] - 1,)
        return path

    def _pair(self, table: Path) -> None:
        line, keys = self._line(), self._keys()
        path = table
        for key in keys:
            path += (key,)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip()
        self._value(path)

    def _value(self, path: Path) -> None:
        self._lines.setdefault(path, self._line())
        if self._text[self._at] == "[":
            self._items(path)
        elif self._text[self._at] == "{":
            self._inline(path)
        else:
            self._take(_LONG) or self._take(_QUOTED) or self._take(_PLAIN)

    def _items(self, path: Path) -> None:
        self._at += 1
        place = 0
        while self._upto("]"):
            self._value((*path, place))
            place += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while self._upto("}"):
            self._pair(path)

    def _upto(self, end: str) -> bool:
        """Skip blanks and commas; False, and past it, at the closing bracket."""
        self._skip()
        while self._text[self._at] == ",":
            self._at += 1
            self._skip()
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip()
            raw = self._take(_QUOTED)
            keys.append(tomllib.loads(f"key = {raw}")["key"] if raw else self._take(_BARE))
            self._skip()
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found.group() if found else ""

    def _skip(self) -> bool:
        """Go to the next thing that is no blank and no comment; False at the end."""
        self._take(_BLANK)
        return self._at < len(self._text)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)
