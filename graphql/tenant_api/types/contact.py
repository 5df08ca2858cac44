"""Contact points and opening hours."""

from __future__ import annotations

from datetime import time

import strawberry

from hub.store.reads.contacts import ContactWithHours, HoursRow
from tenant_api import ids
from tenant_api.ids import Kind
from tenant_api.types.connections import First
from tenant_api.types.kinds import Weekday
from tenant_api.types.node import Node


@strawberry.type(description="An opening interval; there may be several on one day.")
class OpeningHours:
    weekday: Weekday = strawberry.field(description="The day.")
    opens: time = strawberry.field(description="Opens at, in the landlord's time zone.")
    closes: time = strawberry.field(description="Closes at; 23:59:59.999999 means midnight.")

    @classmethod
    def of(cls, row: HoursRow) -> OpeningHours:
        return cls(weekday=Weekday(row.weekday), opens=row.opens, closes=row.closes)


@strawberry.type(description="Whom to turn to: caretaker, agency, call centre (gardien, agence, CRC).")
class ContactPoint(Node):
    intervals: strawberry.Private[tuple[HoursRow, ...]]
    role: str = strawberry.field(description="What it is for, in the landlord's words.")
    name: str = strawberry.field(description="Its name.")
    phone: str | None = strawberry.field(description="Telephone number.")
    email: str | None = strawberry.field(description="E-mail address.")
    address: str | None = strawberry.field(description="Where it is.")
    note: str | None = strawberry.field(description="Anything the landlord adds.")

    @classmethod
    def of(cls, row: ContactWithHours) -> ContactPoint:
        contact = row.contact
        return cls(
            intervals=row.hours,
            id=strawberry.ID(ids.encode(Kind.CONTACT_POINT, contact.id)),
            role=contact.role,
            name=contact.name,
            phone=contact.phone,
            email=contact.email,
            address=contact.address,
            note=contact.note,
        )

    @strawberry.field(description="When it is open, from Monday on; empty where the landlord does not say.")
    def hours(self, first: First = 28) -> list[OpeningHours]:
        return [OpeningHours.of(row) for row in self.intervals[:first]]
