"""Send what was asked for: the handler of jobs of kind `notify`, and the operator's test message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import structlog
from pydantic import SecretStr

from hub.config import LandlordConfig
from hub.config.notify import Notify
from hub.errors import HubError, NotFoundError
from hub.jobs import Job, JobRuntime
from hub.store.alert_rows import Alert, get_alerts
from hub.store.breaker_rows import breakers_waited_for
from hub.store.engine import scope
from hub.store.feed_facts import feed_facts
from hub.store.handles import Connection
from hub.store.landlord_rows import live_config
from hub.store.payment_troubles import count_troubles
from hub.store.run_rows import get_run
from hub.store.vault import get_secrets
from hub.telling.mail import send_mail
from hub.telling.message import Message, compose, language_of
from hub.telling.parts import TellingParts
from hub.telling.payment_text import trouble_lines
from hub.telling.run_text import run_text
from hub.telling.summary import summary_text
from hub.telling.webhook import send_webhook

_log: Final = structlog.get_logger(__name__)


async def handle_notify(job: Job, runtime: JobRuntime, parts: TellingParts) -> None:
    """The job of kind `notify`: payload `{id, target, event, alerts, run_id}`. Raises what sending does."""
    async with scope(parts.engine, job.landlord) as conn:
        config = await _live(conn, job.landlord, parts)
        target = next((one for one in config.notify if one.called == job.payload["target"]), None)
        if target is None:
            _log.info("nobody to tell any more", landlord=job.landlord, target=job.payload["target"])
            return
        message = await _composed(conn, config, target, job.payload, parts)
        secret = await _secret(conn, job.landlord, target, parts)
    said = await _send(message, target, secret, parts)
    _log.info("told", landlord=job.landlord, target=target.called, what=message.event, said=said)


async def send_test(parts: TellingParts, landlord: str) -> list[tuple[str, bool, str]]:
    """A test message to everyone the landlord's file names: (name, whether it went out, what happened).

    Raises NotFoundError when nobody is named.
    """
    async with scope(parts.engine, landlord) as conn:
        config = await _live(conn, landlord, parts)
        secrets = [await _secret(conn, landlord, target, parts) for target in config.notify]
    if not config.notify:
        raise NotFoundError(f"the file of {landlord} names nobody to tell", hint="write a [[notify]], and apply it")
    told = []
    for target, secret in zip(config.notify, secrets, strict=True):
        message = _framed(config, target, {"id": str(uuid4()), "event": "test"}, parts)
        try:
            told.append((target.called, True, await _send(message, target, secret, parts)))
        except HubError as error:
            told.append((target.called, False, str(error)))
    return told


async def _live(conn: Connection, landlord: str, parts: TellingParts) -> LandlordConfig:
    stored = await live_config(conn, landlord=landlord)
    if stored is None:
        raise NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
    return LandlordConfig.from_json(stored.config, parts.registry)


async def _secret(conn: Connection, landlord: str, target: Notify, parts: TellingParts) -> SecretStr | None:
    found = await get_secrets(conn, parts.vault, landlord=landlord, connector=target.owner)
    return found.get((target.owner, "secret"))


async def _composed(
    conn: Connection, config: LandlordConfig, target: Notify, asked: Any, parts: TellingParts
) -> Message:
    alerts = await get_alerts(conn, landlord=config.slug, ids=asked["alerts"])
    if asked["event"] == "summary":
        body: Sequence[str] = await summary_text(conn, config, now=parts.clock.now())
    else:
        body = [*await _seen(conn, config, asked["run_id"]), *await _payments(conn, config, asked, alerts, parts)]
    return _framed(config, target, asked, parts, alerts=alerts, body=body)


def _framed(config: LandlordConfig, target: Notify, asked: Any, parts: TellingParts, **more: Any) -> Message:
    return compose(
        message_id=asked["id"],
        landlord=config.slug,
        name=config.identity.name,
        event=asked["event"],
        language=language_of(target.language, config.identity.locale),
        run_id=asked.get("run_id"),
        now=parts.clock.now(),
        **more,
    )


async def _seen(conn: Connection, config: LandlordConfig, run_id: int | None) -> Sequence[str]:
    """The text of `runs show`."""
    run = None if run_id is None else await get_run(conn, run_id)
    if run is None:
        return ()
    waits_for = await breakers_waited_for(conn, landlord=config.slug, run_id=run.id)
    return run_text(config.slug, run, (await feed_facts(conn, landlord=config.slug)).as_of, waits_for)


async def _payments(
    conn: Connection, config: LandlordConfig, asked: Any, alerts: Sequence[Alert], parts: TellingParts
) -> Sequence[str]:
    """Which payments need a person, as it stands when it is told."""
    if asked["event"] == "recovered" or all(one.problem != "payments" for one in alerts):
        return ()
    days = config.payments.alert_days
    troubles = await count_troubles(conn, now=parts.clock.now(), alert_days=days)
    return trouble_lines(config.slug, troubles, alert_days=days)


async def _send(message: Message, target: Notify, secret: SecretStr | None, parts: TellingParts) -> str:
    now = parts.clock.now()
    if target.webhook:
        return await asyncio.to_thread(send_webhook, message, target, secret=secret, now=now)
    return await asyncio.to_thread(
        send_mail, message, smtp_url=parts.smtp_url, sender=parts.mail_from, addresses=target.mail, now=now
    )
