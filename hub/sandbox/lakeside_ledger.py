"""A Lakeside resident's ledger: what is charged and paid, day after day, and what stays open of each charge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from random import Random

from hub.sandbox.calendar import months_from
from hub.sandbox.model import Component, Contract, Entry

CHARGE, PAYMENT = "Charge", "Payment"
CHARGE_CODES = {"rent": "rent", "service_charge": "srvchg", "water": "water", "parking_rent": "park"}
_NUMBERS_EACH = 250
_FIRST_NUMBER = 700_000
_LATE_FEE, _NSF_FEE = 2_500, 3_000
_PAID_AFTER = 2


@dataclass(frozen=True, slots=True)
class History:
    """A lease with what its ledger depends on. The `charges` of an ended lease are told no more, but were made.
    `booked`: days and cents of what came in from outside."""

    contract: Contract
    charges: Sequence[Component]
    unit: str
    opened_on: date
    is_late: bool
    booked: Sequence[tuple[date, int]] = ()

    @property
    def monthly(self) -> Iterator[tuple[str, str, int]]:
        """Label, ERP code and amount of what is charged each month."""
        return ((item.label, CHARGE_CODES[item.kind], item.cents) for item in self.charges)


class _Book:
    """Charges and receipts are numbered apart, so that a charge and a receipt of different residents share numbers."""

    def __init__(self, history: History, *, seed: int) -> None:
        self.history, self.seed = history, seed
        self.entries: list[Entry] = []
        self.balance = 0
        self._numbers = {
            CHARGE: _FIRST_NUMBER + history.contract.n * _NUMBERS_EACH,
            PAYMENT: _FIRST_NUMBER + (history.contract.n + 1) * _NUMBERS_EACH,
        }

    def write(self, side: str, day: date, code: str, label: str, cents: int, *, document: str = "") -> Entry:
        self._numbers[side] += 1
        number = self._numbers[side]
        reversal = f"{PAYMENT}-{document}" if code == "NSF" else ""
        unit = self.history.unit if side == CHARGE else ""
        entry = Entry(
            id=f"{side}-{number}",
            account=self.history.contract.id,
            unit=unit,
            posted_on=day,
            sequence=number,
            due_on=None,
            period_from=None,
            period_to=None,
            code=code,
            label=label,
            cents=cents,
            document="" if reversal else document,
            reversal_of=reversal,
        )
        self.entries.append(entry)
        self.balance += cents
        return entry

    def month(self, month: date) -> None:
        """Charges on the first (or the day of moving in), aid, one payment, and what goes wrong with it."""
        history = self.history
        rng = Random(f"{self.seed}/{history.contract.id}/{month:%Y%m}")
        first = max(month, history.opened_on)
        left_on = history.contract.move_out_on
        if left_on is not None and first > left_on:
            self._settle(month, rng)
            return
        self._charge(first, rng)
        if history.contract.aid_cents:
            self.write(PAYMENT, _day(first, 1), "HAP", "Housing Assistance Payment", -history.contract.aid_cents)
        if history.is_late and rng.random() < 0.45:
            self.write(CHARGE, _day(first, 12), "late", "Late Fee", _LATE_FEE)
            return
        self._pay(first, rng)

    def _charge(self, day: date, rng: Random) -> None:
        history = self.history
        if day == history.contract.starts_on:
            self.write(CHARGE, day, "secdep", "Security Deposit", history.contract.deposit_cents)
        for label, code, cents in history.monthly:
            self.write(CHARGE, day, code, f"{label} ({day:%m/%Y})", cents)
        if rng.random() < 0.05:
            self.write(CHARGE, day, "conc", "Maintenance Concession", -1_500)

    def _pay(self, first: date, rng: Random) -> None:
        """Never more than is owed: this ERP's balance leaves prepayments out."""
        owed = self._owed(_day(first, _PAID_AFTER))
        if owed <= 0:
            return
        part = owed if rng.random() < 0.9 else owed // 2
        kind, day = self.history.contract.payment_method, _day(first, rng.randint(_PAID_AFTER, 9))
        number = f"{rng.randrange(10**6):06d}"
        paid = self.write(PAYMENT, day, kind, f"{kind} Payment", -part, document=number)
        if self.history.is_late and rng.random() < 0.3:
            receipt = str(paid.sequence)
            self.write(PAYMENT, day + timedelta(days=3), "NSF", "Returned Payment", part, document=receipt)
            self.write(CHARGE, day + timedelta(days=3), "nsf", "Returned Payment Fee", _NSF_FEE)

    def _settle(self, month: date, rng: Random) -> None:
        """Somebody who left pays the rest, or not."""
        owed = self._owed(_day(month, 4))
        if owed > 0 and not self.history.is_late and rng.random() < 0.7:
            self.write(PAYMENT, _day(month, 4), "Credit Card", "Credit Card Payment", -owed)

    def _owed(self, day: date) -> int:
        """Known to whoever pays on `day` or later."""
        return self.balance + sum(cents for booked_on, cents in self.history.booked if booked_on < day)


def _day(first: date, later: int) -> date:
    return first + timedelta(days=later)


def write_history(history: History, *, seed: int, until: date) -> Iterator[Entry]:
    """The entries up to the end of `until`, in ledger order: by day, then by number."""
    book = _Book(history, seed=seed)
    for month in months_from(history.opened_on, until=until):
        book.month(month)
    posted = (entry for entry in book.entries if entry.posted_on <= until)
    yield from sorted(posted, key=attrgetter("posted_on", "sequence"))


def still_due(entries: Sequence[Entry]) -> dict[str, int]:
    """What stays open of each charge, by its id: all that was credited goes to the oldest charges first."""
    credit = -sum(entry.cents for entry in entries if entry.cents < 0 or not entry.id.startswith(CHARGE))
    due = {}
    for entry in entries:
        if entry.id.startswith(CHARGE):
            paid = min(entry.cents, credit) if entry.cents > 0 else entry.cents
            credit -= paid if entry.cents > 0 else 0
            due[entry.id] = entry.cents - paid
    return due
