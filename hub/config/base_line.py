"""The line `# base: version 7` among a file's first comments: which applied version it was made from."""

from __future__ import annotations

import re

_BASE = re.compile(r"#[ \t]*base:[ \t]*version[ \t]+(\d{1,9})")


def read_base(text: str) -> int | None:
    """The version a file says it was made from; None where it says nothing."""
    found = _find(text.splitlines())
    return None if found is None else int(found[1][1])


def with_base(text: str, version: int) -> str:
    """The same text made from another version: only that line changes, or is put first where there was none."""
    line = f"# base: version {version}"
    lines = text.splitlines(keepends=True)
    found = _find(lines)
    if found is None:
        return f"{line}\n{text}"
    place, match = found
    lines[place] = lines[place].replace(match[0], line, 1)
    return "".join(lines)


def _find(lines: list[str]) -> tuple[int, re.Match[str]] | None:
    """Where the line stands: before anything that is no comment, so that no text of the file is taken for it."""
    for place, line in enumerate(lines):
        plain = line.strip().lstrip("\ufeff")
        if plain and not plain.startswith("#"):
            return None
        if match := _BASE.fullmatch(plain):
            return place, match
    return None
