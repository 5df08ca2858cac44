"""Contact points and their opening hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import time
from uuid import UUID

from sqlalchemy import TextClause, text

from hub.store.reads.columns import grouped, listed
from hub.store.reads.reading import Reading, Rows


@dataclass(frozen=True, slots=True)
class ContactRow:
    id: UUID
    role: str
    name: str
    phone: str | None
    email: str | None
    address: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class HoursRow:
    """An opening interval; weekday 1 is Monday."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class ContactWithHours:
    contact: ContactRow
    hours: tuple[HoursRow, ...]


_WIDTH = len(fields(ContactRow))


def _contacts(condition: str) -> TextClause:
    return text(f"""
        select {listed(ContactRow, "p")}, {listed(HoursRow, "h")}
        from contact_point p
        left join contact_hours h on h.landlord_id = p.landlord_id and h.contact_id = p.id
        where {condition}
        order by p.position, p.id, h.weekday, h.opens""")


# The codes by which the ERP knows the buildings of this session's units, and the sites these buildings stand on.
_MY_SITES = """
    select array_agg(k.external_id)
    from contract_unit cu
    join unit u on u.landlord_id = cu.landlord_id and u.id = cu.unit_id
    join site s on s.landlord_id = u.landlord_id and s.id = u.site_id
    join external_key k on k.landlord_id = s.landlord_id and k.object_type = 'site'
      and k.object_id in (s.id, s.parent_id)
    where cu.contract_id = any(cast(:contracts as uuid[])) and cu.missing_since is null"""
_OF_SESSION = _contacts(f"p.site_codes = '{{}}' or p.site_codes && ({_MY_SITES})")
_BY_IDS = _contacts("p.id = any(cast(:ids as uuid[]))")


def _assemble(rows: Rows) -> list[ContactWithHours]:
    by_contact = grouped((ContactRow(*row[:_WIDTH]), row[_WIDTH:]) for row in rows)
    return [
        ContactWithHours(contact, tuple(HoursRow(*hours) for hours in intervals if hours[0] is not None))
        for contact, intervals in by_contact.items()
    ]


async def of_session(reading: Reading, contracts: Sequence[UUID]) -> list[ContactWithHours]:
    """The landlord's contact points for all sites and for the sites of these contracts, in the landlord's order."""
    return _assemble(await reading.rows(_OF_SESSION, contracts=list(contracts)))


async def by_ids(reading: Reading, ids: Sequence[UUID]) -> list[ContactWithHours]:
    """The contact points among `ids`."""
    return _assemble(await reading.rows(_BY_IDS, ids=list(ids)))
