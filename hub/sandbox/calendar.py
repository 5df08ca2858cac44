"""Months as ledgers count them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta


def first_of(day: date, *, months: int = 0) -> date:
    """The first of the month of `day`, `months` later (or earlier)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def last_of(day: date) -> date:
    return first_of(day, months=1) - timedelta(days=1)


def months_from(first: date, *, until: date) -> Iterator[date]:
    """The firsts of the months from that of `first` to that of `until`."""
    month = first_of(first)
    while month <= until:
        yield month
        month = first_of(month, months=1)


def short(month: date) -> str:
    """A period as printed in labels: 06/18."""
    return f"{month.month:02d}/{month.year % 100:02d}"
