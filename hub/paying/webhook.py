"""Judge what came to the inbox. A webhook proves that something happened; what happened, the provider is asked.

Only where a provider cannot be asked (`poll` False) is a signed message believed, and then only as far as it fits.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.payment_events import PaymentEvent
from hub.errors import HubError, RetryableError
from hub.jobs import Job, JobRuntime, finish
from hub.paying.hear import Channel, hear
from hub.paying.parts import PAYMENTS, PayingParts, able_to, log, open_provider
from hub.paying.start import ref_of
from hub.ports import Heard as About
from hub.ports import PaymentProvider, RawRequest, WebhookRefusedError
from hub.store.engine import scope
from hub.store.handles import Connection, StoreError
from hub.store.job_rows import enqueue
from hub.store.payment_rows import PaymentRow, find_payment
from hub.store.vault import open_sealed
from hub.store.webhook_rows import WebhookRow, judged, take_webhook
from hub.sync.threads import in_thread

PARKED_FOR: Final = timedelta(hours=24)
_PARKED_TRIES: Final = (2, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a webhook turned out to be. `facts`: by payment, what is to be heard."""

    state: str
    reason: str = ""
    payment: UUID | None = None
    facts: tuple[tuple[UUID, tuple[PaymentEvent, ...]], ...] = ()


async def handle_webhook(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.webhook`: payload `{provider, channel, sha256}`."""
    named = {name: str(job.payload[name]) for name in ("provider", "channel", "sha256")}
    config = await parts.config(job.landlord)
    async with scope(parts.engine, job.landlord) as conn:
        row = await take_webhook(conn, **named)
        raw = None if row is None else await _open(parts, conn, job.landlord, row)
    judgement = None if row is None or raw is None else await judge(parts, config, row, raw)
    rings: tuple[str, ...] = ()
    async with scope(parts.engine, job.landlord) as conn:
        await finish(conn, job)
        if row is not None and judgement is not None:
            rings = await _keep(parts, config, conn, row, judgement)
    for queue in rings:
        runtime.bell.ring(queue)


async def judge(parts: PayingParts, config: LandlordConfig, row: WebhookRow, raw: RawRequest) -> Judgement:
    """Verify, find out whom it concerns, and ask the provider. Raises RetryableError while it cannot be asked."""
    if row.provider not in config.providers:
        return Judgement("refused", "unknown_provider")
    try:
        async with open_provider(parts, config, row.provider) as provider:
            return await _judge(parts, config, provider, row, raw)
    except WebhookRefusedError as refused:
        return Judgement("refused", refused.reason)
    except (RetryableError, StoreError):
        raise  # a provider or a database that is away says nothing about the webhook: it is judged later
    except HubError as error:
        return Judgement("refused", error.code.lower())
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything, on a stranger's bytes most of all
        log.warning("webhook of %s: %s", row.provider, type(error).__name__)
        return Judgement("refused", "unreadable")


async def _judge(
    parts: PayingParts, config: LandlordConfig, provider: PaymentProvider[Any], row: WebhookRow, raw: RawRequest
) -> Judgement:
    if row.channel == "return" and able_to(provider).poll:
        abouts: Sequence[About] = [About(reference=raw.query.get("reference", ""))]
    else:
        verified = await in_thread(provider.verify_webhook, raw)
        abouts = await in_thread(provider.parse_webhook, verified)
    facts: list[tuple[UUID, tuple[PaymentEvent, ...]]] = []
    for about in abouts:
        async with scope(parts.engine, config.slug) as conn:
            held = await find_payment(
                conn, provider=row.provider, reference=about.reference, provider_ref=about.provider_ref
            )
        if held is not None:
            facts.append((held.id, await _facts(provider, held, about)))
    if not abouts:
        return Judgement("noted", "nothing_about_payments")
    if not facts:
        return Judgement("parked", "unknown_payment")
    return Judgement("applied", payment=facts[0][0], facts=tuple(facts))


async def _facts(provider: PaymentProvider[Any], held: PaymentRow, about: About) -> tuple[PaymentEvent, ...]:
    """The provider's own answer, where it can be asked; else what the verified message says."""
    if able_to(provider).poll:
        return tuple(await in_thread(provider.fetch, ref_of(held)))
    return tuple(about.events)


async def _keep(
    parts: PayingParts, config: LandlordConfig, conn: Connection, row: WebhookRow, judgement: Judgement
) -> tuple[str, ...]:
    now = parts.clock.now()
    channel: Channel = "return" if row.channel == "return" else "webhook"
    rings: list[str] = []
    for payment_id, events in judgement.facts:
        known = [event for event in events if event.kind.value != "not_found"]
        rings += (await hear(conn, config, payment_id, known, channel=channel, now=now)).rings
    state, reason = judgement.state, judgement.reason
    if state == "parked" and row.received_at + PARKED_FOR <= now:
        state = "refused"
    await judged(
        conn,
        landlord=config.slug,
        webhook_id=row.id,
        state=state,
        reason=reason,
        payment_id=judgement.payment,
        now=now,
    )
    if state == "parked":
        await _again(conn, config.slug, row, now)
    return tuple(rings)


async def _again(conn: Connection, landlord: str, row: WebhookRow, now: datetime) -> None:
    """A webhook may be faster than our own commit: it is looked at again for a day."""
    wait = _PARKED_TRIES[min(row.tries, len(_PARKED_TRIES) - 1)]
    await enqueue(
        conn,
        landlord=landlord,
        queue=PAYMENTS,
        kind="pay.webhook",
        dedup_key=f"{row.provider}-{row.channel}-{row.sha256}",
        payload={"provider": row.provider, "channel": row.channel, "sha256": row.sha256},
        now=now,
        run_at=now + timedelta(seconds=wait),
        max_attempts=8,
    )


async def _open(parts: PayingParts, conn: Connection, landlord: str, row: WebhookRow) -> RawRequest | None:
    """The request as it came."""
    if row.sealed is None:
        return None
    key = await parts.sync.vault.data_key(conn, landlord=landlord, key_id=row.key_id)
    opened = open_sealed(key, connector=f"webhook.{row.provider}", field=row.sha256, sealed=row.sealed)
    told = json.loads(opened)
    return RawRequest(
        channel="return" if row.channel == "return" else "webhook",
        body=base64.b64decode(told["body"]),
        headers=told["headers"],
        query=told["query"],
        received_at=row.received_at,
    )
