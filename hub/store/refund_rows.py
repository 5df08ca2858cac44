"""Refunds operators asked for, each with the key it is sent with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.references import operation_key
from hub.store.tables import payment_refund


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund to be. Its key follows from its id, and is committed with it."""

    id: UUID
    payment_id: UUID
    amount_cents: int
    why: str
    asked_by: str
    asked_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class RefundRow(NewRefund):
    """A refund: waits_for_second | asked | unknown | done | refused | rejected."""

    key: str
    decided_by: str
    decided_at: datetime | None
    last_error: str


_COLUMNS = tuple(payment_refund.c[field.name] for field in fields(RefundRow))


async def add_refund(conn: AsyncConnection, *, landlord: str, new: NewRefund) -> None:
    """Write a refund with its key."""
    row = {field.name: getattr(new, field.name) for field in fields(new)}
    key = operation_key(new.payment_id, f"refund/{new.id}")
    await conn.execute(insert(payment_refund).values(landlord_id=landlord, key=key, **row))


async def get_refund(conn: AsyncConnection, refund_id: UUID, *, lock: bool = False) -> RefundRow | None:
    """One refund of the transaction's landlord."""
    statement = select(*_COLUMNS).where(payment_refund.c.id == refund_id)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else RefundRow(**row._mapping)


async def refunds_of(conn: AsyncConnection, payment_id: UUID) -> list[RefundRow]:
    """The refunds of a payment, oldest first."""
    statement = select(*_COLUMNS).where(payment_refund.c.payment_id == payment_id).order_by(payment_refund.c.id)
    return [RefundRow(**row._mapping) for row in await conn.execute(statement)]


async def waiting_refunds(conn: AsyncConnection, *, limit: int = 100) -> list[RefundRow]:
    """Refunds that wait for a second person, or that went wrong, oldest first."""
    wanted = payment_refund.c.state.in_(("waits_for_second", "unknown", "refused"))
    statement = select(*_COLUMNS).where(wanted).order_by(payment_refund.c.id).limit(limit)
    return [RefundRow(**row._mapping) for row in await conn.execute(statement)]


async def set_refund(conn: AsyncConnection, *, landlord: str, refund_id: UUID, **values: Any) -> None:
    """Change a refund."""
    mine = (payment_refund.c.landlord_id == landlord, payment_refund.c.id == refund_id)
    await conn.execute(update(payment_refund).where(*mine).values(values))
