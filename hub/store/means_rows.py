"""Means of payment and the landlord's policy as applied: what requests need to know of them, without any secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import payment_means, payment_policy


@dataclass(frozen=True, slots=True)
class Means:
    """A means of payment (*moyen de paiement*). `label`, `note` by language; `answer_…`: what webhooks are answered."""

    provider: str
    position: int
    method: str
    flow: str
    label: Mapping[str, str]
    note: Mapping[str, str]
    fee_cents: int
    accounts: tuple[str, ...]
    least_cents: int
    most_cents: int
    lifetime_seconds: int
    can_cancel: bool
    enabled: bool
    webhook: str
    answer_status: int
    answer_type: str
    answer_body: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """What a landlord lets its tenants pay."""

    minimum_cents: int
    advance_cents: int
    allocation: str
    return_urls: tuple[str, ...]


_MEANS = tuple(payment_means.c[field.name] for field in fields(Means))
_POLICY = tuple(payment_policy.c[field.name] for field in fields(Policy))


async def list_means(conn: AsyncConnection) -> list[Means]:
    """The landlord's means of payment, in the order tenants see them."""
    rows = await conn.execute(select(*_MEANS).order_by(payment_means.c.position, payment_means.c.provider))
    return [_means(row) for row in rows]


async def find_means(conn: AsyncConnection, provider: str) -> Means | None:
    """One means of payment."""
    row = (await conn.execute(select(*_MEANS).where(payment_means.c.provider == provider))).one_or_none()
    return None if row is None else _means(row)


async def get_policy(conn: AsyncConnection) -> Policy | None:
    """The landlord's policy; None where it takes no payments."""
    row = (await conn.execute(select(*_POLICY))).one_or_none()
    return None if row is None else Policy(**{**row._mapping, "return_urls": tuple(row.return_urls)})


async def put_means(conn: AsyncConnection, *, landlord: str, policy: Policy | None, means: Sequence[Means]) -> None:
    """Replace them by what was applied, where it differs."""
    if await get_policy(conn) != policy:
        await conn.execute(delete(payment_policy).where(payment_policy.c.landlord_id == landlord))
        if policy is not None:
            await conn.execute(upsert(payment_policy).values(landlord_id=landlord, **_row(policy)))
    if await list_means(conn) != sorted(means, key=lambda one: (one.position, one.provider)):
        await conn.execute(delete(payment_means).where(payment_means.c.landlord_id == landlord))
        for one in means:
            await conn.execute(insert(payment_means).values(landlord_id=landlord, **_row(one)))


def _row(one: Means | Policy) -> dict[str, Any]:
    values = {field.name: getattr(one, field.name) for field in fields(one)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _means(row: Any) -> Means:
    return Means(**{**row._mapping, "accounts": tuple(row.accounts), "answer_body": bytes(row.answer_body)})
