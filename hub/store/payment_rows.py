"""Payments as rows: written by the request that begins one, changed by whoever holds the row's lock, nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import OPEN, PaymentState, Projection
from hub.store.tables import payment, payment_action, payment_event, payment_part


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment. Cents; `provider` is the landlord's name of it."""

    id: UUID
    reference: str
    person_id: UUID
    provider: str
    method: str
    amount_cents: int
    currency: str
    language: str
    return_url: str
    idempotency_key: str
    request_sha256: str
    start_key: str
    state: PaymentState
    reason: str
    gross_cents: int
    captured_cents: int
    refunded_cents: int
    lost_cents: int
    contested_cents: int
    provider_ref: str
    snapshot: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None
    paid_at: datetime | None
    changed_at: datetime
    checks: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def net_cents(self) -> int:
        return self.gross_cents - self.refunded_cents - self.lost_cents


@dataclass(frozen=True, slots=True)
class PartRow:
    """How much of a payment is for an account."""

    payment_id: UUID
    account_id: UUID
    amount_cents: int


@dataclass(frozen=True, slots=True)
class HeardRow:
    """An event with how it reached us."""

    event: PaymentEvent
    channel: str
    heard_at: datetime
    told_by: str


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a request writes of a payment it begins."""

    id: UUID
    reference: str
    person_id: UUID
    provider: str
    method: str
    amount_cents: int
    currency: str
    language: str
    return_url: str
    idempotency_key: str
    request_sha256: str
    start_key: str
    snapshot: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    changed_at: datetime
    retry_of: UUID | None = None


_COLUMNS = tuple(payment.c[field.name] for field in fields(PaymentRow))


async def lock_accounts(conn: AsyncConnection, *, landlord: str, accounts: Sequence[UUID]) -> None:
    """Until this transaction ends nobody else begins a payment for these accounts (requests may lock no row)."""
    for account in sorted(accounts):
        key = f"{landlord}/{account}"
        await conn.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 7))"), {"key": key})


async def insert_payment(
    conn: AsyncConnection, *, landlord: str, new: NewPayment, parts: Mapping[UUID, int], blocks: bool
) -> None:
    """A payment and its parts. `blocks`: no other is begun for these accounts while it is open."""
    row = {field.name: getattr(new, field.name) for field in fields(new)}
    await conn.execute(insert(payment).values(landlord_id=landlord, **row, state="created"))
    rows = [
        {"landlord_id": landlord, "payment_id": new.id, "account_id": account, "amount_cents": cents, "is_open": blocks}
        for account, cents in sorted(parts.items())
    ]
    await conn.execute(insert(payment_part), rows)


async def get_payment(conn: AsyncConnection, payment_id: UUID, *, lock: bool = False) -> PaymentRow | None:
    """One payment of the transaction's landlord; with its row locked until the end, where it is to be changed."""
    statement = select(*_COLUMNS).where(payment.c.id == payment_id)
    return await _one(conn, statement.with_for_update() if lock else statement)


async def find_payment(
    conn: AsyncConnection, *, provider: str, reference: str = "", provider_ref: str = ""
) -> PaymentRow | None:
    """The payment a provider speaks of, by our reference or by its own id; of this provider only."""
    named = payment.c.reference == reference if reference else payment.c.provider_ref == provider_ref
    if not (reference or provider_ref):
        return None
    return await _one(conn, select(*_COLUMNS).where(payment.c.provider == provider, named).limit(1))


async def find_by_reference(conn: AsyncConnection, reference: str) -> PaymentRow | None:
    """The payment with our reference, whatever its provider."""
    return await _one(conn, select(*_COLUMNS).where(payment.c.reference == reference))


async def list_payments(
    conn: AsyncConnection,
    *,
    states: Sequence[str] | None = None,
    account: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[PaymentRow]:
    """The landlord's payments, newest first; `before` goes on after the last one seen."""
    statement = select(*_COLUMNS)
    if states is not None:
        statement = statement.where(payment.c.state.in_(states))
    if account is not None:
        mine = select(payment_part.c.payment_id).where(payment_part.c.account_id == account)
        statement = statement.where(payment.c.id.in_(mine))
    if before is not None:
        statement = statement.where(payment.c.id < before)
    rows = await conn.execute(statement.order_by(payment.c.id.desc()).limit(limit))
    return [_payment(row) for row in rows]


async def parts_of(conn: AsyncConnection, payment_id: UUID) -> list[PartRow]:
    """The parts of a payment, by account."""
    columns = (payment_part.c.payment_id, payment_part.c.account_id, payment_part.c.amount_cents)
    statement = select(*columns).where(payment_part.c.payment_id == payment_id).order_by(payment_part.c.account_id)
    return [PartRow(**row._mapping) for row in await conn.execute(statement)]


async def events_of(conn: AsyncConnection, payment_id: UUID) -> list[HeardRow]:
    """Everything heard of a payment, in the order it was heard."""
    statement = select(payment_event).where(payment_event.c.payment_id == payment_id).order_by(payment_event.c.id)
    return [HeardRow(_event(row), row.channel, row.heard_at, row.told_by) for row in await conn.execute(statement)]


async def add_events(
    conn: AsyncConnection,
    *,
    landlord: str,
    payment_id: UUID,
    events: Sequence[PaymentEvent],
    channel: str,
    now: datetime,
    by: str = "",
) -> int:
    """Note events; the same fact heard again is no news. Gives how many were."""
    rows = [
        {
            "landlord_id": landlord,
            "payment_id": payment_id,
            "event_id": event.id,
            "kind": event.kind.value,
            "ref": event.ref,
            "amount_cents": event.amount_cents,
            "currency": event.currency,
            "occurred_at": event.occurred_at,
            "reason": event.reason,
            "channel": channel,
            "heard_at": now,
            "told_by": by,
        }
        for event in events
    ]
    if not rows:
        return 0
    statement = (
        upsert(payment_event)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["landlord_id", "payment_id", "event_id"])
    )
    return len((await conn.execute(statement.returning(payment_event.c.id))).all())


async def put_projection(
    conn: AsyncConnection,
    *,
    landlord: str,
    held: PaymentRow,
    found: Projection,
    paid_at: datetime | None,
    now: datetime,
) -> None:
    """What the events say by now. Its accounts are free again once nothing more is expected."""
    values = {
        "state": found.state.value,
        "reason": found.reason,
        "gross_cents": found.gross_cents,
        "captured_cents": found.captured_cents,
        "refunded_cents": found.refunded_cents,
        "lost_cents": found.lost_cents,
        "contested_cents": found.contested_cents,
        "paid_at": paid_at,
        "changed_at": now,
        "checks": held.checks if found.state is held.state else 0,
    }
    mine = (payment.c.landlord_id == landlord, payment.c.id == held.id)
    await conn.execute(update(payment).where(*mine).values(values))
    if found.state not in OPEN:
        part = payment_part.c
        of_it = (part.landlord_id == landlord, part.payment_id == held.id, part.is_open)
        await conn.execute(update(payment_part).where(*of_it).values(is_open=False))


async def note_started(
    conn: AsyncConnection, *, landlord: str, payment_id: UUID, now: datetime | None = None, provider_ref: str = ""
) -> None:
    """That the provider is about to be called for the first time, or the name it gave."""
    values: dict[str, Any] = {"provider_ref": provider_ref} if provider_ref else {}
    if now is not None:
        values["started_at"] = func.coalesce(payment.c.started_at, now)
    mine = (payment.c.landlord_id == landlord, payment.c.id == payment_id)
    await conn.execute(update(payment).where(*mine).values(values))


async def count_check(conn: AsyncConnection, *, landlord: str, payment_id: UUID) -> None:
    """One more look that changed nothing."""
    mine = (payment.c.landlord_id == landlord, payment.c.id == payment_id)
    await conn.execute(update(payment).where(*mine).values(checks=payment.c.checks + 1))


async def put_action(
    conn: AsyncConnection, *, landlord: str, payment_id: UUID, person_id: UUID, action: Mapping[str, Any]
) -> None:
    """What the person has to do; the latest is what counts."""
    row = {"landlord_id": landlord, "payment_id": payment_id, "person_id": person_id, "action": dict(action)}
    statement = upsert(payment_action).values(row)
    await conn.execute(
        statement.on_conflict_do_update(index_elements=["landlord_id", "payment_id"], set_={"action": row["action"]})
    )


async def get_action(conn: AsyncConnection, payment_id: UUID) -> dict[str, Any] | None:
    """What there is to do; to requests, only of the person asking."""
    statement = select(payment_action.c.action).where(payment_action.c.payment_id == payment_id)
    action: dict[str, Any] | None = (await conn.execute(statement)).scalar_one_or_none()
    return action


async def _one(conn: AsyncConnection, statement: Any) -> PaymentRow | None:
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else _payment(row)


def _payment(row: Any) -> PaymentRow:
    return PaymentRow(**{**row._mapping, "state": PaymentState(row.state)})


def _event(row: Any) -> PaymentEvent:
    return PaymentEvent(
        row.event_id, EventKind(row.kind), row.occurred_at, row.ref, row.amount_cents, row.currency, row.reason
    )
