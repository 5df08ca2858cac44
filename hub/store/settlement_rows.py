"""Remittances and their lines, each line beside our payment or in suspense."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import settlement, settlement_line


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """A remittance. `difference_cents`: what its lines do not explain of the net, 0 where sound."""

    id: UUID
    provider: str
    ref: str
    paid_on: date
    net_cents: int
    currency: str
    difference_cents: int
    read_at: datetime


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of a remittance. `gross_cents` signed: + came in."""

    settlement_id: UUID
    line: int
    kind: str
    gross_cents: int
    fee_cents: int
    reference: str
    transaction: str
    occurred_on: date | None
    payment_id: UUID | None
    account_id: UUID | None
    state: str
    reason: str
    assigned_by: str
    assigned_at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a remittance's lines: how many, how many of them in suspense, gross and fees in cents."""

    lines: int = 0
    suspense: int = 0
    gross_cents: int = 0
    fee_cents: int = 0


_SETTLEMENT = tuple(settlement.c[field.name] for field in fields(SettlementRow))
_LINE = tuple(settlement_line.c[field.name] for field in fields(LineRow))


async def add_settlement(conn: AsyncConnection, *, landlord: str, row: SettlementRow, lines: Sequence[LineRow]) -> bool:
    """Keep a remittance with its lines; False when it is kept already, whatever it says now."""
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    statement = upsert(settlement).values(landlord_id=landlord, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["landlord_id", "provider", "ref"])
    if (await conn.execute(statement.returning(settlement.c.id))).first() is None:
        return False
    if lines:
        written = [{"landlord_id": landlord} | {f.name: getattr(one, f.name) for f in fields(one)} for one in lines]
        await conn.execute(insert(settlement_line), written)
    return True


async def last_paid_on(conn: AsyncConnection, provider: str) -> date | None:
    """The day of the last remittance read of a provider."""
    statement = select(func.max(settlement.c.paid_on)).where(settlement.c.provider == provider)
    found: date | None = (await conn.execute(statement)).scalar_one()
    return found


async def list_settlements(
    conn: AsyncConnection,
    *,
    provider: str | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int = 50,
) -> list[SettlementRow]:
    """Remittances paid out between two days, both included; the latest first."""
    statement = select(*_SETTLEMENT).order_by(settlement.c.paid_on.desc(), settlement.c.id.desc()).limit(limit)
    if provider is not None:
        statement = statement.where(settlement.c.provider == provider)
    if since is not None:
        statement = statement.where(settlement.c.paid_on >= since)
    if until is not None:
        statement = statement.where(settlement.c.paid_on <= until)
    return [SettlementRow(**row._mapping) for row in await conn.execute(statement)]


async def find_settlements(conn: AsyncConnection, ref: str, *, provider: str | None = None) -> list[SettlementRow]:
    """The remittances providers call so: two providers may use the same words."""
    statement = select(*_SETTLEMENT).where(settlement.c.ref == ref).order_by(settlement.c.provider)
    if provider is not None:
        statement = statement.where(settlement.c.provider == provider)
    return [SettlementRow(**row._mapping) for row in await conn.execute(statement)]


async def settlements_by_id(conn: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, SettlementRow]:
    """Remittances by id."""
    rows = await conn.execute(select(*_SETTLEMENT).where(settlement.c.id.in_(ids)))
    return {row.id: SettlementRow(**row._mapping) for row in rows}


async def sums_of(conn: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, Sums]:
    """What the lines of remittances add up to."""
    line = settlement_line.c
    waiting = func.count().filter(line.state == "suspense")
    statement = select(line.settlement_id, func.count(), waiting, func.sum(line.gross_cents), func.sum(line.fee_cents))
    rows = await conn.execute(statement.where(line.settlement_id.in_(ids)).group_by(line.settlement_id))
    return {row[0]: Sums(row[1], row[2], int(row[3]), int(row[4])) for row in rows}


async def lines_of(conn: AsyncConnection, settlement_id: UUID) -> list[LineRow]:
    """The lines of a remittance, in its order."""
    statement = select(*_LINE).where(settlement_line.c.settlement_id == settlement_id).order_by(settlement_line.c.line)
    return [LineRow(**row._mapping) for row in await conn.execute(statement)]


async def lines_in_suspense(conn: AsyncConnection, *, provider: str | None = None, limit: int = 200) -> list[LineRow]:
    """Lines nobody could be found for, oldest first."""
    waiting = settlement_line.c.state == "suspense"
    statement = select(*_LINE).where(waiting).order_by(settlement_line.c.settlement_id, settlement_line.c.line)
    if provider is not None:
        mine = select(settlement.c.id).where(settlement.c.provider == provider)
        statement = statement.where(settlement_line.c.settlement_id.in_(mine))
    return [LineRow(**row._mapping) for row in await conn.execute(statement.limit(limit))]


async def set_line(
    conn: AsyncConnection, *, landlord: str, settlement_id: UUID, line: int, only_if: str, **values: Any
) -> bool:
    """Change a line that is still in this state; False when somebody was faster."""
    mine = (
        settlement_line.c.landlord_id == landlord,
        settlement_line.c.settlement_id == settlement_id,
        settlement_line.c.line == line,
        settlement_line.c.state == only_if,
    )
    return (await conn.execute(update(settlement_line).where(*mine).values(values))).rowcount == 1


async def settled_of(conn: AsyncConnection, payment_id: UUID) -> list[LineRow]:
    """What remittances hold of a payment."""
    statement = select(*_LINE).where(settlement_line.c.payment_id == payment_id)
    return [LineRow(**row._mapping) for row in await conn.execute(statement)]
