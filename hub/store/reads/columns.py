"""Small words the reads are written in: a row class says which columns are selected, in its own order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def listed(row: type, table: str, **computed: str) -> str:
    """The select list a row class is filled from: the table's columns of the same names, or what is computed."""
    names = [field.name for field in fields(row)]
    return ", ".join(f"{computed[name]} as {name}" if name in computed else f"{table}.{name}" for name in names)


def grouped(pairs: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    """Rows by their owner, in the order given."""
    found: dict[K, list[T]] = {}
    for owner, row in pairs:
        found.setdefault(owner, []).append(row)
    return found
