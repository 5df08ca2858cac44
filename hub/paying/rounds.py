"""The round every worker makes each minute for payments: what is asked again by the clock, and who is to be told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from hub.config import LandlordConfig
from hub.jobs import Job, JobRuntime, finish
from hub.jobs.retry import describe
from hub.paying.hear import look_again
from hub.paying.parts import PAYMENTS, POSTINGS, PayingParts
from hub.paying.plan import ask_to_post
from hub.paying.post import read_answers
from hub.paying.settle import read_settlements
from hub.store.alert_rows import PAYMENTS_FEED, Problem, close_alerts, open_alert
from hub.store.domain_events import emit
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.job_rows import enqueue, was_asked
from hub.store.landlord_rows import list_landlords, live_config
from hub.store.payment_rows import get_payment
from hub.store.payment_troubles import count_troubles
from hub.store.posting_rows import any_sent, take_overdue
from hub.store.unwatched_rows import unwatched_payments, unwatched_postings
from hub.store.vault import get_secrets
from hub.telling.alerts import Event, ask_to_tell

ANSWERS_KIND: Final = "erp.answers"
SETTLE_KIND: Final = "pay.settle"
_ANSWERS_EVERY: Final = timedelta(minutes=5)
_GIVEN_UP_FOR: Final = timedelta(days=1)
_SETTLE_AT: Final = 7
"""The landlord's hour from which the day's remittances are asked for."""
_PAYMENTS: Final[tuple[Problem, ...]] = ("payments",)
_log: Final = structlog.get_logger(__name__)


async def make_paying_round(parts: PayingParts) -> None:
    """Look after every landlord that takes payments. Several workers may do it at once."""
    after = ""
    while True:
        async with scope(parts.engine, None, readonly=True) as conn:
            page = await list_landlords(conn, after=after)
        for one in page:
            try:
                await _look_after(parts, one.slug)
            except Exception as error:  # noqa: BLE001  # one landlord's trouble keeps no other from being looked after
                _log.warning("cannot look after payments", landlord=one.slug, reason=describe(error))
        if not page:
            return
        after = page[-1].slug


async def handle_answers(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `erp.answers`: what the ERP says of batches sent earlier."""
    await read_answers(parts, await parts.config(job.landlord))
    async with scope(parts.engine, job.landlord) as conn:
        await finish(conn, job)


async def handle_settle(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.settle`: payload `{provider}`: its remittances of the last days, against our payments."""
    await read_settlements(parts, await parts.config(job.landlord), str(job.payload["provider"]))
    async with scope(parts.engine, job.landlord) as conn:
        await finish(conn, job)


async def _look_after(parts: PayingParts, slug: str) -> None:
    now = parts.clock.now()
    async with scope(parts.engine, slug) as conn:
        stored = await live_config(conn, landlord=slug)
        if stored is None:
            return
        secrets = await get_secrets(conn, parts.sync.vault, landlord=slug)
        config = LandlordConfig.from_json(stored.config, parts.sync.registry).with_secrets(secrets)
        if config.providers:
            await _watch(conn, config, now)
            await _ask_for_answers(conn, config, now)
            await _ask_to_settle(conn, config, now)
            await _tell_overdue(conn, config, now)
        await _tell_troubles(conn, config, now)


async def _watch(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    """Nothing is forgotten because its job was: what still has to be asked or told gets a new one, a day after the old
    one was given up on at the latest."""
    since = now - _GIVEN_UP_FOR
    for payment_id in await unwatched_payments(conn, since=since):
        if (held := await get_payment(conn, payment_id)) is not None:
            await look_again(conn, config.slug, held, now=now)
    for row in await unwatched_postings(conn, since=since):
        await ask_to_post(conn, config, row.id, account=row.account_id, now=now)


async def _ask_for_answers(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    if config.erp is None or not await any_sent(conn):
        return
    slot = int(now.timestamp() // _ANSWERS_EVERY.total_seconds())
    await _ask(conn, config, ANSWERS_KIND, POSTINGS, f"{slot}", {}, now, needs=(config.erp,))


async def _ask_to_settle(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    """Once a day for each provider that gives remittances; a second worker asks for the same job."""
    local = now.astimezone(ZoneInfo(config.identity.time_zone))
    for name in config.providers:
        if config.provider_class(name).capabilities.settles and local.hour >= _SETTLE_AT:
            key = f"{name}-{local.date()}"
            if not await was_asked(conn, landlord=config.slug, kind=SETTLE_KIND, dedup_key=key):
                await _ask(conn, config, SETTLE_KIND, PAYMENTS, key, {"provider": name}, now)


async def _tell_overdue(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    """Postings no entry shows after so many days: told once."""
    before = now - timedelta(days=config.payments.alert_days)
    for row in await take_overdue(conn, before=before, now=now):
        data = {"posting": row.reference, "payment": str(row.payment_id), "state": row.state}
        await emit(
            conn,
            landlord=config.slug,
            kind="posting.overdue",
            subject=f"payment:{row.payment_id}",
            data=data,
            now=now,
        )


async def _tell_troubles(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    """People are told once that payments need them, and once that none does any more; a landlord who stopped taking
    payments has old ones to see to."""
    troubles = await count_troubles(conn, now=now, alert_days=config.payments.alert_days)
    event: Event = "problem" if troubles.any else "recovered"
    if troubles.any:
        opened = await open_alert(
            conn, landlord=config.slug, feed=PAYMENTS_FEED, problem="payments", run_id=None, now=now
        )
        alerts = [opened] if opened else []
    else:
        alerts = await close_alerts(conn, landlord=config.slug, feed=PAYMENTS_FEED, problems=_PAYMENTS, now=now)
    if alerts:
        await ask_to_tell(conn, config, event, alerts, key=f"payments-{alerts[-1].id}", now=now)


async def _ask(
    conn: Connection,
    config: LandlordConfig,
    kind: str,
    queue: str,
    key: str,
    payload: dict[str, str],
    now: datetime,
    needs: tuple[str, ...] = (),
) -> None:
    await enqueue(
        conn,
        landlord=config.slug,
        queue=queue,
        kind=kind,
        dedup_key=key,
        order_key=f"{kind}-{payload.get('provider', '')}",
        payload=payload,
        needs=needs,
        now=now,
        max_attempts=5,
    )
