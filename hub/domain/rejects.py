"""How many bad rows make a whole file bad."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """A file is refused when more than `percent` of its rows are bad, and at least `floor`; or more than `rows`."""

    percent: float | None = 20.0
    floor: int = 50
    rows: int | None = None

    @classmethod
    def parse(cls, text: int | str | None) -> RejectLimit:
        """A number of rows, a share as "5 %", or None for the usual. Raises ValueError."""
        if text is None:
            return cls()
        if isinstance(text, int):
            if text < 0:
                raise ValueError(f'{text} is no number of rows: write 0 for none, 100, or "5 %"')
            return cls(percent=None, rows=text)
        found = _SHARE.fullmatch(text.strip())
        if found is None or float(found[1]) > 100:
            raise ValueError(f'"{text}" is no share: write a number of rows, or a share like "5 %"')
        return cls(percent=float(found[1]), floor=1)

    def is_passed(self, *, bad: int, read: int) -> bool:
        """Whether `bad` rows of `read` are too many."""
        if self.rows is not None:
            return bad > self.rows
        return self.percent is not None and bad >= self.floor and bad * 100 > self.percent * read

    def __str__(self) -> str:
        return f"{self.rows:,} rows" if self.rows is not None else f"{self.percent:g} %"
