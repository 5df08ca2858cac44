"""Where a landlord's ERP takes money in (*encaissement*): judges, books, refuses, and misbehaves when told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from threading import RLock
from typing import Literal

from hub.sandbox.bookings import Booking, Bookings
from hub.sandbox.model import Landlord, World

Refusal = Literal["closed", "locked", "duplicate", "account", "amount", "payment", "reversed"]
Ending = Literal["", "hang", "drop", "silent"]
_REFUSES: dict[str, Refusal] = {"post-closed": "closed", "post-locked": "locked"}
_ENDS: dict[str, Ending] = {"post-hang": "hang", "post-drop": "drop", "post-lost-answer": "silent"}
_LAKESIDE_FIRST, _SEQUENCE_FIRST = 9_000_000, 1_000


class RefusedError(Exception):
    """The ERP does not take it; `told` is the booking it has already, where that is why."""

    def __init__(self, why: Refusal, told: Booking | None = None) -> None:
        super().__init__(why)
        self.why, self.told = why, told


@dataclass(frozen=True, slots=True)
class Asked:
    """What a partner wants entered. `cents` > 0; `reverses`: reference or entry of the payment it takes back."""

    reference: str
    account: str
    cents: int
    code: str
    label: str
    paid_on: date
    reverses: str | None = None
    batch: str = ""


@dataclass(slots=True)
class TillFaults:
    """`what`: a misbehaviour whose name begins with `post-`; `left`: so many postings more; `every`: each how many-th
    posting is met with it; `nights`: how much later it books."""

    what: str = ""
    left: int | None = None
    every: int = 1
    nights: int = 2
    met: int = 0

    def clear(self) -> None:
        self.what, self.left, self.every, self.met = "", None, 1, 0

    def meet(self) -> str:
        """One more posting has come; gives what goes wrong with it."""
        if not self.what:
            return ""
        if self.left is not None and self.left <= 0:
            self.clear()
            return ""
        self.met += 1
        if self.met % self.every:
            return ""
        if self.left is not None:
            self.left -= 1
        return self.what


@dataclass(frozen=True, slots=True)
class Taken:
    """What was booked, and how the answer to it goes wrong."""

    booking: Booking
    ends: Ending = ""


class Till:
    """One landlord's. `world`: as it is now; `on_booked` is told with the lock held, which is the sandbox's."""

    def __init__(
        self,
        landlord: Landlord,
        bookings: Bookings,
        lock: RLock,
        world: Callable[[], World],
        on_booked: Callable[[Booking], None],
        *,
        nights: int = 0,
    ) -> None:
        self.landlord, self.bookings, self.lock = landlord, bookings, lock
        self._world, self._on_booked, self._nights = world, on_booked, nights
        self.faults = TillFaults()

    @property
    def today(self) -> date:
        return self._world().today

    def enter(self, asked: Asked) -> Taken:
        """Books it. Raises RefusedError."""
        with self.lock:
            self.judge(asked)
            if (why := self.refuses()) is not None:
                raise RefusedError(why)
            return self.book(asked, self.meets())

    def refuses(self) -> Refusal | None:
        """Why it takes nothing just now; asking counts."""
        return _REFUSES.get(self.faults.meet()) if self.faults.what in _REFUSES else None

    def meets(self) -> str:
        """What goes wrong with one that is taken; asking counts."""
        return "" if self.faults.what in _REFUSES else self.faults.meet()

    def book(self, asked: Asked, wrong: str = "") -> Taken:
        """Books what was judged, with the lock held."""
        booking = self._booking(asked, wrong)
        self.bookings.add(booking)
        self._on_booked(booking)
        return Taken(booking, _ENDS.get(wrong, ""))

    def judge(self, asked: Asked) -> None:
        """Raises RefusedError for what is never taken."""
        known = self.bookings.find(self.landlord, asked.reference)
        if known is not None and self.faults.what != "post-twice":
            raise RefusedError("duplicate", known)
        if asked.account not in self._world().entries:
            raise RefusedError("account")
        if not 0 < asked.cents < 10**9 or not asked.reference:
            raise RefusedError("amount")
        if asked.reverses is not None:
            paid = self.payment(asked.reverses)
            if paid is None or paid.account != asked.account:
                raise RefusedError("payment")
            if self.bookings.reversal_of(self.landlord, paid.reference) + asked.cents > -paid.cents:
                raise RefusedError("reversed")

    def payment(self, name: str) -> Booking | None:
        """The payment of this reference or entry."""
        for one in self.bookings.of(self.landlord):
            if one.kind == "payment" and name in (one.reference, one.entry, one.entry.rpartition("-")[2]):
                return one
        return None

    def _booking(self, asked: Asked, wrong: str) -> Booking:
        number, today = self.bookings.next_number(), self.today
        paid = self.payment(asked.reverses) if asked.reverses is not None else None
        later = self._nights + (self.faults.nights if wrong == "post-late" else 0)
        return Booking(
            landlord=self.landlord,
            reference=asked.reference,
            kind="payment" if paid is None else "reversal",
            account=asked.account,
            cents=-asked.cents if paid is None else asked.cents,
            code=asked.code,
            label=asked.label,
            paid_on=asked.paid_on.isoformat(),
            taken_on=today.isoformat(),
            booked_on=(today + timedelta(days=later)).isoformat(),
            entry=_ENTRIES[self.landlord].format(number=number, lakeside=_LAKESIDE_FIRST + number),
            number=number + (_LAKESIDE_FIRST if self.landlord == "lakeside-homes" else _SEQUENCE_FIRST),
            reverses=paid.reference if paid else "",
            reverses_entry=paid.entry if paid else "",
            batch=asked.batch,
            is_shown=wrong != "post-no-reference",
        )


_ENTRIES: dict[Landlord, str] = {
    "rives-doise": "E98{number:010d}",
    "cite-des-tilleuls": "98{number:010d}",
    "lakeside-homes": "Payment-{lakeside}",
}
