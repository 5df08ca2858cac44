"""The calls of one feed: for each value, each date range and each page, what the argument template is filled with."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from erp_connectors.soap.reply import Marks
from erp_connectors.soap.settings import CallFeed, Cursor, Pages
from erp_connectors.template import windows
from hub.domain.clock import Clock
from hub.domain.modes import Days
from hub.errors import InputRefusedError, MisconfiguredError, SettingsError
from hub.ports import State

_MOST_PAGES = 100_000
_KEPT_FROM_SECONDS = 0.5
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Pager:
    """Walks through the pages of one answer: `values` fills the next call, `turn` says whether there is one."""

    def __init__(self, pages: Pages | None, operation: str) -> None:
        self._pages, self._operation = pages, operation
        self._count = 0
        self.values: dict[str, Any] = {"page": pages.first if pages else None, "token": None}

    def turn(self, marks: Marks, *, digest: str, before: str) -> bool:
        """Go to the next page after a reply. Raises InputRefusedError where a server would have us turn for ever."""
        pages = self._pages
        if pages is None or not self._more(pages, marks):
            return False
        self._count += 1
        if digest == before or marks.paging == self.values["token"] is not None or self._count > _MOST_PAGES:
            raise InputRefusedError(
                f"{self._operation} gives the same page again after {self._count} pages",
                hint="check `pages` of the feed: the service may not page the way it says",
            )
        if pages.by == "token":
            self.values["token"] = marks.paging
        else:
            self.values["page"] += 1
        return True

    def _more(self, pages: Pages, marks: Marks) -> bool:
        if pages.by == "token":
            return marks.paging is not None
        if pages.path is None:
            return marks.rows >= (pages.size or 1)
        if marks.paging is None and marks.rows == 0:
            return False
        if marks.paging is None or not marks.paging.isdecimal():
            raise MisconfiguredError(
                f"{self._operation} gives rows, but no number of pages at {pages.path}",
                hint="correct the path in pages: without it the first page would be taken for the whole",
            )
        return int(self.values["page"]) - pages.first + 1 < int(marks.paging)


class Pace:
    """Keeps calls of one operation apart, so that no more than the agreed number falls in a minute.

    Slow limits also hold from one reading to the next, through the connector's state.
    """

    def __init__(self, calls_per_minute: Mapping[str, float], state: State, clock: Clock) -> None:
        self._limits, self._state, self._clock = calls_per_minute, state, clock
        self._due: dict[str, float] = {}

    def wait(self, operation: str) -> None:
        """Sleep until the operation may be called."""
        limit = self._limits.get(operation) or self._limits.get("*")
        if limit is None:
            return
        gap, now = 60 / limit, time.monotonic()
        due = self._due[operation] if operation in self._due else now + self._left_over(operation, gap)
        time.sleep(max(0.0, due - now))
        self._due[operation] = max(due, now) + gap
        if gap >= _KEPT_FROM_SECONDS:
            self._state.put(f"called:{operation}", self._clock.now().isoformat())

    def _left_over(self, operation: str, gap: float) -> float:
        """Seconds still to wait after a call of an earlier reading."""
        called = self._state.get(f"called:{operation}")
        if called is None:
            return 0.0
        passed = (self._clock.now() - datetime.fromisoformat(called)).total_seconds()
        return min(gap, max(0.0, gap - passed))


class Progress:
    """The cursor of a delta: what the first calls ask for, and what is kept at the end."""

    def __init__(self, cursor: Cursor | None, start: str | None, today: date) -> None:
        self._cursor, self._today = cursor, today
        self._greatest = start
        self.since: date | str | None = self._since(start)

    def see(self, values: Iterable[str | None]) -> None:
        """Take the values of the cursor's element in some rows into account."""
        for value in values:
            if value and (self._greatest is None or _rank(value) > _rank(self._greatest)):
                self._greatest = value

    @property
    def reached(self) -> str | None:
        """What to go on from next time."""
        if self._cursor is None:
            return None
        return self._greatest if self._cursor.path else self._today.isoformat()

    def _since(self, start: str | None) -> date | str | None:
        if start is None or self._cursor is None:
            return None
        if _DAY.match(start):
            return date.fromisoformat(start[:10]) - timedelta(days=self._cursor.overlap_days)
        if self._cursor.overlap_days:
            raise SettingsError(
                "overlap_days is set, but the cursor is no date",
                hint="take a date for the cursor's path, or no overlap",
            )
        return start


def ranges(settings: CallFeed, progress: Progress, today: date, days: Days | None = None) -> Iterator[dict[str, date]]:
    """The date ranges to ask for, or one empty one. `days`: those a feed in window mode is to be complete for."""
    if settings.window is None:
        yield {"from": days.first, "to": days.last} if days else {}
        return
    start = settings.window.start
    if days is not None:
        start, today = max(start, days.first), days.last
    if isinstance(progress.since, date):
        start = max(start, progress.since)
    for first, last in windows(start, today + timedelta(days=settings.window.ahead_days), settings.window.days):
        yield {"from": first, "to": last}


def _rank(value: str) -> tuple[int, str]:
    """Whole numbers by value, everything else (ISO dates, versions of fixed width) as text."""
    return (len(value.lstrip("0")), value.lstrip("0")) if value.isdecimal() else (0, value)
