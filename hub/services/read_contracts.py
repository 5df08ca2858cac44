"""What a tenant asks of contracts: which they are, what they cover, who is in them, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from hub.services.paging import Page
from hub.store.reads import Reading, Session, contracts, units
from hub.store.reads.contracts import ContractPosition, ContractWithUnits, NameRow, PartyRow, PriceRow
from hub.store.reads.units import UnitRow


def display_name(name: NameRow) -> str:
    """A person's name as it is read out: "Mme Claire Petit"."""
    return " ".join(part for part in (name.title, name.given_name, name.family_name) if part)


async def viewer_name(reading: Reading, session: Session) -> str | None:
    """The name of who is asking; None when no contract names that person any more."""
    name = await contracts.name_of(reading, session.person)
    return display_name(name) if name else None


async def contract_page(
    reading: Reading, session: Session, *, first: int, after: ContractPosition | None
) -> Page[ContractWithUnits]:
    """A page of the session's contracts: running ones first, then those to come, then ended ones."""
    found = await contracts.page(reading, session.contracts, take=first + 1, after=after)
    return Page.cut(found, first)


async def contracts_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, ContractWithUnits]:
    """The contracts this session may see among `ids`."""
    return {row.contract.id: row for row in await contracts.by_ids(reading, ids)}


async def contract_ids_of_accounts(reading: Reading, accounts: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The contracts each account covers."""
    return await contracts.ids_of_accounts(reading, accounts)


async def units_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, UnitRow]:
    """The units this session may see among `ids`."""
    return {row.id: row for row in await units.by_ids(reading, ids)}


async def parties(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, list[PartyRow]]:
    """The people of each contract: holders first."""
    return await contracts.parties(reading, ids)


async def prices(reading: Reading, ids: Sequence[UUID], *, on_day: date) -> dict[UUID, list[PriceRow]]:
    """What makes up each contract's rent on a day, the dearest first."""
    return await contracts.prices(reading, ids, on_day=on_day)
