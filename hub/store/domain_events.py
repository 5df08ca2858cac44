"""The outbox: what happened, written in the transaction that made it happen, read in order by whoever acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import domain_event


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """Something that happened to a subject (`payment:<id>`). `data`: ids, cents and codes, no personal data."""

    id: int
    kind: str
    subject: str
    data: dict[str, Any]
    happened_at: datetime


async def emit(
    conn: AsyncConnection, *, landlord: str, kind: str, subject: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Write an event with the change it tells of."""
    row = {"landlord_id": landlord, "kind": kind, "subject": subject, "data": dict(data), "happened_at": now}
    await conn.execute(insert(domain_event).values(row))


async def events_after(conn: AsyncConnection, *, after: int = 0, limit: int = 100) -> list[DomainEvent]:
    """The landlord's events in the order they were written, from the one after `after`."""
    columns = (domain_event.c[name] for name in ("id", "kind", "subject", "data", "happened_at"))
    statement = select(*columns).where(domain_event.c.id > after).order_by(domain_event.c.id).limit(limit)
    return [DomainEvent(**row._mapping) for row in await conn.execute(statement)]


async def events_about(conn: AsyncConnection, subject: str, *, limit: int = 200) -> list[DomainEvent]:
    """What happened to one subject, in order."""
    columns = (domain_event.c[name] for name in ("id", "kind", "subject", "data", "happened_at"))
    statement = select(*columns).where(domain_event.c.subject == subject).order_by(domain_event.c.id).limit(limit)
    return [DomainEvent(**row._mapping) for row in await conn.execute(statement)]
