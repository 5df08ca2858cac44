"""The sandbox's own words: what its ERPs hold. Integer cents, + means the tenant owes; dates are calendar dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

Landlord = Literal["rives-doise", "cite-des-tilleuls", "lakeside-homes"]


@dataclass(frozen=True, slots=True)
class Address:
    line1: str
    line2: str
    postal_code: str
    city: str


@dataclass(frozen=True, slots=True)
class Site:
    """A site, or a building when it has a `parent` (the site's code)."""

    code: str
    parent: str
    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class Unit:
    """A rentable unit of a `building` (its code). `area_dm2` in square decimetres, 0 where nobody measured."""

    id: str
    building: str
    kind: str
    lot: str
    label: str
    typology: str
    floor: str
    door: str
    area_dm2: int
    energy_label: str
    address: Address


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    title: str
    given: str
    family: str
    birth_date: date | None
    email: str
    phone: str
    mobile: str


@dataclass(frozen=True, slots=True)
class Party:
    person: str
    role: str
    from_on: date | None
    to_on: date | None
    solidary: bool


@dataclass(frozen=True, slots=True)
class ContractUnit:
    unit: str
    lot: str
    from_on: date | None
    to_on: date | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Component:
    """A monthly line of the rent roll (*rubrique*), in force from `from_on` to `to_on`, both included."""

    id: str
    unit: str
    kind: str
    label: str
    cents: int
    from_on: date | None
    to_on: date | None

    def in_force(self, day: date) -> bool:
        return (self.from_on is None or self.from_on <= day) and (self.to_on is None or day <= self.to_on)


@dataclass(frozen=True, slots=True)
class Contract:
    """A lease (*bail*), number `n`. `account`: where its rent is called; `aid_cents`: its monthly housing aid.

    `habit` says how the tenant pays: `good`, `late`, or `none` (the account is written by hand).
    """

    n: int
    id: str
    reference: str
    customer: str
    status: str
    starts_on: date
    ends_on: date | None
    notice_on: date | None
    move_out_on: date | None
    due_day: int
    payment_method: str
    deposit_cents: int
    account: str
    aid_cents: int
    habit: str
    parties: tuple[Party, ...]
    units: tuple[ContractUnit, ...]
    components: tuple[Component, ...]

    def in_force(self, day: date) -> bool:
        """Whether rent is called: until the tenant leaves, since a lease whose term ended is renewed tacitly."""
        return self.starts_on <= day and (self.move_out_on is None or day <= self.move_out_on)


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant account (*compte locataire*) with the ERP's own balance at the end of `balance_on`."""

    id: str
    number: str
    kind: str
    contracts: tuple[str, ...]
    opening_on: date
    opening_cents: int
    balance_on: date
    balance_cents: int


class Entry(NamedTuple):
    """A ledger line. Order within an account: (posted_on, sequence); `code` is the ERP's own. `payment_ref`: what a
    partner calls a payment it had entered."""

    id: str
    account: str
    unit: str
    posted_on: date
    sequence: int
    due_on: date | None
    period_from: date | None
    period_to: date | None
    code: str
    label: str
    cents: int
    document: str
    reversal_of: str
    payment_ref: str = ""


class NoticeLine(NamedTuple):
    kind: str
    label: str
    cents: int


class Notice(NamedTuple):
    """A rent notice (*avis d'échéance*); `total_cents` = previous balance + lines."""

    number: str
    account: str
    contract: str
    period_from: date
    period_to: date
    issued_on: date
    due_on: date
    previous_cents: int
    total_cents: int
    lines: tuple[NoticeLine, ...]


class Document(NamedTuple):
    """The PDF of a rent notice, in the bundle of its month (`yyyymm`)."""

    id: str
    notice: Notice
    bundle: str
    file_name: str
    title: str


class RefusedLine(NamedTuple):
    """A ledger line that nobody can read: `entry` as it would be, with `field` holding `value` on the wire."""

    entry: Entry
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class World:
    """One landlord's ERP on one day. Never changed: `advance` gives the next one.

    `base`: the first day of this world's life; `entries`: account id → its ledger in order.
    """

    landlord: Landlord
    seed: int
    base: date
    today: date
    sites: tuple[Site, ...]
    units: tuple[Unit, ...]
    persons: tuple[Person, ...]
    contracts: tuple[Contract, ...]
    accounts: tuple[Account, ...]
    entries: Mapping[str, tuple[Entry, ...]]
    notices: tuple[Notice, ...]
    refused: tuple[RefusedLine, ...]

    def ledger(self) -> Iterator[Entry]:
        """Every entry, account by account."""
        for account in self.accounts:
            yield from self.entries[account.id]

    @property
    def residences(self) -> tuple[Site, ...]:
        return tuple(site for site in self.sites if not site.parent)
