"""Whom a tenant can turn to: caretaker, agency, call centre (*gardien, agence, CRC*)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hub.store.reads import Reading, Session, contacts
from hub.store.reads.contacts import ContactWithHours


async def contacts_of_session(reading: Reading, session: Session) -> list[ContactWithHours]:
    """The contact points for everyone and for the sites where this person rents, in the landlord's order."""
    return await contacts.of_session(reading, session.contracts)


async def contacts_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, ContactWithHours]:
    """The contact points among `ids`."""
    return {row.contact.id: row for row in await contacts.by_ids(reading, ids)}
