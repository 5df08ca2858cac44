"""One account's ledger, a month at a time: a pure function of the account, the month and the balance it begins with.

So a world can go on: the second half of a month written later is the one that would have been written at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple

from hub.sandbox.calendar import first_of, last_of, short
from hub.sandbox.contracts import AccountSpec
from hub.sandbox.model import Contract, Entry, Notice, NoticeLine
from hub.sandbox.profiles import CHARGE_LABELS, Profile

PAYMENT_LABELS = {
    "direct_debit": ("payment_direct_debit", "Prélèvement automatique"),
    "cheque": ("payment_cheque", "Chèque bancaire"),
    "card": ("payment_card", "Paiement par carte bancaire"),
    "transfer": ("payment_transfer", "Virement"),
    "tip": ("payment_tip", "TIP SEPA"),
    "cash": ("payment_cash", "Efficash La Poste"),
}
_SETTLED_ON, _RECHARGED_ON = 15, 12
_LARGE_CREDIT = -15_000


class MonthBook(NamedTuple):
    """What a month wrote: entries in order and the notices issued with its rent calls."""

    entries: tuple[Entry, ...]
    notices: tuple[Notice, ...]


class _Month:
    """Writes one account's month by playing its events in the order of days."""

    def __init__(
        self, spec: AccountSpec, contracts: Sequence[Contract], profile: Profile, *, seed: int, month: date
    ) -> None:
        self.spec, self.contracts, self.profile, self.month = spec, contracts, profile, month
        self.account = spec.id(profile)
        self.rng = Random(f"{seed}/{profile.landlord}/{self.account}/{month:%Y%m}")
        self.last_day = last_of(month)
        self.balance = 0
        self.written = 0
        self.entries: list[Entry] = []
        self.notices: list[Notice] = []
        self._events: list[tuple[int, int, Callable[[date], object]]] = []
        self._turn = count()

    def play(self, *, balance: int, written: int) -> MonthBook:
        """`balance` and `written`: the account's balance and number of entries before the month's first day."""
        self.balance, self.written = balance, written
        self._plan()
        while self._events:
            day, _, event = heapq.heappop(self._events)
            event(self.month.replace(day=day))
        return MonthBook(tuple(self.entries), tuple(self.notices))

    def _at(self, day: int, event: Callable[[date], object]) -> None:
        heapq.heappush(self._events, (min(day, self.last_day.day), next(self._turn), event))

    def _plan(self) -> None:
        if self.spec.kind == "deposit":
            return
        if self.spec.kind == "recharge":
            if self.rng.random() < 0.1:
                self._at(_RECHARGED_ON, self._recharge)
            return
        main = self.contracts[0]
        for contract in self.contracts:
            if first_of(contract.starts_on) == self.month:
                self._at(contract.starts_on.day, partial(self._deposit, contract=contract))
        self._at(self.profile.call_day, self._call)
        self._at(self.profile.aid_day, self._aid)
        self._at(main.due_day + self.rng.randrange(4), self._pay)
        if self.month.month == self.profile.settlement_month:
            self._at(_SETTLED_ON, self._settle)

    def _write(
        self,
        day: date,
        kind: str,
        label: str,
        cents: int,
        *,
        unit: str = "",
        due_on: date | None = None,
        period: tuple[date, date] | None = None,
        document: str = "",
        reversal_of: str = "",
    ) -> Entry:
        is_same_day = bool(self.entries) and self.entries[-1].posted_on == day
        self.written += 1
        entry = Entry(
            id=self.profile.entry.format(n=self.spec.n, digit=self.spec.digit, i=self.written),
            account=self.account,
            unit=unit,
            posted_on=day,
            sequence=self.entries[-1].sequence + 1 if is_same_day else 1,
            due_on=due_on,
            period_from=period and period[0],
            period_to=period and period[1],
            code=self.profile.entries[kind],
            label=label,
            cents=cents,
            document=document,
            reversal_of=reversal_of,
        )
        self.entries.append(entry)
        self.balance += cents
        return entry

    def _deposit(self, day: date, contract: Contract) -> None:
        self._write(day, "deposit", "Dépôt de garantie", contract.deposit_cents)
        self._write(day, "payment_cheque", "Chèque bancaire", -contract.deposit_cents, document=self._cheque())

    def _call(self, day: date) -> None:
        if self.contracts[0].in_force(day):
            self._correct(day, self.contracts[0])
        previous = self.balance
        for contract in self.contracts:
            if contract.in_force(day):
                self._call_contract(day, contract, previous=previous)
                previous = 0

    def _call_contract(self, day: date, contract: Contract, *, previous: int) -> None:
        """The month's debits and credits, and the notice that announces them together with the housing aid."""
        components = [item for item in contract.components if item.in_force(day)]
        number = self.profile.notice.format(period=self.month, n=contract.n)
        due_month = self.month if self.profile.call_day < contract.due_day else first_of(self.month, months=1)
        due_on = due_month.replace(day=contract.due_day)
        called = partial(self._write, day, due_on=due_on, period=(self.month, self.last_day), document=number)
        main = contract.units[0]
        together = [item for item in components if item.unit == main.unit and item.kind not in ("sls", "rls")]
        kind, word = ("rent", "LOG") if together[0].kind == "rent" else ("garage_rent", "GAR")
        called(kind, f"{word} {main.lot} {short(day)}", sum(item.cents for item in together), unit=main.unit)
        lots = {unit.unit: unit.lot for unit in contract.units}
        for item in components:
            if item.unit != main.unit:
                called("garage_rent", f"GAR {lots[item.unit]} {short(day)}", item.cents, unit=item.unit)
            elif item.kind in ("sls", "rls"):
                called(item.kind, f"{item.kind.upper()} {short(day)}", item.cents)
        lines = [NoticeLine(item.kind, item.label, item.cents) for item in components]
        if contract.aid_cents:
            lines.append(NoticeLine("housing_aid", CHARGE_LABELS["housing_aid"], -contract.aid_cents))
        period_total = previous + sum(line.cents for line in lines)
        self.notices.append(
            Notice(
                number,
                self.account,
                contract.id,
                self.month,
                self.last_day,
                day,
                due_on,
                previous,
                period_total,
                tuple(lines),
            )
        )

    def _correct(self, day: date, contract: Contract) -> None:
        """Now and then an aid recalled over a range of months, or three months' rent set right."""
        if contract.aid_cents and self.rng.random() < 0.012:
            first, last = first_of(day, months=-4), first_of(day, months=-1)
            cents = contract.aid_cents * self.rng.randint(20, 60) // 100
            label = f"APL {short(first)} {short(last)}"
            self._write(day, "housing_aid_recall", label, cents, period=(first, last_of(last)))
        if self.rng.random() < 0.008:
            unit, cents = contract.units[0], self.rng.randint(900, 4_500)
            for back in (3, 2, 1):
                month = first_of(day, months=-back)
                label = f"LOG {unit.lot} {short(month)}"
                self._write(day, "rent", label, -cents, unit=unit.unit, period=(month, last_of(month)))

    def _aid(self, day: date) -> None:
        for contract in self.contracts:
            if contract.aid_cents and contract.in_force(day):
                period = (self.month, self.last_day)
                self._write(day, "housing_aid", f"APL {short(day)}", -contract.aid_cents, period=period)

    def _pay(self, day: date) -> None:
        contract = self.contracts[0]
        gone = contract.move_out_on is not None and (day - contract.move_out_on).days > 90
        if gone or self.balance <= 0:
            if self.balance < _LARGE_CREDIT and not gone:
                self._write(day, "refund", "Remboursement trop-perçu", -self.balance)
            return
        luck = self.rng.random()
        if contract.habit == "late" and luck < 0.3:
            return
        part = self.balance // 2 if contract.habit == "late" and luck < 0.55 else self.balance
        entry = self._payment(day, contract.payment_method, part)
        if contract.payment_method == "direct_debit" and luck > 0.975:
            self._at(day.day + 5, partial(self._reject, debit=entry))

    def _payment(self, day: date, method: str, cents: int) -> Entry:
        kind, label = PAYMENT_LABELS[method]
        document = self._cheque() if method == "cheque" else ""
        return self._write(day, kind, label, -cents, document=document)

    def _reject(self, day: date, debit: Entry) -> None:
        label = "Rejet prélèvement automatique"
        self._write(day, "payment_rejected", label, -debit.cents, reversal_of=debit.id)
        if self.rng.random() < 0.7:
            self._at(day.day + 4, partial(self._payment, method="card", cents=-debit.cents))

    def _settle(self, day: date) -> None:
        """Last year's service charges (*régularisation de charges*), and the yearly fee of the income survey."""
        year = day.year - 1
        for contract in self.contracts:
            kinds = {item.kind for item in contract.components}
            if "service_charge" in kinds and contract.in_force(day) and contract.starts_on.year <= year:
                period, cents = (date(year, 1, 1), date(year, 12, 31)), self.rng.randint(-9_000, 16_000)
                due_on = day + timedelta(days=30)
                self._write(day, "charge_settlement", f"REGUL CHARGES {year}", cents, due_on=due_on, period=period)
            if "sls" in kinds and contract.in_force(day) and self.rng.random() < 0.5:
                self._write(day, "sls_fee", f"FRAIS ENQUETE SLS {day.year}", 2_500)

    def _recharge(self, day: date) -> None:
        what = self.rng.choice(("BADGE D'ACCES", "CLE BOITE AUX LETTRES", "REPARATION LOCATIVE"))
        cents = self.rng.randrange(1_500, 9_000, 50)
        self._write(day, "fee", f"REFACTURATION {what}", cents)
        if self.rng.random() < 0.8:
            self._at(day.day + 8, partial(self._payment, method="card", cents=cents))

    def _cheque(self) -> str:
        return f"{self.rng.randrange(10**7):07d}"


def write_month(
    spec: AccountSpec,
    contracts: Sequence[Contract],
    profile: Profile,
    *,
    seed: int,
    month: date,
    balance: int,
    written: int,
) -> MonthBook:
    """The whole month that begins on `month`, from the balance and the number of entries before it."""
    return _Month(spec, contracts, profile, seed=seed, month=month).play(balance=balance, written=written)


def write_deposit(
    spec: AccountSpec, contracts: Sequence[Contract], profile: Profile, *, seed: int, until: date
) -> MonthBook:
    """A deposit account (*dépôt de garantie*): called and paid on the day the lease begins."""
    contract = contracts[0]
    if contract.starts_on > until:
        return MonthBook((), ())
    month = _Month(spec, contracts, profile, seed=seed, month=first_of(contract.starts_on))
    month._deposit(contract.starts_on, contract)
    return MonthBook(tuple(month.entries), ())
