"""Lakeside Homes' world: three properties beside a lake, residents of every status, their charges and payments.

Everything is decided by seed, size and first day; a later day only shows more of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from hub.sandbox.bookings import Booking
from hub.sandbox.calendar import first_of
from hub.sandbox.lakeside_ledger import CHARGE_CODES, History, write_history
from hub.sandbox.model import (
    Account,
    Address,
    Component,
    Contract,
    ContractUnit,
    Entry,
    Landlord,
    Party,
    Person,
    Site,
    Unit,
    World,
)

SLUG: Landlord = "lakeside-homes"
MOST_RESIDENTS = 60
HISTORY_MONTHS = 18
NO_LEASE = ("applicant", "canceled applicant", "denied applicant")
"""What those are called who never had a lease, in turn by their number."""
_PROPERTIES = (
    ("lakeview", "Lakeview Court", Address("1 Shore Road", "", "V94 LK01", "Killadoon")),
    ("heron", "Heron Quay", Address("22 Quay Street", "", "V94 LK02", "Portlacken")),
    ("alder", "Alder Grove", Address("9 Alder Lane", "", "V94 LK03", "Ballyshore")),
)
_GIVEN = (
    "Aoife",
    "Brendan",
    "Ciara",
    "Declan",
    "Eimear",
    "Fionn",
    "Gráinne",
    "Hugh",
    "Niamh",
    "Oisín",
    "Róisín",
    "Seán",
)
_FAMILIES = ("Brannigan", "Cullinore", "D'Alwick", "Fennaghty", "Hartigan-Shaw", "Loughrey", "McGlenn", "O'Darragh")
_LANDMARKS = {
    1: "demo",
    2: "future",
    3: "notice",
    4: "former",
    5: "eviction",
    6: "term_over",
    7: "no_lease",
    8: "no_lease",
    9: "no_lease",
    10: "late",
}
_CASES = ("plain", "notice", "former", "future", "eviction", "late", "no_lease")
_WEIGHTS = (70, 5, 8, 4, 2, 6, 5)
_AREAS = {"1BED": 4_800, "2BED": 7_200, "3BED": 9_600}


@dataclass(frozen=True, slots=True)
class _Dates:
    starts_on: date
    ends_on: date
    notice_on: date | None = None
    move_out_on: date | None = None

    def status(self, today: date) -> str:
        """A term that ended is no tenancy that ended: only a move-out is."""
        if self.starts_on > today:
            return "upcoming"
        if self.move_out_on is not None and self.move_out_on < today:
            return "ended"
        return "under_notice" if self.notice_on is not None and self.notice_on <= today else "current"


def lakeside_world(
    *, seed: int, contracts: int | None, base: date, today: date, bookings: Sequence[Booking] = ()
) -> World:
    """The world founded on `base` as its ERP holds it on `today`; never more than sixty residents. `bookings`: what
    came in from outside, so that nobody pays it again."""
    size = min(contracts or MOST_RESIDENTS, MOST_RESIDENTS)
    units: list[Unit] = []
    persons: list[Person] = []
    leases: list[Contract] = []
    accounts: list[Account] = []
    entries: dict[str, tuple[Entry, ...]] = {}
    for n in range(1, size + 1):
        mine = [(one.day, one.cents) for one in bookings if one.account == f"t{n:07d}"]
        one = _resident(n, seed=seed, base=base, today=today, booked=mine)
        units.append(one.unit)
        persons += one.persons
        if one.contract is not None:
            leases.append(one.contract)
            accounts.append(one.account(one.contract.id, today))
            entries[one.contract.id] = one.entries
    return World(
        landlord=SLUG,
        seed=seed,
        base=base,
        today=today,
        sites=tuple(Site(code, "", name, address) for code, name, address in _PROPERTIES),
        units=tuple(units),
        persons=tuple(persons),
        contracts=tuple(leases),
        accounts=tuple(accounts),
        entries=entries,
        notices=(),
        refused=(),
    )


@dataclass(frozen=True, slots=True)
class _Resident:
    unit: Unit
    persons: tuple[Person, ...]
    contract: Contract | None
    entries: tuple[Entry, ...]
    opened_on: date

    def account(self, lease: str, today: date) -> Account:
        """A resident is an account: this ERP knows no others."""
        balance = sum(entry.cents for entry in self.entries)
        return Account(lease, lease, "rent", (lease,), min(self.opened_on, today), 0, today, balance)


def case_of(n: int, rng: Random) -> str:
    """What resident number `n` (from 1) is there to show."""
    return _LANDMARKS.get(n) or rng.choices(_CASES, _WEIGHTS)[0]


def _resident(n: int, *, seed: int, base: date, today: date, booked: Sequence[tuple[date, int]] = ()) -> _Resident:
    rng = Random(f"{seed}/{SLUG}/resident/{n}")
    case = case_of(n, rng)
    unit = _unit(n, rng)
    main = _person(f"t{n:07d}", rng)
    if case == "no_lease":
        return _Resident(unit, (main,), None, (), base)
    dates = _dates(case, rng, base=base)
    others = _others(case, n, rng)
    components = _components(case, n, unit, rng, dates)
    contract = _contract(case, n, unit, main, others, components, dates, today=today)
    opened_on = max(dates.starts_on, first_of(base, months=-HISTORY_MONTHS))
    history = History(contract, components, unit.id, opened_on, is_late=case in ("late", "eviction"), booked=booked)
    entries = tuple(write_history(history, seed=seed, until=today))
    return _Resident(unit, (main, *(person for person, _ in others)), contract, entries, opened_on)


def _contract(
    case: str,
    n: int,
    unit: Unit,
    main: Person,
    others: list[tuple[Person, str]],
    components: tuple[Component, ...],
    dates: _Dates,
    *,
    today: date,
) -> Contract:
    status = dates.status(today)
    parties = [(main, "holder"), *others]
    rent = next(item.cents for item in components if item.kind == "rent")
    return Contract(
        n=n,
        id=main.id,
        reference=main.id,
        customer=main.id,
        status=status,
        starts_on=dates.starts_on,
        ends_on=dates.ends_on,
        notice_on=dates.notice_on,
        move_out_on=dates.move_out_on,
        due_day=1,
        payment_method="ACH" if n % 3 else "Check",
        deposit_cents=rent,
        account=main.id,
        aid_cents=rent * 45 // 100 if case == "demo" or n % 4 == 0 else 0,
        habit="eviction" if case == "eviction" else "good",
        parties=tuple(Party(person.id, role, None, None, role != "occupant") for person, role in parties),
        units=(ContractUnit(unit.id, unit.lot, dates.starts_on, dates.move_out_on, True),),
        # Lease charges are told for the month under way, so only of those who live there.
        components=components if status in ("current", "under_notice") else (),
    )


def _unit(n: int, rng: Random) -> Unit:
    """Numbers begin anew in each property: what tells units apart is property and number."""
    code, _, address = _PROPERTIES[n % len(_PROPERTIES)]
    lot = f"{100 * (1 + n // 24) + n // len(_PROPERTIES)}"
    typology = rng.choice(tuple(_AREAS))
    return Unit(
        id=f"{code}/{lot}",
        building=code,
        kind="dwelling",
        lot=lot,
        label=f"Apartment {lot}",
        typology=typology,
        floor="",
        door="",
        area_dm2=_AREAS[typology],
        energy_label="",
        address=Address(f"Apt {lot}, {address.line1}", "", address.postal_code, address.city),
    )


def _person(person_id: str, rng: Random) -> Person:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILIES)
    return Person(
        id=person_id,
        title="",
        given=given,
        family=family,
        birth_date=None,
        email=f"resident.{person_id}@example.org" if rng.random() < 0.85 else "",
        phone=f"020 91{rng.randint(0, 9)} {rng.randint(0, 9999):04d}" if rng.random() < 0.8 else "",
        mobile="",
    )


def _others(case: str, n: int, rng: Random) -> list[tuple[Person, str]]:
    """Who else is on the lease: co-tenants, occupants, a guarantor."""
    roles = ["co_holder"] if case == "demo" or rng.random() < 0.3 else []
    roles += ["occupant"] if case == "demo" or rng.random() < 0.2 else []
    roles += ["guarantor"] if case == "late" or rng.random() < 0.1 else []
    return [(_person(f"r{n * 10 + place:07d}", rng), role) for place, role in enumerate(roles)]


def _dates(case: str, rng: Random, *, base: date) -> _Dates:
    starts_on = base - timedelta(days=rng.randint(60, 300))
    ends_on = starts_on.replace(day=min(starts_on.day, 28)) + timedelta(days=364)
    if case == "future":
        starts_on = base + timedelta(days=rng.randint(8, 40))
        return _Dates(starts_on, starts_on + timedelta(days=364))
    if case == "term_over":
        return _Dates(base - timedelta(days=1_100), base - timedelta(days=736))
    if case in ("notice", "eviction"):
        out = base + timedelta(days=rng.randint(10, 50))
        return _Dates(starts_on, out, base - timedelta(days=rng.randint(1, 20)), out)
    if case == "former":
        out = base - timedelta(days=rng.randint(15, 55))
        return _Dates(base - timedelta(days=rng.randint(400, 700)), out, out - timedelta(days=30), out)
    if case == "demo":
        starts_on = date(base.year - 2, 3, 1)
        return _Dates(starts_on, date(base.year + 1, 2, 28))
    return _Dates(starts_on, ends_on)


def _components(case: str, n: int, unit: Unit, rng: Random, dates: _Dates) -> tuple[Component, ...]:
    """Lease charges; parking is taxed, which its comment tells."""
    rent = {"1BED": 54_000, "2BED": 71_500, "3BED": 88_250}[unit.typology] + rng.randrange(0, 9_000, 25)
    charges = [("rent", "Rent", rent), ("service_charge", "Service Charge", 4_500)]
    charges += [("water", "Water", rng.randrange(1_200, 2_800, 5))] if n % 2 else []
    charges += [("parking_rent", "Parking", rng.choice((2_550, 4_035, 6_050)))] if case == "demo" or n % 5 == 0 else []
    return tuple(
        Component(f"t{n:07d}-{CHARGE_CODES[kind]}-{label}", "", kind, label, cents, dates.starts_on, dates.move_out_on)
        for kind, label, cents in charges
    )


def without_lease(world: World) -> Iterator[tuple[Person, str]]:
    """The persons of no contract, and what the ERP calls each."""
    known = {party.person for contract in world.contracts for party in contract.parties}
    main = (person for person in world.persons if person.id not in known and person.id.startswith("t"))
    for person in main:
        yield person, NO_LEASE[int(person.id[1:]) % len(NO_LEASE)]
