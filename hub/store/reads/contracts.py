"""Contracts with the units they cover, their parties and their price components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading, Rows
from hub.store.reads.units import UNIT_COLUMNS, UNIT_SITE, UnitRow


@dataclass(frozen=True, slots=True)
class ContractPosition:
    """A contract's place in the order of contracts: running ones, those to come, ended ones; each the latest first."""

    standing: int
    starts_on: date
    id: UUID


@dataclass(frozen=True, slots=True)
class ContractRow:
    id: UUID
    reference: str
    customer_ref: str | None
    status: str
    starts_on: date
    ends_on: date | None
    notice_on: date | None
    move_out_on: date | None
    due_day: int | None
    deposit_cents: int | None
    standing: int


@dataclass(frozen=True, slots=True)
class CoveredUnit:
    """A unit a contract covers; the main one is what people call their home."""

    is_main: bool
    from_on: date | None
    to_on: date | None
    unit: UnitRow


@dataclass(frozen=True, slots=True)
class ContractWithUnits:
    contract: ContractRow
    units: tuple[CoveredUnit, ...]

    @property
    def position(self) -> ContractPosition:
        return ContractPosition(self.contract.standing, self.contract.starts_on, self.contract.id)


@dataclass(frozen=True, slots=True)
class NameRow:
    title: str | None
    given_name: str | None
    family_name: str


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A person's role in a contract."""

    person_id: UUID
    role: str
    from_on: date | None
    to_on: date | None
    is_solidary: bool
    name: NameRow


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A price component; a monthly amount in cents, + raises the rent."""

    id: UUID
    unit_id: UUID | None
    kind: str
    label: str
    amount_cents: int
    vat_cents: int | None
    from_on: date | None
    to_on: date | None


_WIDTH = len(fields(ContractRow))


def _with_units(contracts: str) -> TextClause:
    """Contracts and what they cover, a row for each unit: one statement, since hardly a page shows one without."""
    return text(f"""
        select {listed(ContractRow, "c")}, cu.is_main, cu.from_on, cu.to_on, {UNIT_COLUMNS}
        from ({contracts}) as c
        left join (contract_unit cu
          join {UNIT_SITE} on u.landlord_id = cu.landlord_id and u.id = cu.unit_id
        ) on cu.landlord_id = c.landlord_id and cu.contract_id = c.id and cu.missing_since is null
        order by c.standing desc, c.starts_on desc, c.id desc, cu.is_main desc, u.lot_number, u.id""")


_FOUND = """
    select *, case status when 'ended' then 0 when 'upcoming' then 1 else 2 end as standing
    from (
        select id, landlord_id, reference, customer_ref, starts_on, ends_on, notice_on, move_out_on, due_day,
          deposit_cents, case when closed_at is null then status else 'ended' end as status
        from contract where id = any(cast(:ids as uuid[]))
    ) as shown"""
_BY_IDS = _with_units(_FOUND)
_PAGE = _with_units(f"""
    select * from ({_FOUND}) as found
    where cast(:after_id as uuid) is null
       or (standing, starts_on, id) < (cast(:standing as integer), cast(:starts_on as date), cast(:after_id as uuid))
    order by standing desc, starts_on desc, id desc limit :take""")

_IDS_OF_ACCOUNTS = text("""
    select account_id, contract_id from account_contract
    where account_id = any(cast(:ids as uuid[])) and missing_since is null
    order by contract_id""")

_PARTIES = text(f"""
    select p.contract_id, p.person_id, p.role, p.from_on, p.to_on, p.is_solidary, {listed(NameRow, "person")}
    from party p
    join person on person.landlord_id = p.landlord_id and person.id = p.person_id
    where p.contract_id = any(cast(:ids as uuid[])) and p.missing_since is null
    order by p.contract_id, array_position(array['holder', 'co_holder', 'occupant', 'guarantor'], p.role),
      person.family_name, p.id""")

_PRICES = text(f"""
    select p.contract_id, {listed(PriceRow, "p")}
    from price_component p
    where p.contract_id = any(cast(:ids as uuid[])) and p.missing_since is null
      and (p.from_on is null or p.from_on <= :on_day) and (p.to_on is null or p.to_on >= :on_day)
    order by p.contract_id, p.amount_cents desc, p.id""")

_NAME = text(f"select {listed(NameRow, 'p')} from person p where p.id = :person")


def _assemble(rows: Rows) -> list[ContractWithUnits]:
    by_contract = grouped((ContractRow(*row[:_WIDTH]), row[_WIDTH:]) for row in rows)
    return [
        ContractWithUnits(contract, tuple(_covered(*link) for link in links if link[3]))
        for contract, links in by_contract.items()
    ]


def _covered(is_main: bool, from_on: date | None, to_on: date | None, *unit: Any) -> CoveredUnit:
    return CoveredUnit(is_main, from_on, to_on, UnitRow(*unit))


def _party(person: UUID, role: str, from_on: date | None, to_on: date | None, solidary: bool, *name: Any) -> PartyRow:
    return PartyRow(person, role, from_on, to_on, solidary, NameRow(*name))


async def page(
    reading: Reading, ids: Sequence[UUID], *, take: int, after: ContractPosition | None = None
) -> list[ContractWithUnits]:
    """The next `take` contracts among `ids`, in the order of contracts."""
    place = {
        "standing": after and after.standing,
        "starts_on": after and after.starts_on,
        "after_id": after and after.id,
    }
    return _assemble(await reading.rows(_PAGE, ids=list(ids), take=take, **place))


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[ContractWithUnits]:
    """The contracts among `ids` this session may see, in the order of contracts."""
    return _assemble(await reading.rows(_BY_IDS, ids=list(ids)))


async def ids_of_accounts(reading: Reading, accounts: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The contracts each account covers."""
    return grouped((row[0], row[1]) for row in await reading.rows(_IDS_OF_ACCOUNTS, ids=list(accounts)))


async def parties(reading: Reading, contracts: Sequence[UUID]) -> dict[UUID, list[PartyRow]]:
    """The people of each contract: holders first."""
    found = await reading.rows(_PARTIES, ids=list(contracts))
    return grouped((row[0], _party(*row[1:])) for row in found)


async def prices(reading: Reading, contracts: Sequence[UUID], *, on_day: date) -> dict[UUID, list[PriceRow]]:
    """The price components of each contract in effect on a day, the dearest first."""
    found = await reading.rows(_PRICES, ids=list(contracts), on_day=on_day)
    return grouped((row[0], PriceRow(*row[1:])) for row in found)


async def name_of(reading: Reading, person: UUID) -> NameRow | None:
    """A person's name; None when no contract of this session names that person any more."""
    found = await reading.rows(_NAME, person=person)
    return NameRow(*found[0]) if found else None
