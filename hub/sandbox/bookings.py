"""Money that a partner had entered in the landlords' ERPs: one line each in a file of the sandbox's folder.

A world is made of its seed and its days; bookings come from outside, so they are kept, and laid over it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from threading import RLock
from typing import Any

from hub.sandbox.model import Entry, Landlord, World

FILE = "bookings.jsonl"


@dataclass(frozen=True, slots=True)
class Booking:
    """A payment or its reversal as an ERP has it, under the partner's `reference`.

    `cents`: as in the ledger, less than 0 for a payment. `taken_on`: the day it came in; `booked_on`: the day whose
    ledger shows it. `is_shown`: whether the ledger tells the reference. `batch`: the file or receipt batch it came in.
    """

    landlord: Landlord
    reference: str
    kind: str
    account: str
    cents: int
    code: str
    label: str
    paid_on: str
    taken_on: str
    booked_on: str
    entry: str
    number: int
    reverses: str = ""
    reverses_entry: str = ""
    batch: str = ""
    is_shown: bool = True

    @property
    def day(self) -> date:
        return date.fromisoformat(self.booked_on)

    def as_entry(self) -> Entry:
        """Its ledger line; after everything else that the ERP writes on that day."""
        return Entry(
            id=self.entry,
            account=self.account,
            unit="",
            posted_on=self.day,
            sequence=self.number,
            due_on=None,
            period_from=None,
            period_to=None,
            code=self.code,
            label=self.label,
            cents=self.cents,
            document="",
            reversal_of=self.reverses_entry,
            payment_ref=self.reference if self.is_shown else "",
        )


class Bookings:
    """All landlords' bookings of a folder, the oldest first. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = RLock()
        _mend(self._path)
        self._all = list(read_bookings(folder))
        self._known = {(one.landlord, one.reference): one for one in self._all}

    @staticmethod
    def forget(folder: Path) -> None:
        """A new world begins without any."""
        (folder / FILE).unlink(missing_ok=True)

    def of(self, landlord: Landlord) -> list[Booking]:
        with self._lock:
            return [one for one in self._all if one.landlord == landlord]

    def find(self, landlord: Landlord, reference: str) -> Booking | None:
        with self._lock:
            return self._known.get((landlord, reference))

    def reversal_of(self, landlord: Landlord, reference: str) -> int:
        """Cents of a payment that were taken back already."""
        with self._lock:
            return sum(one.cents for one in self._all if one.landlord == landlord and one.reverses == reference)

    def next_number(self) -> int:
        with self._lock:
            return len(self._all) + 1

    def add(self, booking: Booking) -> None:
        """On disk before it is known: what the ERP answered, it remembers."""
        with self._lock:
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(booking), ensure_ascii=False) + "\n")
            self._all.append(booking)
            self._known[booking.landlord, booking.reference] = booking


def read_bookings(folder: Path, landlord: Landlord | None = None) -> Iterator[Booking]:
    """The bookings of a folder, also while it is served: for a harness that counts them."""
    try:
        lines = (folder / FILE).read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return
    for line in lines:
        held: dict[str, Any] = json.loads(line)
        if landlord in (None, held["landlord"]):
            yield Booking(**held)


def _mend(path: Path) -> None:
    """A line that was cut off in the middle was never answered for."""
    if path.exists() and not (held := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, held.rfind(b"\n") + 1)


def with_bookings(world: World, bookings: Iterable[Booking]) -> World:
    """The world with what was booked until its day, in its ledger and in its accounts' balances."""
    due: dict[str, list[Entry]] = {}
    for one in bookings:
        if one.day <= world.today and one.account in world.entries:
            due.setdefault(one.account, []).append(one.as_entry())
    if not due:
        return world
    entries = dict(world.entries)
    for account, booked in due.items():
        entries[account] = tuple(sorted((*entries[account], *booked), key=lambda one: (one.posted_on, one.sequence)))
    accounts = (
        replace(one, balance_cents=one.balance_cents + sum(entry.cents for entry in due[one.id]))
        if one.id in due
        else one
        for one in world.accounts
    )
    return replace(world, accounts=tuple(accounts), entries=entries)
