"""The invented names a world is made of, kept as data."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def words() -> dict[str, list[str]]:
    """`women`, `men`, `families`, `gardens`, `streets` of words.toml."""
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
