"""The day in a dozen lines: runs, the age of what tenants see, and what waits for a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from hub.config import LandlordConfig
from hub.store.alert_rows import list_open_alerts
from hub.store.feed_facts import FeedFacts, count_runs, feed_facts
from hub.store.handles import Connection
from hub.store.payment_troubles import count_troubles
from hub.telling.payment_text import trouble_texts

_DAY: Final = timedelta(days=1)


async def summary_text(conn: Connection, config: LandlordConfig, *, now: datetime) -> list[str]:
    """The landlord's last 24 hours and how its feeds stand, line by line. No personal data."""
    facts = await feed_facts(conn, landlord=config.slug)
    runs = await count_runs(conn, landlord=config.slug, since=now - _DAY)
    alerts = await list_open_alerts(conn, landlord=config.slug)
    told = ", ".join(f"{count} {state}" for state, count in sorted(runs.items())) or "none"
    lines = [f"Runs of the last 24 hours: {told}"]
    lines += [_feed_line(feed.name, facts, now) for feed in config.feeds]
    named = [f"{one.feed} {one.problem}" for one in alerts if one.problem != "payments"]
    lines += ["", "Open: " + (", ".join(named) or "nothing")]
    if facts.rejects:
        lines.append(f"{sum(facts.rejects.values()):,} lines in quarantine: housing-hub quarantine list {config.slug}")
    if facts.holds:
        lines.append(f"{sum(facts.holds.values())} holds wait for a decision: housing-hub holds list {config.slug}")
    days = config.payments.alert_days
    troubles = await count_troubles(conn, now=now, alert_days=days)
    lines += [f"{text}: {do}" for text, do in trouble_texts(config.slug, troubles, alert_days=days)]
    if facts.dead_jobs:
        lines.append(f"{facts.dead_jobs} jobs were given up on: housing-hub jobs dead {config.slug}")
    return lines


def _feed_line(feed: str, facts: FeedFacts, now: datetime) -> str:
    as_of = facts.as_of.get(feed)
    if as_of is None:
        return f"  {feed:<18}never applied"
    hours = (now - as_of).total_seconds() / 3600
    rejects = facts.rejects.get(feed)
    noted = f", {rejects:,} in quarantine" if rejects else ""
    return f"  {feed:<18}as of {as_of:%Y-%m-%d %H:%M} UTC, {hours:,.0f} h old{noted}"
