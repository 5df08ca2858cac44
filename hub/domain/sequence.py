"""The numbers a delta's inputs carry: what comes next, what came before, what is missing between two."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final, Literal

Restarts = Literal["never", "yearly", "monthly", "daily"]
Step = Literal["next", "again", "earlier", "gap"]

_PERIODS: Final[dict[Restarts, str]] = {"never": "", "yearly": "%Y", "monthly": "%Y-%m", "daily": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A number within its period ("" where numbers never start again)."""

    period: str
    number: int

    @property
    def text(self) -> str:
        return f"{self.period}#{self.number}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `text` says."""
        period, _, number = text.rpartition("#")
        return cls(period, int(number))

    def __str__(self) -> str:
        return f"{self.number} of {self.period}" if self.period else f"{self.number}"


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a name's number is read (the pattern's first group), and when numbers begin at 1 again.

    `resume_at`: a number that is taken whatever came before it: a person says that what is missing will not come.
    """

    pattern: str
    restarts: Restarts = "never"
    resume_at: int | None = None

    def read(self, name: str, day: date) -> Position | None:
        """The position of an input of that name and day; None where the name holds no number."""
        found = re.search(self.pattern, name)
        if found is None or not (found[1] or "").isdecimal():
            return None
        return Position(day.strftime(_PERIODS[self.restarts]), int(found[1]))

    def keep(self, last: Position) -> str:
        """A position as it is remembered, with what it was counted by."""
        return f"{self._mark} {last.text}"

    def recall(self, kept: str | None) -> Position | None:
        """What `keep` kept; None where it was counted otherwise, and says nothing of these numbers."""
        mark, _, text = (kept or "").partition(" ")
        return Position.parse(text) if text and mark == self._mark else None

    @property
    def _mark(self) -> str:
        return sha256(f"{self.restarts} {self.pattern}".encode()).hexdigest()[:12]

    def step(self, last: Position | None, new: Position) -> Step:
        """How `new` follows `last`. Anything may begin; a new period begins at 1 (or 0)."""
        if last is None:
            return "next"
        found = self._step(last, new)
        return "next" if found in ("gap", "earlier") and new.number == self.resume_at else found

    def _step(self, last: Position, new: Position) -> Step:
        if new == last:
            return "again"
        if new < last:
            return "earlier"
        due = last.number + 1 if new.period == last.period else 1
        return "next" if new.number <= due else "gap"


def missing(last: Position, new: Position) -> str:
    """What lies between two positions, for a sentence: "42 is missing", "2 to 4 of 2026-11-21 are missing"."""
    first = last.number + 1 if new.period == last.period else 1
    of = f" of {new.period}" if new.period else ""
    if first == new.number - 1:
        return f"{first}{of} is missing"
    return f"{first} to {new.number - 1}{of} are missing"
