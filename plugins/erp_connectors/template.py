"""Argument templates: `{ DepuisLe = "{cursor}", Page = "{page}" }` with what is known at the time of the call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

PLACEHOLDERS = ("cursor", "today", "page", "token", "from", "to", "user", "secret")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([^{}]+))?\}")
Lookup = Callable[[str, str | None], Any]


def placeholders(template: Any) -> Iterator[tuple[str, str | None]]:
    """Every placeholder of a template: name and what follows the colon (a date format, a secret's name)."""
    if isinstance(template, Mapping):
        for value in template.values():
            yield from placeholders(value)
    elif isinstance(template, list):
        for value in template:
            yield from placeholders(value)
    elif isinstance(template, str):
        yield from ((found[1], found[2]) for found in _PLACEHOLDER.finditer(template))


def fill(template: Any, lookup: Lookup) -> Any:
    """The template with its placeholders replaced. One that stands alone keeps its value's type, and is left out of
    its table when it has none: `{cursor}` of a first run, `{token}` of a first page."""
    if isinstance(template, Mapping):
        filled = {name: fill(value, lookup) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not None}
    if isinstance(template, list):
        return [fill(value, lookup) for value in template]
    if not isinstance(template, str):
        return template
    if alone := _PLACEHOLDER.fullmatch(template):
        return _shown(lookup(alone[1], alone[2]), alone[2])
    return _PLACEHOLDER.sub(lambda found: _text(_shown(lookup(found[1], found[2]), found[2])), template)


def windows(start: date, end: date, days: int) -> Iterator[tuple[date, date]]:
    """Consecutive date ranges of at most `days` days from `start` to `end`, both included."""
    while start <= end:
        last = min(end, start + timedelta(days=days - 1))
        yield start, last
        start = last + timedelta(days=1)


def _shown(value: Any, spec: str | None) -> Any:
    if isinstance(value, date):
        return value.strftime(spec) if spec else value.isoformat()
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value)
