"""Contact points (*numéros utiles, gardiens, agences*) and their opening hours, several intervals a day."""

from __future__ import annotations

import re
from datetime import time
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_GROUPS = {"every_day": DAYS, "weekdays": DAYS[:5], "weekend": DAYS[5:]}
_INTERVAL = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_Line = Annotated[str, Field(min_length=1, max_length=300)]


class Opening(BaseModel):
    """One interval of a week. `weekday` 1 is Monday; midnight at the end of a day (24:00) is 23:59."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    weekday: int
    opens: time
    closes: time


def _openings(value: object) -> object:
    """From `{ weekdays = ["08:30-12:00", "13:30-17:00"], saturday = [] }`; a named day overrides its group."""
    if not isinstance(value, dict):
        return value
    if unknown := [key for key in value if key not in DAYS and key not in _GROUPS]:
        raise ValueError(f"{unknown[0]} is no day: write {', '.join((*_GROUPS, *DAYS))}")
    days: dict[str, object] = {}
    for group, members in _GROUPS.items():
        days |= dict.fromkeys(members, value[group]) if group in value else {}
    days |= {day: value[day] for day in DAYS if day in value}
    return [opening for day, texts in days.items() for opening in _day(day, texts)]


def _day(day: str, texts: object) -> list[Opening]:
    if not isinstance(texts, list):
        raise ValueError(f'{day} is a list of intervals: ["08:30-12:00", "13:30-17:00"]')  # noqa: TRY004  # pydantic
    openings = sorted((_opening(day, text) for text in texts), key=lambda opening: opening.opens)
    for earlier, later in pairwise(openings):
        if later.opens < earlier.closes:
            raise ValueError(f"two intervals of {day} overlap")
    return openings


def _opening(day: str, text: object) -> Opening:
    found = _INTERVAL.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'{text!r} of {day} is no interval: write "08:30-12:00"')
    closes = time(int(found[3]), int(found[4])) if found[3] else time(23, 59)
    opens = time(int(found[1]), int(found[2]))
    if opens >= closes:
        raise ValueError(f"{text!r} of {day} ends before it begins")
    return Opening(weekday=DAYS.index(day) + 1, opens=opens, closes=closes)


def _notes(value: object) -> object:
    return {"": value} if isinstance(value, str) else value


class ContactPoint(BaseModel):
    """Who tenants can reach, and when. `sites`: site codes, none means all. `notes`: by language, "" for any."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,59}$")]
    name: _Line
    phone: _Line | None = None
    email: _Line | None = None
    address: _Line | None = None
    sites: tuple[_Line, ...] = ()
    hours: Annotated[tuple[Opening, ...], BeforeValidator(_openings)] = ()
    notes: Annotated[dict[str, str], BeforeValidator(_notes)] = Field(default_factory=dict)

    def note(self, language: str) -> str | None:
        """The note in a language ("fr", "fr-FR"), else the one for any, else the first."""
        for key in (language, language.split("-")[0], ""):
            if key in self.notes:
                return self.notes[key]
        return next(iter(self.notes.values()), None)

    def plain(self) -> dict[str, Any]:
        """As JSON, from which `model_validate` makes it again."""
        return self.model_dump(mode="json")
