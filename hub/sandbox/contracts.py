"""Contracts and all that hangs on them but money already moved: parties, units, price components, accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from hub.sandbox.model import Component, Contract, ContractUnit, Party, Person, Unit
from hub.sandbox.names import guarantee_fund, invent_person
from hub.sandbox.profiles import CHARGE_LABELS, Profile
from hub.sandbox.sites import Estate, annexe, dwelling

# The first contracts show one case each, so that even a dozen of them make a whole world.
LANDMARKS = {
    1: "demo",
    2: "upcoming",
    3: "under_notice",
    4: "ended",
    5: "garage_alone",
    6: "plain",
    7: "shared_garage",
    8: "sls",
    9: "recharge",
}
_CASES = ("plain", "under_notice", "ended", "upcoming", "garage_alone")
_CASE_WEIGHTS = (87, 4, 4, 1.5, 3.5)
_METHODS = ("direct_debit", "cheque", "card", "transfer", "tip", "cash")
_METHOD_WEIGHTS = (55, 12, 18, 7, 6, 2)
PERSONS_APART = 1_000_000


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account before its ledger is written. `suffix` and `digit` tell the accounts of one contract apart."""

    n: int
    kind: str
    suffix: str
    digit: int
    contracts: tuple[str, ...]
    opened_on: date

    def id(self, profile: Profile) -> str:
        return profile.account.format(n=self.n, suffix=self.suffix)

    def number(self, profile: Profile) -> str:
        return profile.number.format(n=self.n, digit=self.digit)


@dataclass(slots=True)
class Lettings:
    """What building contract after contract adds up to."""

    units: list[Unit] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    accounts: list[AccountSpec] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Dates:
    status: str
    starts_on: date
    ends_on: date | None = None
    notice_on: date | None = None
    move_out_on: date | None = None


def case_of(n: int, rng: Random) -> str:
    """Which kind of contract number `n` is. A shared garage always follows a plain contract."""
    if n in LANDMARKS:
        return LANDMARKS[n]
    if n % 41 in (6, 7):
        return LANDMARKS[n % 41]
    return rng.choices(_CASES, _CASE_WEIGHTS)[0]


def let(lettings: Lettings, profile: Profile, estate: Estate, rng: Random, *, n: int, today: date) -> None:
    """Add contract number `n` (from 1) with its units, persons and accounts."""
    case = case_of(n, rng)
    dates = _dates(case, rng, today=today)
    units = _units(case, profile, estate, rng, n=n)
    if case == "shared_garage":
        persons: list[Person] = []
        parties = [Party(profile.person.format(n=n - 1), "holder", dates.starts_on, None, True)]
    else:
        persons, parties = _parties(case, profile, rng, n=n, dates=dates)
    contract = _contract(case, profile, estate, rng, n=n, dates=dates, units=units, parties=parties, today=today)
    lettings.units += units
    lettings.persons += persons
    lettings.contracts.append(contract)
    _open_accounts(lettings, case, rng, n=n, contract=contract)


def _contract(
    case: str,
    profile: Profile,
    estate: Estate,
    rng: Random,
    *,
    n: int,
    dates: _Dates,
    units: Sequence[Unit],
    parties: Sequence[Party],
    today: date,
) -> Contract:
    contract_id = profile.contract.format(n=n)
    components = _components(case, contract_id, units, estate, rng, profile=profile, dates=dates, today=today)
    rent = sum(item.cents for item in components if item.in_force(max(today, dates.starts_on)))
    account_of = n - 1 if case == "shared_garage" else n
    return Contract(
        n=n,
        id=contract_id,
        reference=profile.reference.format(n=n),
        customer=f"7{account_of:06d}",
        status=dates.status,
        starts_on=dates.starts_on,
        ends_on=dates.ends_on,
        notice_on=dates.notice_on,
        move_out_on=dates.move_out_on,
        due_day=rng.choice(profile.due_days),
        payment_method="direct_debit" if case == "demo" else rng.choices(_METHODS, _METHOD_WEIGHTS)[0],
        deposit_cents=max(item.cents for item in components if item.kind in ("rent", "parking_rent")),
        account=profile.account.format(n=account_of, suffix=""),
        aid_cents=_aid(case, rng, rent=rent),
        habit="good" if case == "demo" or rng.random() < 0.9 else "late",
        parties=tuple(parties),
        units=tuple(
            ContractUnit(unit.id, unit.lot, dates.starts_on, dates.move_out_on, place == 0)
            for place, unit in enumerate(units)
        ),
        components=tuple(components),
    )


def _open_accounts(lettings: Lettings, case: str, rng: Random, *, n: int, contract: Contract) -> None:
    """One account, or more; the rent account comes last, where the garage that shares it finds it."""
    opened, contract_id = contract.starts_on, contract.id
    if case == "shared_garage":
        dwelling_account = lettings.accounts[-1]
        lettings.accounts[-1] = AccountSpec(
            n - 1, "rent", "", 0, (*dwelling_account.contracts, contract_id), dwelling_account.opened_on
        )
        return
    if case == "demo" or rng.random() < 0.06:
        lettings.accounts.append(AccountSpec(n, "deposit", "D", 1, (contract_id,), opened))
    if case == "recharge" or rng.random() < 0.04:
        lettings.accounts.append(AccountSpec(n, "recharge", "R", 2, (contract_id,), opened))
    kind = "garage" if case == "garage_alone" else "rent"
    lettings.accounts.append(AccountSpec(n, kind, "", 0, (contract_id,), opened))


def _dates(case: str, rng: Random, *, today: date) -> _Dates:
    is_recent = rng.random() < 0.08 and case != "demo"
    starts = today - timedelta(days=rng.randint(40, 420) if is_recent else rng.randint(700, 5500))
    if case == "upcoming":
        return _Dates("upcoming", today + timedelta(days=rng.randint(5, 45)))
    if case == "under_notice":
        notice = today - timedelta(days=rng.randint(1, 25))
        out = notice + timedelta(days=rng.choice((31, 92)))
        return _Dates("under_notice", min(starts, notice), out, notice, out)
    if case == "ended":
        out = today - timedelta(days=rng.randint(5, 300))
        starts = out - timedelta(days=rng.randint(500, 4000))
        return _Dates("ended", starts, out, out - timedelta(days=92), out)
    # A term that ended is not an ended tenancy: leases are renewed tacitly.
    renewed = starts + timedelta(days=3 * 365) if rng.random() < 0.05 else None
    return _Dates("current", starts, renewed)


def _units(case: str, profile: Profile, estate: Estate, rng: Random, *, n: int) -> list[Unit]:
    garage = annexe(profile, rng, estate, lot=f"{200_000 + n:06d}", kind=rng.choice(("garage", "garage", "parking")))
    if case in ("garage_alone", "shared_garage"):
        return [garage]
    units = [dwelling(profile, rng, estate, lot=f"{5_000 + n:06d}", typology="T3" if case == "demo" else "")]
    if case == "demo" or rng.random() < 0.22:
        units.append(garage)
    if rng.random() < 0.3:
        units.append(annexe(profile, rng, estate, lot=f"{400_000 + n:06d}", kind="cellar"))
    return units


def _parties(case: str, profile: Profile, rng: Random, *, n: int, dates: _Dates) -> tuple[list[Person], list[Party]]:
    """The holder's number is the contract's; further persons are numbered a million apart."""
    persons = [invent_person(rng, person_id=profile.person.format(n=n))]
    parties = [Party(persons[0].id, "holder", dates.starts_on, dates.move_out_on, True)]

    def join(role: str, person: Person, *, until: date | None = dates.move_out_on, solidary: bool = False) -> None:
        persons.append(person)
        parties.append(Party(person.id, role, dates.starts_on, until, solidary))

    def next_id() -> str:
        return profile.person.format(n=n + PERSONS_APART * len(persons))

    family = persons[0].family
    if case == "demo" or (case != "garage_alone" and rng.random() < 0.3):
        left = dates.starts_on + timedelta(days=200) if case != "demo" and rng.random() < 0.1 else dates.move_out_on
        own_name = family if rng.random() < 0.6 else None
        join("co_holder", invent_person(rng, person_id=next_id(), family=own_name), until=left, solidary=True)
    if case != "garage_alone" and rng.random() < 0.22:
        join("occupant", invent_person(rng, person_id=next_id(), family=family, born=(2006, 2022)))
    if rng.random() < 0.14:
        is_fund = rng.random() < 0.4
        join(
            "guarantor",
            guarantee_fund(next_id()) if is_fund else invent_person(rng, person_id=next_id()),
            solidary=True,
        )
    return persons, parties


def _components(
    case: str,
    contract_id: str,
    units: Sequence[Unit],
    estate: Estate,
    rng: Random,
    *,
    profile: Profile,
    dates: _Dates,
    today: date,
) -> list[Component]:
    found: list[Component] = []

    def add(
        kind: str, unit: Unit, cents: int, *, since: date = dates.starts_on, until: date | None = dates.move_out_on
    ) -> None:
        component_id = profile.component.format(contract=contract_id, i=len(found) + 1)
        found.append(Component(component_id, unit.id, kind, CHARGE_LABELS[kind], cents, since, until))

    main = units[0]
    if main.typology:
        area = main.area_dm2
        rent, revised_on = area * rng.randint(560, 720) // 100, date(today.year, 1, 1)
        if dates.starts_on < revised_on and (dates.move_out_on or revised_on) >= revised_on:
            add("rent", main, rent * 98 // 100, until=revised_on - timedelta(days=1))
            add("rent", main, rent, since=revised_on)
        else:
            add("rent", main, rent)
        add("service_charge", main, area * rng.randint(120, 190) // 100)
        add("water", main, 700 + int(main.typology[1]) * rng.randint(350, 800))
        if estate.has_heating:
            add("heating", main, area * rng.randint(80, 130) // 100)
        if case == "sls" or (case == "plain" and rng.random() < 0.03):
            add("sls", main, rng.randint(4_000, 22_000))
        elif case == "demo" or rng.random() < 0.45:
            add("rls", main, -rng.randint(2_500, 6_500))
    for unit in units:
        if unit.kind in ("garage", "parking"):
            add("parking_rent", unit, rng.randint(2_200, 6_800))
    return found


def _aid(case: str, rng: Random, *, rent: int) -> int:
    """Monthly housing aid (*APL*): at most half of what is called, none for a garage or above the ceilings."""
    if case in ("garage_alone", "shared_garage", "sls") or (case != "demo" and rng.random() > 0.52):
        return 0
    return rent * rng.randint(15, 50) // 100
