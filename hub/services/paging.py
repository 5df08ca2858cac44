"""Pages: some items, and whether there are more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """At most `first` items, cut from one item more."""

    items: Sequence[T]
    has_next: bool

    @classmethod
    def cut(cls, items: Sequence[T], first: int) -> Page[T]:
        """A page from up to `first + 1` items."""
        return cls(items[:first], len(items) > first)
