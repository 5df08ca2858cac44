"""Contact points and their opening hours, kept as the landlord's file lists them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.ids import new_id
from hub.store.tables import contact_hours, contact_point

_FIELDS = ("role", "name", "phone", "email", "address", "note")


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """One interval of a week; weekday 1 is Monday."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """Caretaker, agency, call centre. No site code means all sites. `id` is given by the store."""

    role: str
    name: str
    phone: str | None = None
    email: str | None = None
    address: str | None = None
    note: str | None = None
    site_codes: tuple[str, ...] = ()
    hours: tuple[Opening, ...] = ()
    id: UUID | None = None


async def list_contact_points(conn: AsyncConnection, *, landlord: str) -> list[ContactPoint]:
    """The landlord's contact points in the order of its file."""
    points = select(contact_point).where(contact_point.c.landlord_id == landlord).order_by(contact_point.c.position)
    hours = select(contact_hours).where(contact_hours.c.landlord_id == landlord)
    openings: defaultdict[UUID, list[Opening]] = defaultdict(list)
    for row in await conn.execute(hours):
        openings[row.contact_id].append(Opening(row.weekday, row.opens, row.closes))
    return [_point(row, openings[row.id]) for row in await conn.execute(points)]


async def put_contact_points(conn: AsyncConnection, *, landlord: str, wanted: Sequence[ContactPoint]) -> bool:
    """Replace the list if it changed; True when it did. A point of the same role and name keeps its id."""
    held = await list_contact_points(conn, landlord=landlord)
    sorted_hours = [replace(point, hours=tuple(sorted(point.hours)), id=None) for point in wanted]
    if [replace(point, id=None) for point in held] == sorted_hours:
        return False
    for table in (contact_hours, contact_point):
        await conn.execute(delete(table).where(table.c.landlord_id == landlord))
    ids = {(point.role, point.name): point.id for point in held}
    for position, point in enumerate(sorted_hours):
        await _insert(conn, landlord, position, replace(point, id=ids.pop((point.role, point.name), None) or new_id()))
    return True


async def _insert(conn: AsyncConnection, landlord: str, position: int, point: ContactPoint) -> None:
    row = {"landlord_id": landlord, "id": point.id, "position": position, "site_codes": list(point.site_codes)}
    await conn.execute(insert(contact_point).values(row | {name: getattr(point, name) for name in _FIELDS}))
    hours = [
        {"landlord_id": landlord, "contact_id": point.id, "weekday": o.weekday, "opens": o.opens, "closes": o.closes}
        for o in point.hours
    ]
    if hours:
        await conn.execute(insert(contact_hours), hours)


def _point(row: Any, openings: list[Opening]) -> ContactPoint:
    fields = {name: getattr(row, name) for name in _FIELDS}
    return ContactPoint(**fields, site_codes=tuple(row.site_codes), hours=tuple(sorted(openings)), id=row.id)
