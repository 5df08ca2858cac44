"""The inbox: webhooks as they came, sealed, until a worker has judged them; then what became of them, without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import job, payment_webhook

QUEUE = "payments"


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook, or a browser that came back (`channel`)."""

    id: int
    provider: str
    channel: str
    sha256: str
    sealed: bytes | None
    key_id: int
    received_at: datetime
    state: str
    tries: int


_COLUMNS = tuple(
    payment_webhook.c[name]
    for name in ("id", "provider", "channel", "sha256", "sealed", "key_id", "received_at", "state", "tries")
)


async def put_webhook(
    conn: AsyncConnection,
    *,
    landlord: str,
    provider: str,
    channel: str,
    sha256: str,
    sealed: bytes,
    key_id: int,
    now: datetime,
) -> None:
    """Keep a webhook and ask for its judgement; one that waits already is kept once. What a request may do and no more.

    Requests may not read the inbox: nothing is given back, and the job names the webhook by its digest.
    """
    row = {
        "landlord_id": landlord,
        "provider": provider,
        "channel": channel,
        "sha256": sha256,
        "sealed": sealed,
        "key_id": key_id,
        "received_at": now,
    }
    await conn.execute(upsert(payment_webhook).values(row).on_conflict_do_nothing().inline())
    payload = {"provider": provider, "channel": channel, "sha256": sha256}
    await ask_for_work(
        conn, landlord=landlord, kind="pay.webhook", key=f"{provider}-{channel}-{sha256}", payload=payload, now=now
    )


async def ask_for_work(
    conn: AsyncConnection,
    *,
    landlord: str,
    kind: str,
    key: str,
    payload: dict[str, Any],
    now: datetime,
    run_at: datetime | None = None,
) -> None:
    """A job of the payments queue, as a request may write it; one that is open already is not asked for again."""
    row = {
        "landlord_id": landlord,
        "queue": QUEUE,
        "kind": kind,
        "dedup_key": key,
        "run_at": run_at or now,
        "payload": payload,
        "max_attempts": 8,
        "created_at": now,
    }
    # Inline: else the id is asked for too, and requests may read no job.
    await conn.execute(upsert(job).values(row).on_conflict_do_nothing().inline())


async def take_webhook(conn: AsyncConnection, *, provider: str, channel: str, sha256: str) -> WebhookRow | None:
    """The webhook that waits, its row locked; None when it was judged meanwhile."""
    hook = payment_webhook.c
    statement = select(*_COLUMNS).where(
        hook.provider == provider, hook.channel == channel, hook.sha256 == sha256, hook.state.in_(("new", "parked"))
    )
    row = (await conn.execute(statement.with_for_update())).one_or_none()
    return None if row is None else WebhookRow(**row._mapping)


async def judged(
    conn: AsyncConnection,
    *,
    landlord: str,
    webhook_id: int,
    state: str,
    reason: str,
    now: datetime,
    payment_id: UUID | None = None,
) -> None:
    """What became of a webhook. Its bytes go, unless it is parked until its payment is known."""
    hook = payment_webhook.c
    values: dict[str, Any] = {"state": state, "reason": reason, "payment_id": payment_id, "judged_at": now}
    values |= {"tries": hook.tries + 1} if state == "parked" else {"sealed": None}
    mine = (hook.landlord_id == landlord, hook.id == webhook_id)
    await conn.execute(update(payment_webhook).where(*mine).values(values))


async def webhooks_of(conn: AsyncConnection, payment_id: UUID) -> list[Any]:
    """What the inbox knows of a payment, oldest first: id, channel, received_at, state, reason."""
    names = ("id", "channel", "received_at", "state", "reason")
    columns = (payment_webhook.c[name] for name in names)
    statement = select(*columns).where(payment_webhook.c.payment_id == payment_id).order_by(payment_webhook.c.id)
    return list((await conn.execute(statement)).all())


async def count_refused(conn: AsyncConnection, *, since: datetime) -> dict[str, int]:
    """Webhooks refused since then, by reason."""
    hook = payment_webhook.c
    statement = select(hook.reason, func.count()).where(hook.state == "refused", hook.received_at >= since)
    return {row[0]: row[1] for row in await conn.execute(statement.group_by(hook.reason))}
