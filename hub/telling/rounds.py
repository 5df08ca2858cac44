"""The round every worker makes each minute: what is late, what is due to be told again, and the gauges."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Final

import structlog

from hub.config import LandlordConfig
from hub.domain.lateness import late_after, latest_slot
from hub.domain.schedule import Schedule
from hub.jobs.retry import describe
from hub.store.alert_rows import (
    PAYMENTS_FEED,
    Alert,
    Problem,
    close_alerts,
    list_open_alerts,
    open_alert,
    take_reminders,
    take_slot,
)
from hub.store.engine import scope
from hub.store.feed_facts import FeedFacts, feed_facts
from hub.store.handles import Connection
from hub.store.landlord_rows import list_landlords, live_config
from hub.telling.alerts import ask_for_summary, ask_to_tell
from hub.telling.metrics import Standing
from hub.telling.parts import TellingParts

_LATE: Final[tuple[Problem, ...]] = ("late",)
_REMIND_AFTER: Final = timedelta(days=1)
_log: Final = structlog.get_logger(__name__)


async def make_round(parts: TellingParts) -> None:
    """Look after every landlord, one transaction each, and show how all stand. Several workers may do it at once.

    One landlord's trouble keeps no other from being looked after. Raises StoreError when the directory cannot be read.
    """
    standing: dict[str, Standing] = {}
    async for slug in _slugs(parts):
        try:
            found = await _look_after(parts, slug)
        except Exception as error:  # noqa: BLE001  # a stored configuration may be of another version, or broken
            _log.warning("cannot look after a landlord", landlord=slug, reason=describe(error))
            continue
        if found is not None:
            standing[slug] = found
    parts.metrics.show(standing, now=parts.clock.now())


async def _slugs(parts: TellingParts) -> AsyncIterator[str]:
    after = ""
    while True:
        async with scope(parts.engine, None, readonly=True) as conn:
            page = await list_landlords(conn, after=after)
        for one in page:
            yield one.slug
        if not page:
            return
        after = page[-1].slug


async def _look_after(parts: TellingParts, slug: str) -> Standing | None:
    now = parts.clock.now()
    async with scope(parts.engine, slug) as conn:
        stored = await live_config(conn, landlord=slug)
        if stored is None:
            return None
        config = LandlordConfig.from_json(stored.config, parts.registry)
        facts = await feed_facts(conn, landlord=slug)
        late = late_feeds(config, facts, now)
        await _tell_lateness(conn, config, late, now)
        await _forget_gone(conn, config, now)
        await _remind(conn, config, now)
        await _summarise(conn, config, now)
        problems = Counter[str](one.problem for one in await list_open_alerts(conn, landlord=slug))
    return Standing([feed.name for feed in config.feeds], facts, late, problems)


def late_feeds(config: LandlordConfig, facts: FeedFacts, now: datetime) -> set[str]:
    """The feeds whose served data is older than their schedule explains.

    A delta says what is new, and on many days nothing is: while its source is looked at, it is fresh. A snapshot or
    window that no longer comes is late, however often the old one is found.
    """
    zone, late = config.identity.time_zone, set()
    for feed in config.feeds:
        as_of = facts.as_of.get(feed.name)
        if as_of is not None and feed.mode == "delta":
            as_of = max(as_of, facts.looked.get(feed.name, as_of))
        deadline = None if as_of is None else late_after(config.plan(feed), as_of, zone, key=config.slug)
        if deadline is not None and deadline <= now:
            late.add(feed.name)
    return late


async def _tell_lateness(conn: Connection, config: LandlordConfig, late: Collection[str], now: datetime) -> None:
    opened: list[Alert] = []
    closed: list[Alert] = []
    for feed in config.feeds:
        if feed.name in late:
            found = await open_alert(conn, landlord=config.slug, feed=feed.name, problem="late", run_id=None, now=now)
            opened += [found] if found else []
        else:
            closed += await close_alerts(conn, landlord=config.slug, feed=feed.name, problems=_LATE, now=now)
    if opened:
        await ask_to_tell(conn, config, "problem", opened, key=f"late-{opened[-1].id}", now=now)
    if closed:
        await ask_to_tell(conn, config, "recovered", closed, key=f"late-{closed[-1].id}", now=now)


async def _forget_gone(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    """Problems of feeds that are configured no longer. Those of payments are the paying round's to end."""
    known = {*(feed.name for feed in config.feeds), PAYMENTS_FEED}
    for one in await list_open_alerts(conn, landlord=config.slug):
        if one.feed not in known:
            await close_alerts(conn, landlord=config.slug, feed=one.feed, problems=(one.problem,), now=now)


async def _remind(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    alerts = await take_reminders(conn, landlord=config.slug, before=now - _REMIND_AFTER, now=now)
    if alerts:
        await ask_to_tell(conn, config, "reminder", alerts, key=now.isoformat(), now=now)


async def _summarise(conn: Connection, config: LandlordConfig, now: datetime) -> None:
    if config.identity.summary is None:
        return
    slot = latest_slot(Schedule.parse(config.identity.summary), now, config.identity.time_zone)
    if slot is not None and await take_slot(conn, landlord=config.slug, topic="summary", slot=slot):
        await ask_for_summary(conn, config, slot=slot, now=now)
